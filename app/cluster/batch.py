"""Batch jobs: one operation on every run that a query finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BatchState(StrEnum):
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch job. What only describe tells is None in a list."""

    namespace: str
    job_id: str
    state: BatchState
    operation: str
    """Temporal's name, such as TERMINATE_WORKFLOW."""
    start_time: datetime | None
    close_time: datetime | None
    identity: str | None = None
    reason: str | None = None
    query: str | None = None
    total: int | None = None
    completed: int | None = None
    failed: int | None = None
