"""The projection of real histories."""

from __future__ import annotations

import pytest
from temporalio.api.enums.v1 import EventType

from app.history import project
from app.model import ActivityStatus, FailureKind, TimelineKind, TimelineStatus, WorkflowStatus
from app.protos import json_of, values_of
from tests.recordings import REF, activity, folded, items, recorded


def test_sync_run() -> None:
    run = folded("sync")
    assert run.status is WorkflowStatus.COMPLETED
    assert (run.workflow_type, run.task_queue, run.attempt) == ("Sync", "recorded", 1)
    assert (run.summary, run.details) == ("Price sync", "Nightly **prices**")
    assert values_of(run.input) == ["flaky"]
    assert values_of(run.result) == [{"rows": 3}]
    assert run.failure is None
    assert run.start_time is not None
    assert run.close_time is not None
    assert run.close_time > run.start_time
    assert run.first_run_id == run.original_run_id is not None
    assert (run.sdk_name, run.patches) == ("temporal-python", ("faster-extract",))
    assert run.build_id is not None
    assert json_of(run.memo["owner"]) == {"team": "pricing"}
    assert json_of(run.memo["progress"]) == {"percent": 100, "message": "done"}
    assert json_of(run.search_attributes["TenantId"]) == "acme"
    assert json_of(run.search_attributes["TemporalChangeVersion"]) == ["faster-extract"]
    assert run.last_event_id == len(recorded("sync"))


def test_retried_activity() -> None:
    fetch = activity(folded("sync"), "fetch")
    assert (fetch.status, fetch.attempt, fetch.summary) == (ActivityStatus.COMPLETED, 3, "Fetch the price list")
    assert values_of(fetch.result) == [[1, 2, 3]]
    assert fetch.failure is None
    assert fetch.last_failure is not None
    assert (fetch.last_failure.message, fetch.last_failure.type) == ("connection refused", "ConnectionError")
    assert fetch.retry_policy is not None
    assert (fetch.retry_policy.initial_interval, fetch.retry_policy.maximum_attempts) == (0.05, 3)
    assert fetch.start_to_close_timeout == 10
    assert [each.attempt for each in fetch.attempts] == [2, 3]
    second, third = fetch.attempts
    assert (second.start_time, second.failure) == (None, fetch.last_failure)
    assert (third.start_time, third.close_time) == (fetch.start_time, fetch.close_time)
    assert fetch.start_time is not None
    assert fetch.start_time > fetch.scheduled_time


def test_failed_and_compensated() -> None:
    run = folded("compensated")
    fetch = activity(run, "fetch")
    assert fetch.status is ActivityStatus.FAILED
    assert fetch.failure is not None
    assert (fetch.failure.type, fetch.failure.non_retryable) == ("UnknownSource", True)
    assert values_of(fetch.failure.details) == [{"source": "broken"}]
    assert [(each.name, each.status) for each in run.compensations] == [("Compensate write", ActivityStatus.COMPLETED)]
    assert run.status is WorkflowStatus.FAILED
    assert run.failure is not None
    assert run.failure.kind is FailureKind.ACTIVITY
    assert run.failure.cause is not None
    assert run.failure.cause.message == "no such source"


def test_timeouts() -> None:
    run = folded("timeouts")
    assert run.status is WorkflowStatus.TIMED_OUT
    failures = [each.failure for each in run.activities]
    assert [failure and failure.timeout_type for failure in failures] == [
        "START_TO_CLOSE",
        "HEARTBEAT",
        "SCHEDULE_TO_START",
    ]
    assert [each.status for each in run.activities] == [ActivityStatus.TIMED_OUT] * 3
    assert run.activities[1].heartbeat_timeout == pytest.approx(0.3)
    assert run.activities[2].start_time is None
    (timer,) = items(run, TimelineKind.TIMER)
    assert (timer.status, timer.end_time) == (TimelineStatus.CANCELED, run.close_time)


def test_local_activities() -> None:
    run = folded("local_activities")
    patient, broken, resumed = run.activities
    assert all(each.is_local for each in run.activities)
    assert (patient.activity_id, patient.status, patient.attempt) == ("patient", ActivityStatus.COMPLETED, 3)
    assert values_of(patient.result) == [[1, 2, 3]]
    assert broken.status is ActivityStatus.FAILED
    assert broken.failure is not None
    assert broken.failure.message == "no such source"
    # It waited for timers between its attempts: three markers, one activity.
    assert (resumed.status, resumed.attempt, len(resumed.attempts)) == (ActivityStatus.COMPLETED, 3, 3)
    assert resumed.last_failure is not None
    bars = items(run, TimelineKind.LOCAL_ACTIVITY)
    assert [len(bar.event_ids) for bar in bars] == [1, 1, 3]
    assert all(bar.status.value == each.status.value for bar, each in zip(bars, run.activities, strict=True))


def test_children() -> None:
    run = folded("children")
    good, bad, canceled, duplicate = items(run, TimelineKind.CHILD_WORKFLOW)
    assert (good.status, good.summary, values_of(good.result)) == (TimelineStatus.COMPLETED, "Greet", ["hello"])
    assert good.child is not None
    assert good.child.namespace == "default"
    assert good.child.run_id
    assert bad.status is TimelineStatus.FAILED
    assert bad.failure is not None
    assert (bad.failure.message, bad.failure.type) == ("told to fail", "Told")
    assert canceled.status is TimelineStatus.CANCELED
    assert duplicate.status is TimelineStatus.FAILED
    assert duplicate.failure is not None
    assert "already exists" in duplicate.failure.message
    assert duplicate.child is not None
    assert duplicate.child.run_id == ""


def test_chains() -> None:
    for name, status in (("continued", WorkflowStatus.CONTINUED_AS_NEW), ("retried", WorkflowStatus.FAILED)):
        first, second = folded(name), folded(f"{name}_next")
        assert first.status is status
        assert second.status is WorkflowStatus.COMPLETED
        assert first.next_run_id == second.original_run_id is not None
        assert second.previous_run_id == first.original_run_id
        assert second.first_run_id == first.first_run_id
    assert folded("retried_next").attempt == 2
    tick = folded("cron")
    assert (tick.status, tick.cron_schedule) == (WorkflowStatus.COMPLETED, "@every 1s")
    assert tick.next_run_id is not None


def test_reset() -> None:
    base, again = folded("reset_base"), folded("reset")
    assert base.status is WorkflowStatus.TERMINATED
    assert base.failure is not None
    assert base.failure.kind is FailureKind.TERMINATED
    assert again.status is WorkflowStatus.COMPLETED
    assert again.previous_run_id == base.original_run_id
    assert again.original_run_id == base.original_run_id
    assert again.workflow_task_failure is None
    task = items(again, TimelineKind.WORKFLOW_TASK)[0]
    assert (task.status, task.detail["cause"]) == (TimelineStatus.FAILED, "RESET_WORKFLOW")
    (update,) = items(again, TimelineKind.UPDATE)
    assert (update.name, update.status, len(update.event_ids)) == ("add", TimelineStatus.COMPLETED, 3)


def test_updates() -> None:
    run = folded("updates")
    good, bad = items(run, TimelineKind.UPDATE)
    assert (good.name, good.status, good.detail["updateId"]) == ("add", TimelineStatus.COMPLETED, "update-good")
    assert (values_of(good.input), values_of(good.result)) == (["first"], [1])
    assert bad.status is TimelineStatus.FAILED
    assert bad.failure is not None
    assert bad.failure.message == "update failed"


def test_signals() -> None:
    run = folded("signal_with_start")
    assert run.status is WorkflowStatus.CANCELED
    first, second, cancel = items(run, TimelineKind.SIGNAL)
    assert (first.name, values_of(first.input)) == ("note", ["with start"])
    assert first.start_time == first.end_time
    assert values_of(second.input) == ["from outside"]
    assert second.detail["workflowId"]
    assert cancel.name == "cancel"


def test_external_requests() -> None:
    sent = items(folded("external"), TimelineKind.SIGNAL)
    assert [(item.name, item.status) for item in sent] == [
        ("note", TimelineStatus.COMPLETED),
        ("cancel", TimelineStatus.COMPLETED),
        ("note", TimelineStatus.FAILED),
        ("cancel", TimelineStatus.FAILED),
    ]
    assert all(item.detail["direction"] == "out" for item in sent)
    assert sent[2].failure is not None
    assert "not found" in sent[2].failure.message


def test_canceled() -> None:
    run = folded("canceled")
    assert run.status is WorkflowStatus.CANCELED
    assert run.cancel_reason == "no longer wanted"
    assert run.cancel_requested_time is not None
    hang = activity(run, "hang")
    assert hang.status is ActivityStatus.CANCELED
    assert hang.start_time is not None
    fired, canceled = items(run, TimelineKind.TIMER)
    assert (fired.status, canceled.status) == (TimelineStatus.COMPLETED, TimelineStatus.CANCELED)
    assert (canceled.name, canceled.summary) == ("Never fires", "Never fires")
    assert canceled.detail["seconds"] == 60


def test_terminated_run_leaves_nothing_open() -> None:
    run = folded("terminated")
    assert run.status is WorkflowStatus.TERMINATED
    assert run.failure is not None
    assert run.failure.message == "stuck"
    assert values_of(run.failure.details) == [{"why": "test"}]
    assert activity(run, "hang").status is ActivityStatus.CANCELED
    assert all(item.end_time is not None for item in run.timeline)
    assert run.points[-1].closed == 0


def test_failed_workflow_task() -> None:
    events = recorded("failed_task")
    failed = next(each.event_id for each in events if each.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    during = project(REF, events[:failed])
    assert during.workflow_task_failure is not None
    assert during.workflow_task_failure.message == "a bug in the workflow"
    assert items(during, TimelineKind.WORKFLOW_TASK)[-1].status is TimelineStatus.FAILED
    after = folded("failed_task")
    assert (after.workflow_task_failure, after.status) == (None, WorkflowStatus.COMPLETED)


def test_paused() -> None:
    events = recorded("paused")
    paused = next(each.event_id for each in events if each.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED)
    during = project(REF, events[:paused])
    assert (during.status, during.points[-1].status) == (WorkflowStatus.PAUSED, WorkflowStatus.PAUSED)
    after = project(REF, events[: paused + 1])
    assert after.status is WorkflowStatus.RUNNING
    (bar,) = items(after, TimelineKind.MARKER)
    assert (bar.name, bar.status, bar.detail["reason"]) == ("paused", TimelineStatus.COMPLETED, "wait")


def test_nexus() -> None:
    answered, through_workflow, failed = items(folded("nexus"), TimelineKind.NEXUS_OPERATION)
    assert (answered.name, values_of(answered.result)) == ("Greeter.greet", ["hello you"])
    assert len(through_workflow.event_ids) == 3
    assert through_workflow.child is not None
    assert through_workflow.child.workflow_id.startswith("echo-")
    assert failed.status is TimelineStatus.FAILED
    assert failed.failure is not None
    assert failed.failure.cause is not None
    assert failed.failure.cause.message == "nobody is there"
