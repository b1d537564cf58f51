"""Batch jobs: one operation on every run that a query finds, done by Temporal or by Tideline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.model import Json


class BatchState(StrEnum):
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
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
    skipped: int | None = None
    """Runs that did not match any more at their turn; only Tideline's own jobs know it, and what follows."""
    problem: str | None = None
    filter: Mapping[str, Json] | None = None
    workflow_id: str | None = None
    """Of the run that does it; None for Temporal's jobs."""
