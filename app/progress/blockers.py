"""Why a run is not moving."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.cluster import TaskQueueKind
from app.model import (
    Blocker,
    BlockerKind,
    PendingActivity,
    PendingActivityState,
    PendingWorkflowTask,
    Profile,
    Projection,
    TimelineItem,
    TimelineKind,
    TimelineStatus,
    WorkflowStatus,
)
from app.progress.profile import ENOUGH_RUNS, OVERDUE, begun_at, matched

UNTAKEN_SECONDS = 2.0
"""A task that waits for so long makes it worth asking whether anybody polls its queue."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A task queue, as the workers of one kind of task poll it."""

    name: str
    kind: TaskQueueKind


@dataclass(frozen=True, slots=True)
class _Task:
    """A task that nobody has taken: what it is for, and since when it waits."""

    queue: Queue
    what: str
    since: datetime
    activity_id: str | None = None


PAUSED = frozenset({PendingActivityState.PAUSED, PendingActivityState.PAUSE_REQUESTED})


def blockers(
    projection: Projection,
    pending: Iterable[PendingActivity],
    pending_workflow_task: PendingWorkflowTask | None,
    now: datetime,
    *,
    profile: Profile | None = None,
    unpolled: Container[Queue] = (),
) -> tuple[Blocker, ...]:
    """Why the run is not moving; empty where it moves, or has closed.

    `profile` is what the last runs of its type were like; `unpolled` are those of its `unserved` queues that no
    worker polls.
    """
    if projection.status.is_closed:
        return ()
    pending = tuple(pending)
    found = [
        *_paused(projection, now),
        *_without_workers(projection, pending, pending_workflow_task, now, unpolled),
        *_failing_task(projection, pending_workflow_task, now),
        *_stuck_activities(projection, pending, now),
        *(overdue(projection, profile, now) if profile else ()),
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


def unserved(
    projection: Projection,
    pending: Iterable[PendingActivity],
    pending_workflow_task: PendingWorkflowTask | None,
    now: datetime,
) -> tuple[Queue, ...]:
    """The queues that hold a task of this run which nobody has taken for a while: are they polled at all?"""
    waiting = _waiting_tasks(projection, tuple(pending), pending_workflow_task, now)
    return tuple(dict.fromkeys(task.queue for task in waiting))


def _waiting_tasks(
    projection: Projection,
    pending: tuple[PendingActivity, ...],
    pending_workflow_task: PendingWorkflowTask | None,
    now: datetime,
) -> Iterator[_Task]:
    if projection.status.is_closed or projection.status is WorkflowStatus.PAUSED:
        return
    task = pending_workflow_task
    if task is not None and task.state == "SCHEDULED" and _is_old(task.scheduled_time, now):
        queue = Queue(projection.task_queue, TaskQueueKind.WORKFLOW)
        yield _Task(queue, "its workflow tasks", task.scheduled_time or now)
    queues = {each.activity_id: each.task_queue for each in projection.activities if not each.status.is_closed}
    for each in pending:
        due = each.next_attempt_time or each.scheduled_time
        if each.state is PendingActivityState.SCHEDULED and not each.paused and _is_old(due, now):
            queue = Queue(queues.get(each.activity_id) or projection.task_queue, TaskQueueKind.ACTIVITY)
            yield _Task(queue, f"activity {each.activity_type}", due or now, each.activity_id)


def _is_old(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and (now - moment).total_seconds() >= UNTAKEN_SECONDS


def _without_workers(
    projection: Projection,
    pending: tuple[PendingActivity, ...],
    pending_workflow_task: PendingWorkflowTask | None,
    now: datetime,
    unpolled: Container[Queue],
) -> Iterator[Blocker]:
    for task in _waiting_tasks(projection, pending, pending_workflow_task, now):
        if task.queue in unpolled:
            message = f"No worker polls task queue {task.queue.name} for {task.what}"
            yield Blocker(BlockerKind.NO_WORKERS, message, task.since, task.activity_id)


def overdue(projection: Projection, profile: Profile, now: datetime) -> Iterator[Blocker]:
    """The run, and those of its activities, that take much longer than nine of ten did before."""
    if profile.runs < ENOUGH_RUNS or projection.status is not WorkflowStatus.RUNNING:
        return
    start = begun_at(projection)
    if start is not None and (limit := OVERDUE * profile.p90) and (now - start).total_seconds() > limit:
        message = f"Takes {_span(now - start)}; nine of ten runs took at most {_span(profile.p90)}"
        yield Blocker(BlockerKind.OVERDUE, message, start + timedelta(seconds=limit))
    for activity, step in matched(projection, profile):
        limit = OVERDUE * step.duration_p90
        since = activity.scheduled_time
        if not activity.status.is_closed and limit and (now - since).total_seconds() > limit:
            message = (
                f"Activity {activity.activity_type} takes {_span(now - since)};"
                f" nine of ten took at most {_span(step.duration_p90)}"
            )
            yield Blocker(BlockerKind.OVERDUE, message, since + timedelta(seconds=limit), activity.activity_id)


def _span(span: timedelta | float) -> str:
    """A span as people say it: 0.4 s, 12 s, 3 min, 2.5 h, 4 d."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


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
        # Describe's own schedule time is that of the attempt to come.
        since = each.last_attempt_complete_time or each.last_started_time
        since = since or (activity.scheduled_time if activity else now)
        if each.paused or each.state in PAUSED:
            message = f"Activity {each.activity_type} is paused"
            yield Blocker(BlockerKind.ACTIVITY_PAUSED, message, each.pause_time or since, each.activity_id)
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
        yield from _waiting_without_bars(projection, now)


def _waiting_without_bars(projection: Projection, now: datetime) -> Iterator[Blocker]:
    """Before its first workflow task a run waits for the end of its start delay or backoff, later for others."""
    since, begins = projection.start_time, projection.execution_time
    if any(item.kind is TimelineKind.WORKFLOW_TASK for item in projection.timeline):
        since = projection.last_event_time or now
        yield Blocker(BlockerKind.WAITING_FOR_SIGNAL, "Waiting for a signal or an update", since)
    elif since is not None and begins is not None and begins > max(since, now):
        yield Blocker(BlockerKind.TIMER, f"Waiting until its execution time {begins.isoformat()}", since)


def _child_running(children: list[TimelineItem]) -> Blocker:
    first = min(children, key=lambda item: item.start_time)
    name = f"{first.name} ({first.child.workflow_id})" if first.child else first.name
    more = f" and {len(children) - 1} more" if len(children) > 1 else ""
    return Blocker(BlockerKind.CHILD_RUNNING, f"Waiting for child workflow {name}{more}", first.start_time)
