"""The vocabulary: what Tideline talks about, as frozen values.

Words are Temporal's for Temporal's things. Every time is an aware UTC `datetime`, every span is in seconds unless
its name says `_ms`, every identifier is the string that Temporal uses.

An *execution* is one run of a workflow: a workflow id names it for people, a run id names it exactly. Runs that
continue one another (continue-as-new, retry, cron, reset) form a *chain*. The *history* is the run's event log; the
*projection* is what the history says, folded; *pending* is what only describe tells (running attempts, heartbeats).
A *cursor* is a place in a log; a *change* is one entry of the log of the lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Json = Any
"""A value that JSON can carry."""


def milliseconds(start: datetime | None, end: datetime | None) -> float | None:
    """How long something lasted; None unless both times are known."""
    return None if start is None or end is None else (end - start).total_seconds() * 1000


@dataclass(frozen=True, slots=True)
class Payload:
    """A value as Temporal stores it: still encoded, decoded only when somebody asks for it."""

    metadata: Mapping[str, bytes]
    data: bytes


@dataclass(frozen=True, slots=True)
class ExecutionRef:
    """The exact name of one run."""

    namespace: str
    workflow_id: str
    run_id: str


class WorkflowStatus(StrEnum):
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    TERMINATED = "TERMINATED"
    CONTINUED_AS_NEW = "CONTINUED_AS_NEW"
    TIMED_OUT = "TIMED_OUT"

    @property
    def is_closed(self) -> bool:
        return self not in {WorkflowStatus.RUNNING, WorkflowStatus.PAUSED}


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


class FailureKind(StrEnum):
    """Which of Temporal's failure messages it is."""

    APPLICATION = "APPLICATION"
    TIMEOUT = "TIMEOUT"
    CANCELED = "CANCELED"
    TERMINATED = "TERMINATED"
    SERVER = "SERVER"
    RESET_WORKFLOW = "RESET_WORKFLOW"
    ACTIVITY = "ACTIVITY"
    CHILD_WORKFLOW = "CHILD_WORKFLOW"
    NEXUS_OPERATION = "NEXUS_OPERATION"
    NEXUS_HANDLER = "NEXUS_HANDLER"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure and what caused it, outermost first."""

    message: str
    kind: FailureKind
    type: str | None = None
    """The application's error type, or the type of the activity or workflow that failed."""
    non_retryable: bool = False
    timeout_type: str | None = None
    """START_TO_CLOSE, SCHEDULE_TO_START, SCHEDULE_TO_CLOSE or HEARTBEAT."""
    source: str | None = None
    """The SDK that made it, such as `PythonSDK`."""
    stack_trace: str | None = None
    details: tuple[Payload, ...] = ()
    encoded_attributes: Payload | None = None
    """Message and stack trace, where a codec hides them."""
    cause: Failure | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    initial_interval: float
    backoff_coefficient: float
    maximum_interval: float | None
    maximum_attempts: int | None
    """None: no bound."""
    non_retryable_error_types: tuple[str, ...] = ()


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
    last_started_time: datetime | None = None
    next_attempt_time: datetime | None = None
    maximum_attempts: int | None = None
    last_failure: Failure | None = None
    last_worker_identity: str | None = None
    heartbeat: Heartbeat | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class PendingWorkflowTask:
    state: str
    scheduled_time: datetime | None
    started_time: datetime | None
    attempt: int


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
    """Seconds from start to close."""
    p90: float
    activities: float
    """How many activities a run has; the mean."""
    steps: tuple[ProfileStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Projection:
    """What a run's history says. `last_event_id` is the event up to which it has been folded."""

    last_event_id: int = 0
    last_event_time: datetime | None = None
    status: WorkflowStatus = WorkflowStatus.RUNNING
    workflow_type: str = ""
    task_queue: str = ""
    start_time: datetime | None = None
    close_time: datetime | None = None
    attempt: int = 1
    first_run_id: str | None = None
    original_run_id: str | None = None
    """The run id that the history began with; differs from the run's own after a reset."""
    previous_run_id: str | None = None
    next_run_id: str | None = None
    parent: ExecutionRef | None = None
    root: ExecutionRef | None = None
    cron_schedule: str | None = None
    identity: str | None = None
    """Who started it, as the starting client named itself."""
    summary: str | None = None
    details: str | None = None
    input: tuple[Payload, ...] = ()
    result: tuple[Payload, ...] = ()
    failure: Failure | None = None
    memo: Mapping[str, Payload] = field(default_factory=dict)
    search_attributes: Mapping[str, Payload] = field(default_factory=dict)
    cancel_requested_time: datetime | None = None
    cancel_reason: str | None = None
    build_id: str | None = None
    deployment: str | None = None
    sdk_name: str | None = None
    sdk_version: str | None = None
    patches: tuple[str, ...] = ()
    workflow_task_failure: Failure | None = None
    """Why the last workflow task failed, while no later one has succeeded."""
    activities: tuple[Activity, ...] = ()
    timeline: tuple[TimelineItem, ...] = ()
    phases: tuple[Phase, ...] = ()
    compensations: tuple[Compensation, ...] = ()
    points: tuple[ProgressPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Execution:
    """One run as the lists show it: a row of the index."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    status: WorkflowStatus
    start_time: datetime
    tenant: str
    environment: str
    execution_time: datetime | None = None
    close_time: datetime | None = None
    history_length: int = 0
    history_size_bytes: int = 0
    first_run_id: str | None = None
    previous_run_id: str | None = None
    next_run_id: str | None = None
    parent_workflow_id: str | None = None
    parent_run_id: str | None = None
    root_workflow_id: str | None = None
    root_run_id: str | None = None
    created_by: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    memo: Mapping[str, Json] = field(default_factory=dict)
    search_attributes: Mapping[str, Json] = field(default_factory=dict)
    summary: str | None = None
    details: str | None = None
    failure_type: str | None = None
    failure_message: str | None = None

    @property
    def ref(self) -> ExecutionRef:
        return ExecutionRef(self.namespace, self.workflow_id, self.run_id)


@dataclass(frozen=True, slots=True)
class Description:
    """What Temporal's describe says of a run now."""

    execution: Execution
    pending_activities: tuple[PendingActivity, ...] = ()
    pending_workflow_task: PendingWorkflowTask | None = None
    pending_children: int = 0
    reset_run_id: str | None = None
    """The run that a reset put in this one's place."""


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything known of a run at one moment: its row, its history folded, and what only describe tells."""

    execution: Execution
    projection: Projection
    pending_activities: tuple[PendingActivity, ...] = ()
    pending_workflow_task: PendingWorkflowTask | None = None


class ChangeKind(StrEnum):
    STARTED = "STARTED"
    UPDATED = "UPDATED"
    CLOSED = "CLOSED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change log: that a row changed, never what it says now."""

    position: int
    kind: ChangeKind
    ref: ExecutionRef
    time: datetime
    xid: int = 0
    """The transaction that wrote it."""
    tenant: str = ""
    environment: str = ""

    @property
    def cursor(self) -> ChangeCursor:
        return ChangeCursor(self.xid, self.position)


@dataclass(frozen=True, slots=True, order=True)
class ChangeCursor:
    """A place in the change log: exactly behind the entry `position` of transaction `xid`."""

    xid: int
    position: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the log of a run: exactly behind `event_id`. `digest` marks the state last delivered, where a
    stream also delivers states that are in no log (heartbeats)."""

    namespace: str
    workflow_id: str
    run_id: str
    event_id: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where a stream could not go on exactly behind a cursor, since its log is gone."""

    reason: str
    resumed_at: Cursor


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A slice of a list, in the list's order."""

    items: tuple[T, ...]
    has_next: bool = False
    has_previous: bool = False
