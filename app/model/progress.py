"""How far a run is, what it usually takes, and why it is not moving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.model.execution import WorkflowStatus
from app.model.values import Json


class ProgressSource(StrEnum):
    """Where progress was read, best first."""

    PUBLISHED = "PUBLISHED"
    HEARTBEAT = "HEARTBEAT"
    PHASES = "PHASES"
    PROFILE = "PROFILE"
    ACTIVITIES = "ACTIVITIES"
    STATUS = "STATUS"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Progress:
    updated_at: datetime
    source: ProgressSource
    percent: float | None = None
    """0 to 100; None when nothing can be said."""
    step: str | None = None
    message: str | None = None
    completed_steps: int | None = None
    total_steps: int | None = None
    eta_seconds: float | None = None
    estimated_close_time: datetime | None = None


class BlockerKind(StrEnum):
    ACTIVITY_RETRYING = "ACTIVITY_RETRYING"
    ACTIVITY_PAUSED = "ACTIVITY_PAUSED"
    NO_WORKERS = "NO_WORKERS"
    WORKFLOW_TASK_FAILING = "WORKFLOW_TASK_FAILING"
    WORKFLOW_PAUSED = "WORKFLOW_PAUSED"
    WAITING_FOR_SIGNAL = "WAITING_FOR_SIGNAL"
    TIMER = "TIMER"
    CHILD_RUNNING = "CHILD_RUNNING"
    OVERDUE = "OVERDUE"


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why a run is not moving."""

    kind: BlockerKind
    message: str
    since: datetime
    activity_id: str | None = None
    next_attempt_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProgressPoint:
    """What the history said of progress once `event_id` had happened: one entry of the log that a progress
    stream replays. Counts are of the activities scheduled and closed so far."""

    event_id: int
    time: datetime
    status: WorkflowStatus
    scheduled: int
    closed: int
    published: Mapping[str, Json] | None = None
    """The last published progress, as the workflow wrote it."""
    step: str | None = None
    """The activity or phase that moved last."""
    percent: float = 0.0
    """How far the run had come by its phases, else its activities; never less than at an earlier point."""
    full: float = 0.0
    """The percent if every activity that was open had closed: what their heartbeats lead up to."""
    phases_done: int = 0
    phases_known: int = 0


@dataclass(frozen=True, slots=True)
class ProfileStep:
    """What an activity of a workflow type is like in most of its runs: the `nth` of its type, from 1."""

    activity_type: str
    nth: int
    begins: float
    """Where in the run it is scheduled, as a fraction of the run's duration; the median."""
    closes: float
    """Where in the run it closes, likewise."""
    duration: float
    """Seconds from schedule to close; the median."""
    duration_p90: float
    share: float
    """The part of the runs that have it, above 0 to 1."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What the last completed runs of a type were like. `steps` are in the order in which they close."""

    namespace: str
    tenant: str
    environment: str
    workflow_type: str
    runs: int
    """How many runs it was made of."""
    p50: float
    """Seconds from execution time to close."""
    p90: float
    activities: float
    """How many activities a run has; the mean."""
    steps: tuple[ProfileStep, ...] = ()
