"""Single events for people and for programs."""

from __future__ import annotations

import orjson
import pytest
from temporalio.api.history.v1 import HistoryEvent

from app.history import FromEvents, FromProjection, event_attributes, event_type_name, human_line, referred_by
from tests.recordings import NAMES, folded, recorded


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "Unspecified"),
        (1, "WorkflowExecutionStarted"),
        (10, "ActivityTaskScheduled"),
        (47, "WorkflowExecutionUpdateAdmitted"),
        (999, "Unknown_999"),
    ],
)
def test_type_names(number: int, name: str) -> None:
    assert event_type_name(HistoryEvent(event_type=number)) == name  # type: ignore[arg-type]


def line(name: str, kind: str, number: int = 0, *, known: bool = True) -> str:
    found = [event for event in recorded(name) if event_type_name(event) == kind]
    return human_line(found[number], *([FromProjection(folded(name))] if known else []))


@pytest.mark.parametrize(
    ("name", "kind", "known", "expected"),
    [
        ("sync", "WorkflowExecutionStarted", True, "Workflow Sync started: Price sync"),
        ("sync", "ActivityTaskScheduled", True, "Activity fetch scheduled: Fetch the price list"),
        ("sync", "ActivityTaskStarted", True, "Activity fetch started (attempt 3)"),
        ("sync", "ActivityTaskCompleted", True, "Activity fetch completed (attempt 3)"),
        ("sync", "ActivityTaskCompleted", False, "Activity completed"),
        ("sync", "WorkflowPropertiesModified", True, "Memo set: phase, progress"),
        ("sync", "TimerFired", True, "Timer Let caches settle fired"),
        ("sync", "TimerFired", False, "Timer fired"),
        ("sync", "WorkflowTaskScheduled", True, "Workflow task scheduled"),
        ("compensated", "ActivityTaskFailed", True, "Activity fetch failed: no such source"),
        ("compensated", "WorkflowExecutionFailed", True, "Workflow failed: no such source"),
        ("timeouts", "ActivityTaskTimedOut", True, "Activity hang timed out: activity StartToClose timeout"),
        ("children", "ChildWorkflowExecutionFailed", True, "Child workflow Echo failed: told to fail"),
        ("failed_task", "WorkflowTaskFailed", True, "Workflow task failed: a bug in the workflow"),
        ("reset", "WorkflowTaskFailed", True, "Workflow reset: again"),
        ("reset", "WorkflowExecutionUpdateAccepted", True, "Update update-1 accepted"),
        ("updates", "WorkflowExecutionUpdateAccepted", True, "Update add accepted"),
        ("updates", "WorkflowExecutionUpdateCompleted", True, "Update update-good completed"),
        ("signal_with_start", "WorkflowExecutionSignaled", True, "Signal note received"),
        ("canceled", "WorkflowExecutionCancelRequested", True, "Cancel requested: no longer wanted"),
        ("terminated", "WorkflowExecutionTerminated", True, "Workflow terminated: stuck"),
        ("paused", "WorkflowExecutionPaused", True, "Workflow paused: wait"),
        ("nexus", "NexusOperationFailed", True, "Nexus operation Greeter.greet failed: nobody is there"),
    ],
)
def test_lines(name: str, kind: str, known: bool, expected: str) -> None:
    assert line(name, kind, known=known) == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_event_has_a_line_and_attributes_that_json_carries(name: str) -> None:
    for event in recorded(name):
        for text in (human_line(event), human_line(event, FromProjection(folded(name)))):
            assert text
            assert "\n" not in text
            assert len(text) < 200
        attributes = event_attributes(event)
        assert orjson.loads(orjson.dumps(attributes)) == attributes


def test_a_line_of_an_unknown_event() -> None:
    assert human_line(HistoryEvent(event_type=999)) == "Unknown 999"  # type: ignore[arg-type]


def test_attributes_are_decoded() -> None:
    started = event_attributes(recorded("sync")[0])
    assert started["workflowType"] == {"name": "Sync"}
    assert started["input"] == ["flaky"]
    assert started["memo"] == {"fields": {"tenant": "acme", "owner": {"team": "pricing"}}}
    assert started["taskQueue"]["kind"] == "TASK_QUEUE_KIND_NORMAL"
    assert started["workflowTaskTimeout"] == "10s"
    completed = next(
        event_attributes(event)
        for event in recorded("compensated")
        if event_type_name(event) == "ActivityTaskCompleted"
    )
    assert completed["result"] == [1]
    assert completed["startedEventId"] == completed["scheduledEventId"] + 1
    failed = next(event for event in recorded("compensated") if event_type_name(event) == "ActivityTaskFailed")
    assert event_attributes(failed)["failure"]["applicationFailureInfo"]["details"] == [{"source": "broken"}]
    assert event_attributes(HistoryEvent()) == {}


def test_a_long_message_becomes_one_short_line() -> None:
    event = recorded("terminated")[-1]
    long = HistoryEvent()
    long.CopyFrom(event)
    long.workflow_execution_terminated_event_attributes.reason = "first\nsecond " + "word " * 100
    text = human_line(long)
    assert text.startswith("Workflow terminated: first second word")
    assert len(text) < 200


@pytest.mark.parametrize("name", NAMES)
def test_the_events_that_one_refers_to_tell_its_line_as_the_whole_history_does(name: str) -> None:
    by_number = {event.event_id: event for event in recorded(name)}
    whole = FromProjection(folded(name))
    for event in by_number.values():
        # Who asks an activity to stop does not say which attempt: the whole history knows the last.
        if event_type_name(event) != "ActivityTaskCancelRequested":
            few = FromEvents({number: by_number[number] for number in referred_by(event)})
            assert human_line(event, few) == human_line(event, whole)
