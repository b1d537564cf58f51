"""Activities, and what only describe knows of them while they are open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.model.failure import Failure, RetryPolicy
from app.model.values import Payload, milliseconds


class ActivityStatus(StrEnum):
    SCHEDULED = "SCHEDULED"
    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    PAUSED = "PAUSED"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELED = "CANCELED"

    @property
    def is_closed(self) -> bool:
        return self in {
            ActivityStatus.COMPLETED,
            ActivityStatus.FAILED,
            ActivityStatus.TIMED_OUT,
            ActivityStatus.CANCELED,
        }


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of an activity. Temporal keeps the times of the last attempt only; earlier ones are known when
    somebody watched while they ran, or by their failure."""

    attempt: int
    start_time: datetime | None = None
    close_time: datetime | None = None
    failure: Failure | None = None
    worker_identity: str | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    time: datetime
    details: tuple[Payload, ...] = ()


@dataclass(frozen=True, slots=True)
class Activity:
    activity_id: str
    activity_type: str
    status: ActivityStatus
    scheduled_event_id: int
    scheduled_time: datetime
    attempt: int = 1
    start_time: datetime | None = None
    """Start of the last attempt."""
    close_time: datetime | None = None
    next_attempt_time: datetime | None = None
    task_queue: str | None = None
    is_local: bool = False
    summary: str | None = None
    input: tuple[Payload, ...] = ()
    result: tuple[Payload, ...] = ()
    failure: Failure | None = None
    """Why it closed without a result."""
    last_failure: Failure | None = None
    """Why the attempt before the current one failed."""
    heartbeat: Heartbeat | None = None
    retry_policy: RetryPolicy | None = None
    worker_identity: str | None = None
    attempts: tuple[Attempt, ...] = ()
    start_to_close_timeout: float | None = None
    heartbeat_timeout: float | None = None

    @property
    def queue_ms(self) -> float | None:
        """From its schedule to its start; None once it was retried, when Temporal no longer knows."""
        return milliseconds(self.scheduled_time, self.start_time) if self.attempt == 1 else None

    @property
    def duration_ms(self) -> float | None:
        """From its start, or its schedule where it was retried, to its close; None while open."""
        return milliseconds(self.start_time if self.attempt == 1 else self.scheduled_time, self.close_time)


class PendingActivityState(StrEnum):
    SCHEDULED = "SCHEDULED"
    STARTED = "STARTED"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    PAUSED = "PAUSED"
    PAUSE_REQUESTED = "PAUSE_REQUESTED"


@dataclass(frozen=True, slots=True)
class PendingActivity:
    """An open activity as describe tells it: what history will only say once it closes."""

    activity_id: str
    activity_type: str
    state: PendingActivityState
    attempt: int
    scheduled_time: datetime | None = None
    """Of the attempt that is next, where one is to come."""
    last_started_time: datetime | None = None
    last_attempt_complete_time: datetime | None = None
    next_attempt_time: datetime | None = None
    maximum_attempts: int | None = None
    last_failure: Failure | None = None
    last_worker_identity: str | None = None
    heartbeat: Heartbeat | None = None
    paused: bool = False
    pause_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class PendingWorkflowTask:
    state: str
    scheduled_time: datetime | None
    started_time: datetime | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Compensation:
    """An activity that undoes earlier work: its summary or id begins with `compensate`."""

    name: str
    activity_id: str
    activity_type: str
    status: ActivityStatus
    start_time: datetime | None
    close_time: datetime | None
    failure: Failure | None = None
