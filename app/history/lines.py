"""One short sentence per event, for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from textwrap import shorten
from typing import Any

from temporalio.api.enums.v1 import EventType, TimeoutType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from app.history.events import event_type_name
from app.history.names import enum_name, words
from app.history.naming import FromEvents, Names
from app.protos import said_in, seconds_of, text_of

Line = Callable[[Any, HistoryEvent, Names], str]
_NAMELESS: Names = FromEvents({})


def human_line(event: HistoryEvent, names: Names = _NAMELESS) -> str:
    """What happened, in one sentence. Most events name what they speak of by the id of an earlier event
    only: with `names` the sentence has its name and attempt too."""
    which = event.WhichOneof("attributes")
    line = LINES.get(event.event_type)
    if which is None or line is None:
        return words(event_type_name(event)).capitalize()
    return line(getattr(event, which), event, names)


def _reason(failure: Failure) -> str:
    """The message of the innermost cause, which is what went wrong."""
    while failure.HasField("cause"):
        failure = failure.cause
    return _because(said_in(failure).get("message", failure.message))


def _because(text: str) -> str:
    """On one line, and not for ever."""
    return f": {shorten(text, 160, placeholder='…')}" if text else ""


def _started(a: Any, event: HistoryEvent, _names: Names) -> str:
    attempt = f" (attempt {a.attempt})" if a.attempt > 1 else ""
    summary = text_of(event.user_metadata.summary)
    return f"Workflow {a.workflow_type.name} started{attempt}{_because(summary or '')}"


def _task_failed(a: Any, _event: HistoryEvent, _names: Names) -> str:
    cause = enum_name(WorkflowTaskFailedCause, a.cause, "WORKFLOW_TASK_FAILED_CAUSE_")
    if cause == "RESET_WORKFLOW":
        return f"Workflow reset{_reason(a.failure)}"
    return f"Workflow task failed{_reason(a.failure) or _because(words(cause))}"


def _task_timed_out(a: Any, _event: HistoryEvent, _names: Names) -> str:
    return f"Workflow task timed out ({words(enum_name(TimeoutType, a.timeout_type, 'TIMEOUT_TYPE_'))})"


def _activity_scheduled(a: Any, event: HistoryEvent, _names: Names) -> str:
    summary = text_of(event.user_metadata.summary)
    return f"Activity {a.activity_type.name} scheduled{_because(summary or '')}"


def _activity_started(a: Any, _event: HistoryEvent, names: Names) -> str:
    attempt = f" (attempt {a.attempt})" if a.attempt > 1 else ""
    return f"{_activity(a, names)} started{attempt}"


def _activity(a: Any, names: Names) -> str:
    name = names.activity(a.scheduled_event_id)
    return f"Activity {name}" if name else "Activity"


def _activity_ended(word: str) -> Line:
    def line(a: Any, _event: HistoryEvent, names: Names) -> str:
        reason = _reason(a.failure) if hasattr(a, "failure") else ""
        attempt = names.attempt(a.scheduled_event_id, getattr(a, "started_event_id", 0))
        return f"{_activity(a, names)} {word}{reason}" + (f" (attempt {attempt})" if attempt > 1 else "")

    return line


def _timer_started(a: Any, event: HistoryEvent, _names: Names) -> str:
    seconds = seconds_of(a.start_to_fire_timeout) or 0
    name = text_of(event.user_metadata.summary) or a.timer_id
    return f"Timer {name} started for {timedelta(seconds=seconds)}"


def _bar(kind: str, default: str, word: str, field: str) -> Line:
    """A sentence on the bar that began with the event whose id is in `field`."""

    def line(a: Any, _event: HistoryEvent, names: Names) -> str:
        reason = _reason(a.failure) if hasattr(a, "failure") else ""
        name = names.bar(kind, getattr(a, field))
        return f"{default} {name} {word}{reason}" if name else f"{default} {word}{reason}"

    return line


def _child(word: str) -> Line:
    def line(a: Any, _event: HistoryEvent, _names: Names) -> str:
        reason = _reason(a.failure) if hasattr(a, "failure") else ""
        return f"Child workflow {a.workflow_type.name} {word}{reason}"

    return line


def _update_accepted(a: Any, event: HistoryEvent, names: Names) -> str:
    name = a.accepted_request.input.name
    return f"Update {name} accepted" if name else f"Update {a.protocol_instance_id} accepted"


def _update_completed(a: Any, _event: HistoryEvent, _names: Names) -> str:
    failed = a.outcome.HasField("failure")
    return f"Update {a.meta.update_id} " + (f"failed{_reason(a.outcome.failure)}" if failed else "completed")


def _named(template: str) -> Line:
    """A sentence from the attributes and, as `event`, the event."""

    def line(a: Any, event: HistoryEvent, _names: Names) -> str:
        return template.format(a=a, event=event)

    return line


def _keys(verb: str, fields: Callable[[Any], Mapping[str, Any]]) -> Line:
    def line(a: Any, _event: HistoryEvent, _names: Names) -> str:
        return f"{verb} {', '.join(sorted(fields(a)))}"

    return line


_T = EventType
LINES: Mapping[int, Line] = {
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: _started,
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: _named("Workflow completed"),
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: lambda a, _e, _n: f"Workflow failed{_reason(a.failure)}",
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: _named("Workflow timed out"),
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: _named("Workflow canceled"),
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: lambda a, _e, _n: f"Workflow terminated{_because(a.reason)}",
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: _named("Workflow continued as run {a.new_execution_run_id}"),
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED: lambda a, _e, _n: f"Cancel requested{_because(a.cause)}",
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED: lambda a, _e, _n: f"Workflow paused{_because(a.reason)}",
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED: lambda a, _e, _n: f"Workflow unpaused{_because(a.reason)}",
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: _named("Workflow options updated"),
    _T.EVENT_TYPE_WORKFLOW_TASK_FAILED: _task_failed,
    _T.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT: _task_timed_out,
    _T.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: _activity_scheduled,
    _T.EVENT_TYPE_ACTIVITY_TASK_STARTED: _activity_started,
    _T.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: _activity_ended("completed"),
    _T.EVENT_TYPE_ACTIVITY_TASK_FAILED: _activity_ended("failed"),
    _T.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: _activity_ended("timed out"),
    _T.EVENT_TYPE_ACTIVITY_TASK_CANCELED: _activity_ended("canceled"),
    _T.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED: _activity_ended("asked to cancel"),
    _T.EVENT_TYPE_TIMER_STARTED: _timer_started,
    _T.EVENT_TYPE_TIMER_FIRED: _bar("timer", "Timer", "fired", "started_event_id"),
    _T.EVENT_TYPE_TIMER_CANCELED: _bar("timer", "Timer", "canceled", "started_event_id"),
    _T.EVENT_TYPE_MARKER_RECORDED: _named("Marker {a.marker_name} recorded"),
    _T.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: _named(
        "Child workflow {a.workflow_type.name} initiated as {a.workflow_id}"
    ),
    _T.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED: _child("could not be started"),
    _T.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED: _child("started"),
    _T.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED: _child("completed"),
    _T.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED: _child("failed"),
    _T.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED: _child("canceled"),
    _T.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT: _child("timed out"),
    _T.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED: _child("terminated"),
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: _named("Signal {a.signal_name} received"),
    _T.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: _named(
        "Signal {a.signal_name} sent to {a.workflow_execution.workflow_id}"
    ),
    _T.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: _named(
        "Signal to {a.workflow_execution.workflow_id} failed"
    ),
    _T.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: _named(
        "Signal to {a.workflow_execution.workflow_id} delivered"
    ),
    _T.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: _named(
        "Cancel request sent to {a.workflow_execution.workflow_id}"
    ),
    _T.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: _named(
        "Cancel request to {a.workflow_execution.workflow_id} failed"
    ),
    _T.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED: _named(
        "Cancel request to {a.workflow_execution.workflow_id} delivered"
    ),
    _T.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: _keys(
        "Search attributes set:", lambda a: a.search_attributes.indexed_fields
    ),
    _T.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED: _keys("Memo set:", lambda a: a.upserted_memo.fields),
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED: _named("Update {a.request.input.name} admitted"),
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: _update_accepted,
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_REJECTED: lambda a, _e, _n: f"Update rejected{_reason(a.failure)}",
    _T.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: _update_completed,
    _T.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED: _named("Nexus operation {a.service}.{a.operation} scheduled"),
    _T.EVENT_TYPE_NEXUS_OPERATION_STARTED: _bar("nexus", "Nexus operation", "started", "scheduled_event_id"),
    _T.EVENT_TYPE_NEXUS_OPERATION_COMPLETED: _bar("nexus", "Nexus operation", "completed", "scheduled_event_id"),
    _T.EVENT_TYPE_NEXUS_OPERATION_FAILED: _bar("nexus", "Nexus operation", "failed", "scheduled_event_id"),
    _T.EVENT_TYPE_NEXUS_OPERATION_CANCELED: _bar("nexus", "Nexus operation", "canceled", "scheduled_event_id"),
    _T.EVENT_TYPE_NEXUS_OPERATION_TIMED_OUT: _bar("nexus", "Nexus operation", "timed out", "scheduled_event_id"),
    _T.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED: _bar(
        "nexus", "Nexus operation", "asked to cancel", "scheduled_event_id"
    ),
}
"""Sentences that say more than the type's own words."""
