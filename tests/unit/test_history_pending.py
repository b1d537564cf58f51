"""What describe tells, merged into what history tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import ActivityType
from temporalio.api.history.v1 import HistoryEvent

from app.history import project, with_pending
from app.model import (
    ActivityStatus,
    Failure,
    FailureKind,
    Heartbeat,
    PendingActivity,
    PendingActivityState,
    TimelineStatus,
)
from tests.recordings import REF, START, event, folded, recorded


def scheduled(event_id: int, activity_id: str) -> HistoryEvent:
    kind = ActivityType(name="fetch")
    return event(event_id, "ACTIVITY_TASK_SCHEDULED", activity_id=activity_id, activity_type=kind)


RUN = project(REF, [event(1, "WORKFLOW_EXECUTION_STARTED"), scheduled(2, "a"), scheduled(3, "b")])
STARTED = START + timedelta(seconds=5)
ENDED = START + timedelta(seconds=6)
NEXT = START + timedelta(seconds=9)
FAILURE = Failure("connection refused", FailureKind.APPLICATION)
PENDING = PendingActivity(
    "a",
    "fetch",
    PendingActivityState.STARTED,
    attempt=1,
    last_started_time=STARTED,
    last_worker_identity="worker-1",
    heartbeat=Heartbeat(STARTED),
)


@pytest.mark.parametrize(
    ("state", "attempt", "paused", "status", "bar"),
    [
        (PendingActivityState.SCHEDULED, 1, False, ActivityStatus.SCHEDULED, TimelineStatus.SCHEDULED),
        (PendingActivityState.SCHEDULED, 3, False, ActivityStatus.RETRYING, TimelineStatus.RUNNING),
        (PendingActivityState.SCHEDULED, 3, True, ActivityStatus.PAUSED, TimelineStatus.RUNNING),
        (PendingActivityState.STARTED, 1, False, ActivityStatus.RUNNING, TimelineStatus.RUNNING),
        (PendingActivityState.PAUSED, 2, True, ActivityStatus.PAUSED, TimelineStatus.RUNNING),
        (PendingActivityState.PAUSE_REQUESTED, 1, True, ActivityStatus.RUNNING, TimelineStatus.RUNNING),
        (PendingActivityState.CANCEL_REQUESTED, 1, False, ActivityStatus.CANCEL_REQUESTED, TimelineStatus.RUNNING),
    ],
)
def test_status(
    state: PendingActivityState, attempt: int, paused: bool, status: ActivityStatus, bar: TimelineStatus
) -> None:
    told = with_pending(RUN, [replace(PENDING, state=state, attempt=attempt, paused=paused)])
    assert (told.activities[0].status, told.timeline[0].status) == (status, bar)
    assert told.activities[0].attempt == told.timeline[0].attempt == attempt
    assert (told.activities[1], told.timeline[1]) == (RUN.activities[1], RUN.timeline[1])


def test_running_attempt() -> None:
    activity = with_pending(RUN, [PENDING]).activities[0]
    assert (activity.start_time, activity.worker_identity) == (STARTED, "worker-1")
    assert activity.heartbeat == PENDING.heartbeat
    assert [(each.attempt, each.start_time) for each in activity.attempts] == [(1, STARTED)]


def test_waiting_for_the_next_attempt() -> None:
    waiting = replace(
        PENDING,
        state=PendingActivityState.SCHEDULED,
        attempt=2,
        last_failure=FAILURE,
        next_attempt_time=NEXT,
        last_attempt_complete_time=ENDED,
    )
    told = with_pending(RUN, [waiting])
    activity = told.activities[0]
    assert (activity.next_attempt_time, activity.last_failure) == (NEXT, FAILURE)
    first, second = activity.attempts
    assert (first.attempt, first.start_time, first.close_time, first.failure) == (1, STARTED, ENDED, FAILURE)
    assert (second.attempt, second.start_time, second.close_time) == (2, None, None)
    assert told.timeline[0].failure == FAILURE


def test_history_is_the_truth() -> None:
    unknown = replace(PENDING, activity_id="c")
    assert with_pending(RUN, [unknown]) is RUN
    assert with_pending(RUN, []) is RUN
    closed = folded("sync")
    assert with_pending(closed, [replace(PENDING, activity_id="1")]) is closed


def test_lanes_and_keys_stay() -> None:
    told = with_pending(RUN, [PENDING])
    assert [(each.key, each.lane) for each in told.timeline] == [(each.key, each.lane) for each in RUN.timeline]


def test_a_cancel_that_history_knows_of_wins() -> None:
    events = recorded("canceled")
    requested = next(
        each.event_id for each in events if each.HasField("activity_task_cancel_requested_event_attributes")
    )
    run = project(REF, events[:requested])
    told = with_pending(run, [replace(PENDING, activity_id=run.activities[0].activity_id)])
    assert told.activities[0].status is ActivityStatus.CANCEL_REQUESTED
