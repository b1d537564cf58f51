"""What only describe tells of open activities, merged into what history tells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from app.history.activities import key_of
from app.model import (
    Activity,
    ActivityStatus,
    Attempt,
    PendingActivity,
    PendingActivityState,
    Projection,
    TimelineItem,
    TimelineStatus,
)


def with_pending(projection: Projection, pending: Iterable[PendingActivity]) -> Projection:
    """The projection with running attempts, retries and heartbeats.

    Pending activities that history has already closed, or does not know yet, are passed over: describe and
    history are read at different moments, and history is the truth.
    """
    told = {each.activity_id: each for each in pending}
    merged: dict[str, Activity] = {}
    activities = []
    for activity in projection.activities:
        if not activity.status.is_closed and not activity.is_local and activity.activity_id in told:
            activity = _merge(activity, told[activity.activity_id])  # noqa: PLW2901
            merged[key_of(activity.scheduled_event_id)] = activity
        activities.append(activity)
    if not merged:
        return projection
    timeline = tuple(_bar(item, merged[item.key]) if item.key in merged else item for item in projection.timeline)
    return replace(projection, activities=tuple(activities), timeline=timeline)


def _merge(activity: Activity, pending: PendingActivity) -> Activity:
    attempt = max(pending.attempt, 1)
    running = pending.state not in {PendingActivityState.SCHEDULED, PendingActivityState.PAUSED}
    before: tuple[Attempt, ...] = ()
    if attempt > 1:
        started = None if running else pending.last_started_time
        identity = None if running else pending.last_worker_identity
        ended = pending.last_attempt_complete_time
        before = (Attempt(attempt - 1, started, ended, pending.last_failure, identity),)
    current = Attempt(attempt)
    if running:
        current = replace(current, start_time=pending.last_started_time, worker_identity=pending.last_worker_identity)
    return replace(
        activity,
        status=status_of(pending, activity.status),
        attempt=attempt,
        start_time=pending.last_started_time or activity.start_time,
        next_attempt_time=None if running else pending.next_attempt_time,
        last_failure=pending.last_failure,
        heartbeat=pending.heartbeat,
        worker_identity=pending.last_worker_identity,
        attempts=(*before, current),
    )


def status_of(pending: PendingActivity, known: ActivityStatus = ActivityStatus.SCHEDULED) -> ActivityStatus:
    state = pending.state
    if state is PendingActivityState.CANCEL_REQUESTED or known is ActivityStatus.CANCEL_REQUESTED:
        return ActivityStatus.CANCEL_REQUESTED
    if state in {PendingActivityState.STARTED, PendingActivityState.PAUSE_REQUESTED}:
        return ActivityStatus.RUNNING
    if state is PendingActivityState.PAUSED or pending.paused:
        return ActivityStatus.PAUSED
    return ActivityStatus.RETRYING if pending.attempt > 1 else ActivityStatus.SCHEDULED


def _bar(item: TimelineItem, activity: Activity) -> TimelineItem:
    waiting = activity.status is ActivityStatus.SCHEDULED
    detail = {**item.detail, "activityStatus": activity.status.value}
    if activity.start_time:
        detail["startedTime"] = activity.start_time.isoformat()
    if activity.worker_identity:
        detail["workerIdentity"] = activity.worker_identity
    return replace(
        item,
        status=TimelineStatus.SCHEDULED if waiting else TimelineStatus.RUNNING,
        attempt=activity.attempt,
        failure=activity.last_failure,
        detail=detail,
    )
