"""Bars of a timeline, and phases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.model.execution import ExecutionRef
from app.model.failure import Failure
from app.model.values import Json, Payload, milliseconds


class TimelineKind(StrEnum):
    WORKFLOW_TASK = "WORKFLOW_TASK"
    ACTIVITY = "ACTIVITY"
    LOCAL_ACTIVITY = "LOCAL_ACTIVITY"
    TIMER = "TIMER"
    CHILD_WORKFLOW = "CHILD_WORKFLOW"
    SIGNAL = "SIGNAL"
    UPDATE = "UPDATE"
    NEXUS_OPERATION = "NEXUS_OPERATION"
    PHASE = "PHASE"
    MARKER = "MARKER"


class TimelineStatus(StrEnum):
    SCHEDULED = "SCHEDULED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELED = "CANCELED"
    TERMINATED = "TERMINATED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One bar of a Gantt chart. `key` is unique within the run and stable from its first event to its last."""

    key: str
    kind: TimelineKind
    name: str
    status: TimelineStatus
    start_time: datetime
    end_time: datetime | None = None
    attempt: int | None = None
    lane: int = 0
    """Row index: items that overlap have different lanes."""
    event_ids: tuple[int, ...] = ()
    failure: Failure | None = None
    activity_id: str | None = None
    child: ExecutionRef | None = None
    summary: str | None = None
    input: tuple[Payload, ...] = ()
    result: tuple[Payload, ...] = ()
    detail: Mapping[str, Json] = field(default_factory=dict)


class PhaseStatus(StrEnum):
    PENDING = "PENDING"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Phase:
    """A named stage of a run. Phases of one `parallel_group` run side by side."""

    name: str
    status: PhaseStatus
    start_time: datetime | None = None
    close_time: datetime | None = None
    parallel_group: str | None = None
    event_ids: tuple[int, ...] = ()

    @property
    def duration_ms(self) -> float | None:
        """From its first start to its last end; None while open, and for one that was skipped."""
        return milliseconds(self.start_time, self.close_time)
