"""Why a run is not moving."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from app.model import (
    Blocker,
    BlockerKind,
    PendingActivity,
    PendingActivityState,
    PendingWorkflowTask,
    Projection,
    TimelineItem,
    TimelineKind,
    TimelineStatus,
    WorkflowStatus,
)

PAUSED = frozenset({PendingActivityState.PAUSED, PendingActivityState.PAUSE_REQUESTED})


def blockers(
    projection: Projection,
    pending: Iterable[PendingActivity],
    pending_workflow_task: PendingWorkflowTask | None,
    now: datetime,
) -> tuple[Blocker, ...]:
    """Why the run is not moving; empty where it moves, or has closed."""
    if projection.status.is_closed:
        return ()
    found = [
        *_paused(projection, now),
        *_failing_task(projection, pending_workflow_task, now),
        *_stuck_activities(projection, pending, now),
    ]
    open_bars = [item for item in projection.timeline if item.end_time is None]
    if all(activity.status.is_closed for activity in projection.activities):
        found.extend(_waiting(projection, open_bars, pending_workflow_task, now))
    return tuple(found)


def _paused(projection: Projection, now: datetime) -> Iterator[Blocker]:
    if projection.status is WorkflowStatus.PAUSED:
        bar = next((item for item in reversed(projection.timeline) if item.key.startswith("pause:")), None)
        since = bar.start_time if bar else projection.last_event_time or now
        reason = bar.detail.get("reason") if bar else None
        yield Blocker(
            BlockerKind.WORKFLOW_PAUSED,
            f"Workflow is paused: {reason}" if reason else "Workflow is paused",
            since,
        )


def _failing_task(
    projection: Projection, pending_workflow_task: PendingWorkflowTask | None, now: datetime
) -> Iterator[Blocker]:
    failure = projection.workflow_task_failure
    attempt = pending_workflow_task.attempt if pending_workflow_task else 1
    if failure is None and attempt <= 1:
        return
    failed = (
        item.end_time
        for item in reversed(projection.timeline)
        if item.kind is TimelineKind.WORKFLOW_TASK and item.status in {TimelineStatus.FAILED, TimelineStatus.TIMED_OUT}
    )
    scheduled = pending_workflow_task.scheduled_time if pending_workflow_task else None
    since = next(failed, None) or scheduled or projection.last_event_time or now
    reason = f": {failure.message}" if failure else ""
    times = f" (attempt {attempt})" if attempt > 1 else ""
    yield Blocker(BlockerKind.WORKFLOW_TASK_FAILING, f"The workflow's own code fails{reason}{times}", since)


def _stuck_activities(projection: Projection, pending: Iterable[PendingActivity], now: datetime) -> Iterator[Blocker]:
    known = {each.activity_id: each for each in projection.activities if not each.status.is_closed}
    for each in pending:
        activity = known.get(each.activity_id)
        since = each.last_started_time or each.scheduled_time or (activity.scheduled_time if activity else now)
        if each.paused or each.state in PAUSED:
            message = f"Activity {each.activity_type} is paused"
            yield Blocker(BlockerKind.ACTIVITY_PAUSED, message, since, each.activity_id)
        elif each.attempt > 1:
            yield Blocker(
                BlockerKind.ACTIVITY_RETRYING,
                _retrying(each),
                since,
                each.activity_id,
                each.next_attempt_time,
            )


def _retrying(each: PendingActivity) -> str:
    of = f" of {each.maximum_attempts}" if each.maximum_attempts else ""
    reason = f": {each.last_failure.message}" if each.last_failure else ""
    return f"Activity {each.activity_type} is on attempt {each.attempt}{of}{reason}"


def _waiting(
    projection: Projection,
    open_bars: list[TimelineItem],
    pending_workflow_task: PendingWorkflowTask | None,
    now: datetime,
) -> Iterator[Blocker]:
    """What a run without open activities waits for."""
    open_bars = [
        item for item in open_bars if item.kind is not TimelineKind.PHASE and not item.key.startswith("pause:")
    ]
    children = [item for item in open_bars if item.kind is TimelineKind.CHILD_WORKFLOW]
    timers = [item for item in open_bars if item.kind is TimelineKind.TIMER]
    if children:
        yield _child_running(children)
    elif timers and len(timers) == len(open_bars):
        first = min(timers, key=lambda item: str(item.detail.get("fireTime", "")))
        message = f"Waiting for timer {first.name} until {first.detail.get('fireTime')}"
        yield Blocker(BlockerKind.TIMER, message, first.start_time)
    elif not open_bars and pending_workflow_task is None and projection.status is WorkflowStatus.RUNNING:
        # Before its first workflow task a run waits for its start delay or backoff instead.
        begun = any(item.kind is TimelineKind.WORKFLOW_TASK for item in projection.timeline)
        since = projection.last_event_time or now
        if begun:
            yield Blocker(BlockerKind.WAITING_FOR_SIGNAL, "Waiting for a signal or an update", since)


def _child_running(children: list[TimelineItem]) -> Blocker:
    first = min(children, key=lambda item: item.start_time)
    name = f"{first.name} ({first.child.workflow_id})" if first.child else first.name
    more = f" and {len(children) - 1} more" if len(children) > 1 else ""
    return Blocker(BlockerKind.CHILD_RUNNING, f"Waiting for child workflow {name}{more}", first.start_time)
