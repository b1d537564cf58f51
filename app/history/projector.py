"""The fold: one event after another into a projection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from app.history import activities, children, markers, nexus, run, signals, tasks, timers, updates
from app.history.fold import Fold
from app.model import Compensation, ExecutionRef, Projection
from app.protos import time_of

Handler = Callable[[Fold, HistoryEvent], None]

HANDLERS: Mapping[int, Handler] = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: run.on_started,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: run.on_completed,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: run.on_failed,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: run.on_timed_out,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: run.on_canceled,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: run.on_terminated,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: run.on_continued_as_new,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED: run.on_cancel_requested,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED: run.on_paused,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED: run.on_unpaused,
    EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED: run.on_properties_modified,
    EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED_EXTERNALLY: run.on_properties_modified_externally,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: run.on_search_attributes,
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED: tasks.on_scheduled,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED: tasks.on_started,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED: tasks.on_completed,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT: tasks.on_timed_out,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED: tasks.on_failed,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: activities.on_scheduled,
    EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED: activities.on_started,
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: activities.on_completed,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: activities.on_failed,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: activities.on_timed_out,
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED: activities.on_cancel_requested,
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: activities.on_canceled,
    EventType.EVENT_TYPE_ACTIVITY_PROPERTIES_MODIFIED_EXTERNALLY: activities.on_properties_modified,
    EventType.EVENT_TYPE_TIMER_STARTED: timers.on_started,
    EventType.EVENT_TYPE_TIMER_FIRED: timers.on_fired,
    EventType.EVENT_TYPE_TIMER_CANCELED: timers.on_canceled,
    EventType.EVENT_TYPE_MARKER_RECORDED: markers.on_recorded,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: children.on_initiated,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED: children.on_start_failed,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED: children.on_started,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED: children.on_completed,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED: children.on_failed,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED: children.on_canceled,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT: children.on_timed_out,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED: children.on_terminated,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: signals.on_received,
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: signals.on_signal_initiated,
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: signals.on_signal_failed,
    EventType.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: signals.on_signaled,
    EventType.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: signals.on_cancel_initiated,
    EventType.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: signals.on_cancel_failed,
    EventType.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED: signals.on_cancel_delivered,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED: updates.on_admitted,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: updates.on_accepted,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_REJECTED: updates.on_rejected,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: updates.on_completed,
    EventType.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED: nexus.on_scheduled,
    EventType.EVENT_TYPE_NEXUS_OPERATION_STARTED: nexus.on_started,
    EventType.EVENT_TYPE_NEXUS_OPERATION_COMPLETED: nexus.on_completed,
    EventType.EVENT_TYPE_NEXUS_OPERATION_FAILED: nexus.on_failed,
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCELED: nexus.on_canceled,
    EventType.EVENT_TYPE_NEXUS_OPERATION_TIMED_OUT: nexus.on_timed_out,
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED: nexus.on_cancel_requested,
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_COMPLETED: nexus.on_cancel_request_completed,
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_FAILED: nexus.on_cancel_request_failed,
}

SILENT = frozenset(
    {
        EventType.EVENT_TYPE_UNSPECIFIED,
        # Versioning overrides, callbacks, priority: nothing that a projection shows.
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
        # Test servers skip time; the times of the events say so already.
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
    }
)
"""Types that carry nothing for the projection. Types newer than this API version are passed over likewise."""


class Projector:
    """Folds a run's events, in their order, and gives the projection at any moment."""

    def __init__(self, ref: ExecutionRef) -> None:
        self._fold = Fold(ref)
        self._snapshot: Projection | None = None

    def apply(self, event: HistoryEvent) -> None:
        """Fold one event. Events up to the last one folded are passed over, so re-reading an overlap is
        harmless."""
        fold = self._fold
        if event.event_id <= fold.event_id:
            return
        fold.event_id = event.event_id
        fold.time = time_of(event.event_time) or fold.time
        self._snapshot = None
        handler = HANDLERS.get(event.event_type)
        if handler is not None:
            handler(fold, event)
            fold.mark()

    def snapshot(self) -> Projection:
        if self._snapshot is None:
            fold = self._fold
            self._snapshot = replace(
                fold.run,
                last_event_id=fold.event_id,
                last_event_time=fold.time if fold.event_id else None,
                activities=tuple(fold.activities.values()),
                timeline=fold.timeline.snapshot(),
                phases=tuple(fold.phases.values()),
                compensations=tuple(_compensations(fold)),
                points=tuple(fold.points),
            )
        return self._snapshot


def project(ref: ExecutionRef, events: Iterable[HistoryEvent]) -> Projection:
    projector = Projector(ref)
    for event in events:
        projector.apply(event)
    return projector.snapshot()


def _compensations(fold: Fold) -> Iterable[Compensation]:
    for event_id in fold.compensations:
        activity = fold.activities[event_id]
        yield Compensation(
            name=activity.summary or activity.activity_id,
            activity_id=activity.activity_id,
            activity_type=activity.activity_type,
            status=activity.status,
            start_time=activity.start_time,
            close_time=activity.close_time,
            failure=activity.failure,
        )
