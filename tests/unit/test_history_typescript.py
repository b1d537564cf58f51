"""The projection of histories that a TypeScript worker made; `tests/typescript` records them."""

from __future__ import annotations

import pytest

from app.model import ActivityStatus, FailureKind, PhaseStatus, TimelineKind, TimelineStatus, WorkflowStatus
from app.progress import progress
from app.protos import json_of, values_of
from tests.recordings import HISTORIES, activity, folded, items, recorded

NAMES = sorted(path.stem for path in HISTORIES.glob("typescript_*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_whose_work_it_is(name: str) -> None:
    run = folded(name)
    assert run.sdk_name == "temporal-typescript"
    assert run.sdk_version is not None
    assert run.build_id is not None
    assert run.build_id.startswith("@temporalio/worker@")
    assert run.status.is_closed
    assert run.last_event_id == len(recorded(name))
    assert all(each.status.is_closed for each in run.activities)


def test_sync_run() -> None:
    run = folded("typescript_sync")
    assert run.status is WorkflowStatus.COMPLETED
    assert (run.workflow_type, run.task_queue) == ("Sync", "recorded")
    assert (run.summary, run.details) == ("Price sync", "Nightly **prices**")
    assert values_of(run.input) == ["flaky"]
    assert values_of(run.result) == [{"rows": 3, "resumedAt": 2, "key": 36}]
    assert run.patches == ("faster-extract",)
    assert json_of(run.memo["owner"]) == {"team": "pricing"}
    assert json_of(run.search_attributes["TenantId"]) == ["acme"]


def test_retried_activity() -> None:
    fetch = activity(folded("typescript_sync"), "fetchPrices")
    assert (fetch.status, fetch.attempt) == (ActivityStatus.COMPLETED, 3)
    assert fetch.last_failure is not None
    assert (fetch.last_failure.message, fetch.last_failure.type) == ("connection refused", "TypeError")
    assert fetch.last_failure.source == "TypeScriptSDK"
    assert fetch.retry_policy is not None
    assert (fetch.retry_policy.initial_interval, fetch.retry_policy.maximum_attempts) == (0.05, 3)
    assert [each.attempt for each in fetch.attempts] == [2, 3]


def test_an_activity_that_goes_on_from_its_heartbeat() -> None:
    copy = activity(folded("typescript_sync"), "copyPages")
    assert (copy.status, copy.attempt, values_of(copy.result)) == (ActivityStatus.COMPLETED, 2, [2])
    assert copy.last_failure is not None
    assert copy.last_failure.message == "cut off"


def test_published_phases_and_progress() -> None:
    run = folded("typescript_sync")
    assert [(each.name, each.status, each.parallel_group) for each in run.phases] == [
        ("extract", PhaseStatus.COMPLETED, None),
        ("load-eu", PhaseStatus.COMPLETED, "load"),
        ("load-us", PhaseStatus.COMPLETED, "load"),
    ]
    published = [each.published for each in run.points if each.published]
    assert published[0] == {"percent": 0, "step": "extract"}
    assert published[-1] == {"percent": 100, "message": "done"}
    assert {"completed": 2, "total": 3} in published
    assert run.close_time is not None
    assert progress(run, (), run.close_time).percent == 100


def test_parallel_activities_and_labels() -> None:
    run = folded("typescript_sync")
    first, second = (bar for bar in items(run, TimelineKind.ACTIVITY) if bar.name == "writePrices")
    assert first.lane != second.lane
    assert (first.summary, second.summary) == ("Write the prices", "Write the prices")
    (timer,) = items(run, TimelineKind.TIMER)
    assert (timer.name, timer.summary, timer.status) == (
        "Let caches settle",
        "Let caches settle",
        TimelineStatus.COMPLETED,
    )


def test_failed_and_compensated() -> None:
    run = folded("typescript_compensated")
    assert run.status is WorkflowStatus.FAILED
    fetch = activity(run, "fetchPrices")
    assert fetch.status is ActivityStatus.FAILED
    assert fetch.failure is not None
    assert (fetch.failure.type, fetch.failure.non_retryable) == ("UnknownSource", True)
    assert values_of(fetch.failure.details) == [{"source": "broken"}]
    assert [(each.name, each.status) for each in run.compensations] == [("Compensate write", ActivityStatus.COMPLETED)]
    assert run.failure is not None
    assert (run.failure.kind, run.failure.type) == (FailureKind.ACTIVITY, "fetchPrices")
    assert run.failure.cause is not None
    assert run.failure.cause.message == "no such source"


def test_timeouts() -> None:
    run = folded("typescript_timeouts")
    assert run.status is WorkflowStatus.TIMED_OUT
    assert [each.failure and each.failure.timeout_type for each in run.activities] == [
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
    run = folded("typescript_local_activities")
    patient, broken, resumed = run.activities
    assert all(each.is_local for each in run.activities)
    assert [each.activity_type for each in run.activities] == ["fetchPrices"] * 3
    assert (patient.status, patient.attempt, values_of(patient.result)) == (ActivityStatus.COMPLETED, 3, [[1, 2, 3]])
    assert broken.status is ActivityStatus.FAILED
    assert broken.failure is not None
    assert (broken.failure.type, broken.failure.message) == ("UnknownSource", "no such source")
    # It waited for timers between its attempts: three markers, one activity.
    assert (resumed.status, resumed.attempt, len(resumed.attempts)) == (ActivityStatus.COMPLETED, 3, 3)
    assert [len(bar.event_ids) for bar in items(run, TimelineKind.LOCAL_ACTIVITY)] == [1, 1, 3]


def test_children() -> None:
    run = folded("typescript_children")
    good, bad, canceled, left, duplicate = items(run, TimelineKind.CHILD_WORKFLOW)
    assert (good.status, good.summary, values_of(good.result)) == (TimelineStatus.COMPLETED, "Greet", ["hello"])
    assert good.child is not None
    assert good.child.run_id
    assert bad.status is TimelineStatus.FAILED
    assert bad.failure is not None
    assert (bad.failure.message, bad.failure.type) == ("told to fail", "Told")
    assert canceled.status is TimelineStatus.CANCELED
    assert (left.status, left.detail["parentClosePolicy"]) == (TimelineStatus.RUNNING, "ABANDON")
    assert duplicate.status is TimelineStatus.FAILED
    assert duplicate.failure is not None
    assert "already exists" in duplicate.failure.message


def test_continue_as_new() -> None:
    first, second = folded("typescript_continued"), folded("typescript_continued_next")
    assert first.status is WorkflowStatus.CONTINUED_AS_NEW
    assert second.status is WorkflowStatus.COMPLETED
    assert second.previous_run_id == first.original_run_id
    assert first.next_run_id == second.original_run_id
    assert second.first_run_id == first.first_run_id
    assert (values_of(first.input), values_of(second.input)) == ([1], [2])


def test_updates() -> None:
    completed, failed = items(folded("typescript_updates"), TimelineKind.UPDATE)
    assert (completed.status, values_of(completed.input), values_of(completed.result)) == (
        TimelineStatus.COMPLETED,
        [5],
        [5],
    )
    assert (failed.status, values_of(failed.input)) == (TimelineStatus.FAILED, [13])
    assert failed.failure is not None
    assert failed.failure.message == "unlucky"
    # What a validator refuses leaves no trace in a history.
    assert values_of(folded("typescript_updates").result) == [5]


def test_starts_that_bring_a_message() -> None:
    signalled, updated = folded("typescript_signal_with_start"), folded("typescript_update_with_start")
    (signal,) = items(signalled, TimelineKind.SIGNAL)
    assert (signal.name, signal.event_ids, signal.detail["direction"]) == ("close", (2,), "in")
    (update,) = items(updated, TimelineKind.UPDATE)
    assert (update.name, update.status, values_of(update.result)) == ("add", TimelineStatus.COMPLETED, [7])
    assert values_of(updated.result) == [7]


def test_cancellation_scopes() -> None:
    run = folded("typescript_scopes")
    assert run.status is WorkflowStatus.CANCELED
    assert run.cancel_requested_time is not None
    deadline, slept = items(run, TimelineKind.TIMER)
    assert (deadline.status, slept.status) == (TimelineStatus.COMPLETED, TimelineStatus.CANCELED)
    hang, undo = run.activities
    assert (hang.activity_type, hang.status) == ("hang", ActivityStatus.CANCELED)
    assert (undo.activity_type, undo.status) == ("undo", ActivityStatus.COMPLETED)
    assert undo.scheduled_time > run.cancel_requested_time


def test_failed_workflow_task() -> None:
    run = folded("typescript_failed_task")
    failed, completed = items(run, TimelineKind.WORKFLOW_TASK)
    assert failed.status is TimelineStatus.FAILED
    assert failed.failure is not None
    assert failed.failure.message == "stumbled"
    assert (completed.status, completed.attempt) == (TimelineStatus.COMPLETED, 2)
    assert run.workflow_task_failure is None
    assert values_of(run.result) == ["up again"]
