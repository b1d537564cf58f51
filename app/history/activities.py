"""Activities, from schedule to close.

Temporal writes ActivityTaskStarted only when an attempt closes for good, so until then history knows an
activity as scheduled; what runs now is told by describe and merged by `history.pending`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from temporalio.api.history.v1 import HistoryEvent

from app.history.evolve import evolve_activity
from app.history.fold import Fold, set_only, summary_of
from app.model import Activity, ActivityStatus, Attempt, Failure, TimelineKind, TimelineStatus
from app.protos import failure_of, payloads_of, retry_policy_of, seconds_of

ENDS = {
    ActivityStatus.COMPLETED: TimelineStatus.COMPLETED,
    ActivityStatus.FAILED: TimelineStatus.FAILED,
    ActivityStatus.TIMED_OUT: TimelineStatus.TIMED_OUT,
    ActivityStatus.CANCELED: TimelineStatus.CANCELED,
}


def key_of(scheduled_event_id: int) -> str:
    return f"activity:{scheduled_event_id}"


def is_compensation(summary: str | None, activity_id: str) -> bool:
    return (summary or "").lower().startswith("compensate") or activity_id.lower().startswith("compensate")


def on_scheduled(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.activity_task_scheduled_event_attributes
    activity_type, activity_id = attributes.activity_type.name, attributes.activity_id
    summary, arguments = summary_of(event), payloads_of(attributes.input)
    fold.activities[fold.event_id] = Activity(
        activity_id=activity_id,
        activity_type=activity_type,
        status=ActivityStatus.SCHEDULED,
        scheduled_event_id=fold.event_id,
        scheduled_time=fold.time,
        task_queue=attributes.task_queue.name or None,
        summary=summary,
        input=arguments,
        retry_policy=retry_policy_of(attributes.retry_policy) if attributes.HasField("retry_policy") else None,
        start_to_close_timeout=seconds_of(attributes.start_to_close_timeout),
        heartbeat_timeout=seconds_of(attributes.heartbeat_timeout),
    )
    if is_compensation(summary, activity_id):
        fold.compensations.append(fold.event_id)
    fold.add_bar(
        key_of(fold.event_id),
        TimelineKind.ACTIVITY,
        activity_type,
        activity_id=activity_id,
        summary=summary,
        input=arguments,
        attempt=1,
        detail=set_only(taskQueue=attributes.task_queue.name),
    )
    fold.move(activity_type)


def on_started(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.activity_task_started_event_attributes
    activity = fold.activities.get(attributes.scheduled_event_id)
    if activity is None or activity.status.is_closed:
        return
    attempt, identity = max(attributes.attempt, 1), attributes.identity or None
    last_failure = failure_of(attributes.last_failure) if attributes.HasField("last_failure") else None
    before = (Attempt(attempt - 1, failure=last_failure),) if attempt > 1 else ()
    current = Attempt(attempt, start_time=fold.time, worker_identity=identity)
    fold.activities[activity.scheduled_event_id] = evolve_activity(
        activity,
        status=ActivityStatus.RUNNING,
        attempt=attempt,
        start_time=fold.time,
        last_failure=last_failure,
        worker_identity=identity,
        attempts=(*before, current),
    )
    fold.change_bar(
        key_of(activity.scheduled_event_id),
        status=TimelineStatus.RUNNING,
        attempt=attempt,
        detail={"startedTime": fold.time.isoformat(), **set_only(workerIdentity=identity)},
    )


def on_completed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.activity_task_completed_event_attributes
    result = payloads_of(attributes.result)
    close(fold, attributes.scheduled_event_id, ActivityStatus.COMPLETED, result=result)


def on_failed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.activity_task_failed_event_attributes
    failure = failure_of(attributes.failure)
    close(fold, attributes.scheduled_event_id, ActivityStatus.FAILED, failure=failure)


def on_timed_out(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.activity_task_timed_out_event_attributes
    failure = failure_of(attributes.failure)
    close(fold, attributes.scheduled_event_id, ActivityStatus.TIMED_OUT, failure=failure)


def on_canceled(fold: Fold, event: HistoryEvent) -> None:
    close(fold, event.activity_task_canceled_event_attributes.scheduled_event_id, ActivityStatus.CANCELED)


def on_cancel_requested(fold: Fold, event: HistoryEvent) -> None:
    scheduled_event_id = event.activity_task_cancel_requested_event_attributes.scheduled_event_id
    activity = fold.activities.get(scheduled_event_id)
    if activity is None or activity.status.is_closed:
        return
    fold.activities[scheduled_event_id] = evolve_activity(activity, status=ActivityStatus.CANCEL_REQUESTED)
    fold.change_bar(key_of(scheduled_event_id), detail={"cancelRequestedTime": fold.time.isoformat()})


def on_properties_modified(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.activity_properties_modified_externally_event_attributes
    activity = fold.activities.get(attributes.scheduled_event_id)
    if activity is not None and attributes.HasField("new_retry_policy"):
        policy = retry_policy_of(attributes.new_retry_policy)
        fold.activities[activity.scheduled_event_id] = evolve_activity(activity, retry_policy=policy)


def close(
    fold: Fold,
    scheduled_event_id: int,
    status: ActivityStatus,
    *,
    failure: Failure | None = None,
    **changes: Any,
) -> None:
    activity = fold.activities.get(scheduled_event_id)
    if activity is None or activity.status.is_closed:
        return
    attempts = activity.attempts
    if attempts:
        attempts = (*attempts[:-1], replace(attempts[-1], close_time=fold.time, failure=failure))
    fold.activities[scheduled_event_id] = evolve_activity(
        activity, status=status, close_time=fold.time, failure=failure, attempts=attempts, **changes
    )
    fold.closed_activities += 1
    fold.end_bar(key_of(scheduled_event_id), ENDS[status], failure=failure, **changes)
    fold.move(activity.activity_type)


def abandon_open(fold: Fold) -> None:
    """The run has closed: Temporal drops its open activities without an event of their own. They do
    not count as closed in the log of progress."""
    for scheduled_event_id, activity in fold.activities.items():
        if not activity.status.is_closed:
            fold.activities[scheduled_event_id] = evolve_activity(
                activity, status=ActivityStatus.CANCELED, close_time=fold.time
            )
