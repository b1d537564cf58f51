"""Why a run is not moving."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import ActivityType, WorkflowType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import TaskQueue

from app.cluster import TaskQueueKind
from app.history import event_type_name, project
from app.model import (
    Blocker,
    BlockerKind,
    Failure,
    FailureKind,
    PendingActivity,
    PendingActivityState,
    PendingWorkflowTask,
    Profile,
    ProfileStep,
    Projection,
)
from app.progress import Queue, blockers, unserved
from tests.recordings import REF, START, event, recorded

NOW = START + timedelta(seconds=100)
BEGIN = [
    event(1, "WORKFLOW_EXECUTION_STARTED"),
    event(2, "WORKFLOW_TASK_SCHEDULED"),
    event(3, "WORKFLOW_TASK_STARTED", scheduled_event_id=2),
    event(4, "WORKFLOW_TASK_COMPLETED", scheduled_event_id=2),
]
ACTIVITY = event(5, "ACTIVITY_TASK_SCHEDULED", activity_id="a", activity_type=ActivityType(name="Fetch"))
FETCHERS = event(
    5,
    "ACTIVITY_TASK_SCHEDULED",
    activity_id="a",
    activity_type=ActivityType(name="Fetch"),
    task_queue=TaskQueue(name="fetchers"),
)
STARTED = event(1, "WORKFLOW_EXECUTION_STARTED", task_queue=TaskQueue(name="flows"))
TIMER = event(6, "TIMER_STARTED", timer_id="nap")
TIMER.timer_started_event_attributes.start_to_fire_timeout.FromTimedelta(timedelta(seconds=60))
CHILD = event(
    7, "START_CHILD_WORKFLOW_EXECUTION_INITIATED", workflow_type=WorkflowType(name="Kid"), workflow_id="kid-1"
)


def run(*events: HistoryEvent) -> Projection:
    return project(REF, [*BEGIN, *events])


def found(projection: Projection, *pending: PendingActivity, task: PendingWorkflowTask | None = None) -> list[Blocker]:
    return list(blockers(projection, pending, task, NOW))


def kinds(
    projection: Projection, *pending: PendingActivity, task: PendingWorkflowTask | None = None
) -> list[BlockerKind]:
    return [blocker.kind for blocker in found(projection, *pending, task=task)]


def pending(attempt: int, state: PendingActivityState = PendingActivityState.STARTED) -> PendingActivity:
    return PendingActivity(
        "a",
        "Fetch",
        state,
        attempt,
        last_failure=Failure("connection refused", FailureKind.APPLICATION),
        maximum_attempts=5,
        next_attempt_time=NOW,
        last_started_time=START + timedelta(seconds=20),
    )


def test_a_running_activity_blocks_nothing() -> None:
    assert kinds(run(ACTIVITY), pending(1)) == []
    assert kinds(run(ACTIVITY, TIMER, CHILD), pending(1)) == []


def test_retrying_activity() -> None:
    (blocker,) = found(run(ACTIVITY), pending(3, PendingActivityState.SCHEDULED))
    assert blocker == Blocker(
        BlockerKind.ACTIVITY_RETRYING,
        "Activity Fetch is on attempt 3 of 5: connection refused",
        START + timedelta(seconds=20),
        "a",
        NOW,
    )


def test_paused_activity() -> None:
    assert kinds(run(ACTIVITY), pending(3, PendingActivityState.PAUSED)) == [BlockerKind.ACTIVITY_PAUSED]


def test_no_blocker_stands_since_a_time_to_come() -> None:
    """During a backoff Temporal tells no last start, and as schedule time that of the next attempt."""
    waiting = replace(
        pending(3, PendingActivityState.SCHEDULED),
        last_started_time=None,
        scheduled_time=NOW + timedelta(seconds=60),
        next_attempt_time=NOW + timedelta(seconds=60),
    )
    assert [each.since for each in found(run(ACTIVITY), waiting)] == [START + timedelta(seconds=5)]
    ended = replace(waiting, last_attempt_complete_time=START + timedelta(seconds=50))
    assert [each.since for each in found(run(ACTIVITY), ended)] == [START + timedelta(seconds=50)]
    paused = replace(ended, state=PendingActivityState.PAUSED, paused=True)
    assert [each.since for each in found(run(ACTIVITY), paused)] == [START + timedelta(seconds=50)]
    told = replace(paused, pause_time=START + timedelta(seconds=70))
    assert [each.since for each in found(run(ACTIVITY), told)] == [START + timedelta(seconds=70)]
    assert [each.since for each in found(run(), waiting) if each.activity_id] == [NOW]


def test_paused_workflow() -> None:
    paused = event(8, "WORKFLOW_EXECUTION_PAUSED", reason="audit", identity="op")
    (blocker,) = found(run(ACTIVITY, paused), pending(1))
    assert blocker == Blocker(BlockerKind.WORKFLOW_PAUSED, "Workflow is paused: audit", START + timedelta(seconds=8))
    assert kinds(run(paused)) == [BlockerKind.WORKFLOW_PAUSED]


def test_timer() -> None:
    (blocker,) = found(run(TIMER))
    assert (blocker.kind, blocker.since) == (BlockerKind.TIMER, START + timedelta(seconds=6))
    assert "nap until 2026-01-01T00:01:06" in blocker.message
    fired = event(9, "TIMER_FIRED", started_event_id=6)
    assert BlockerKind.TIMER not in kinds(run(TIMER, fired))


def test_child() -> None:
    (blocker,) = found(run(CHILD, TIMER))
    assert (blocker.kind, blocker.message) == (
        BlockerKind.CHILD_RUNNING,
        "Waiting for child workflow Kid (kid-1)",
    )


def test_waiting_for_a_signal() -> None:
    assert kinds(run()) == [BlockerKind.WAITING_FOR_SIGNAL]
    task = PendingWorkflowTask("SCHEDULED", START, None, 1)
    assert kinds(run(), task=task) == []
    assert kinds(run(event(5, "WORKFLOW_TASK_SCHEDULED"))) == []
    # Not even its first workflow task is scheduled yet.
    assert kinds(project(REF, BEGIN[:1])) == []


def delayed(*events: HistoryEvent) -> Projection:
    started = event(1, "WORKFLOW_EXECUTION_STARTED")
    started.workflow_execution_started_event_attributes.first_workflow_task_backoff.FromTimedelta(timedelta(hours=1))
    return project(REF, [started, *events])


def test_a_run_waits_for_its_execution_time() -> None:
    (blocker,) = blockers(delayed(), [], None, NOW, profile=profile())
    assert blocker == Blocker(
        BlockerKind.TIMER,
        "Waiting until its execution time 2026-01-01T01:00:01+00:00",
        START + timedelta(seconds=1),
    )
    begun = START + timedelta(seconds=1, hours=1)
    assert blockers(delayed(), [], None, begun + timedelta(seconds=74), profile=profile()) == ()
    (late,) = blockers(delayed(), [], None, begun + timedelta(seconds=76), profile=profile())
    assert (late.kind, late.since) == (BlockerKind.OVERDUE, begun + timedelta(seconds=75))
    assert late.message == "Takes 76 s; nine of ten runs took at most 50 s"


def test_a_signal_begins_a_run_before_its_execution_time() -> None:
    told = delayed(event(2, "WORKFLOW_EXECUTION_SIGNALED", signal_name="go"), event(3, "WORKFLOW_TASK_SCHEDULED"))
    assert told.execution_time == START + timedelta(seconds=3)
    assert kinds(told) == []


def test_failing_workflow_task() -> None:
    events = recorded("failed_task")
    failed = next(each.event_id for each in events if event_type_name(each) == "WorkflowTaskFailed")
    task = PendingWorkflowTask("STARTED", START, None, 4)
    projection = project(REF, events[:failed])
    (blocker,) = found(projection, task=task)
    assert blocker.kind is BlockerKind.WORKFLOW_TASK_FAILING
    assert blocker.message == "The workflow's own code fails: a bug in the workflow (attempt 4)"
    assert blocker.since == projection.last_event_time
    assert kinds(run(), task=task) == [BlockerKind.WORKFLOW_TASK_FAILING]


def profile(runs: int = 10) -> Profile:
    step = ProfileStep("Fetch", 1, 0.0, 1.0, 10.0, 20.0, 1.0)
    return Profile("default", "acme", "production", "Sync", runs, 30.0, 50.0, 1.0, (step,))


def test_overdue() -> None:
    late = blockers(run(ACTIVITY), [pending(1)], None, NOW, profile=profile())
    assert late == (
        Blocker(
            BlockerKind.OVERDUE,
            "Takes 99 s; nine of ten runs took at most 50 s",
            START + timedelta(seconds=1 + 75),
        ),
        Blocker(
            BlockerKind.OVERDUE,
            "Activity Fetch takes 95 s; nine of ten took at most 20 s",
            START + timedelta(seconds=5 + 30),
            "a",
        ),
    )
    in_time = START + timedelta(seconds=34)
    assert blockers(run(ACTIVITY), [pending(1)], None, in_time, profile=profile()) == ()
    # Few runs say little of what is usual.
    assert blockers(run(ACTIVITY), [pending(1)], None, NOW, profile=profile(runs=4)) == ()


def scheduled(attempt: int = 1, next_attempt: float | None = None) -> PendingActivity:
    return PendingActivity(
        "a",
        "Fetch",
        PendingActivityState.SCHEDULED,
        attempt,
        scheduled_time=START + timedelta(seconds=5),
        next_attempt_time=START + timedelta(seconds=next_attempt) if next_attempt else None,
    )


@pytest.mark.parametrize(
    ("each", "queues"),
    [
        (scheduled(), (Queue("fetchers", TaskQueueKind.ACTIVITY),)),
        (scheduled(2, next_attempt=200), ()),
        (scheduled(2, next_attempt=50), (Queue("fetchers", TaskQueueKind.ACTIVITY),)),
        (pending(1), ()),
        (pending(1, PendingActivityState.PAUSED), ()),
    ],
)
def test_queues_of_activities_that_nobody_takes(each: PendingActivity, queues: tuple[Queue, ...]) -> None:
    assert unserved(run(FETCHERS), [each], None, NOW) == queues
    assert unserved(run(FETCHERS), [each], None, START + timedelta(seconds=6)) == ()
    told = blockers(run(FETCHERS), [each], None, NOW, unpolled=queues)
    assert [blocker.kind for blocker in told if blocker.kind is BlockerKind.NO_WORKERS] == [
        BlockerKind.NO_WORKERS for _ in queues
    ]
    assert not any(blocker.kind is BlockerKind.NO_WORKERS for blocker in blockers(run(FETCHERS), [each], None, NOW))


def test_no_workers_for_the_workflow_itself() -> None:
    task = PendingWorkflowTask("SCHEDULED", START, None, 1)
    queue = Queue("flows", TaskQueueKind.WORKFLOW)
    begun = project(REF, [STARTED])
    assert unserved(begun, [], task, NOW) == (queue,)
    assert blockers(begun, [], task, NOW, unpolled={queue}) == (
        Blocker(BlockerKind.NO_WORKERS, "No worker polls task queue flows for its workflow tasks", START),
    )
    assert unserved(begun, [], PendingWorkflowTask("STARTED", START, START, 1), NOW) == ()


def test_a_closed_run_has_none() -> None:
    closed = run(ACTIVITY, TIMER, event(9, "WORKFLOW_EXECUTION_TERMINATED", reason="x"))
    assert kinds(closed, pending(5)) == []
