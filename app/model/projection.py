"""What a run's history says, and all that is known of a run at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.model.activity import Activity, Compensation, PendingActivity, PendingWorkflowTask
from app.model.execution import Execution, ExecutionRef, WorkflowStatus
from app.model.failure import Failure
from app.model.progress import ProgressPoint
from app.model.timeline import Phase, TimelineItem
from app.model.values import Payload


@dataclass(frozen=True, slots=True)
class Projection:
    """What a run's history says. `last_event_id` is the event up to which it has been folded."""

    last_event_id: int = 0
    last_event_time: datetime | None = None
    status: WorkflowStatus = WorkflowStatus.RUNNING
    workflow_type: str = ""
    task_queue: str = ""
    start_time: datetime | None = None
    execution_time: datetime | None = None
    """When it begins to run: its start, or the end of its start delay or backoff; the first workflow task, where a
    signal or an update has it begin before."""
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
class RunView:
    """Everything known of a run at one moment: its row, its history folded, and what only describe tells."""

    execution: Execution
    projection: Projection
    pending_activities: tuple[PendingActivity, ...] = ()
    pending_workflow_task: PendingWorkflowTask | None = None
