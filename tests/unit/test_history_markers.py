"""Markers in the formats of all SDKs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure, TimeoutFailureInfo
from temporalio.api.history.v1 import HistoryEvent

from app.history import project
from app.model import ActivityStatus, Projection, TimelineKind, TimelineStatus
from app.protos import values_of
from tests.recordings import REF, START, encoded, event, items


def marker(event_id: int, name: str, failure: Failure | None = None, **details: Any) -> HistoryEvent:
    """A detail's name is written with `__` for a dash."""
    packed = {
        key.replace("__", "-"): Payloads(payloads=[value if isinstance(value, Payload) else encoded(value)])
        for key, value in details.items()
    }
    return event(event_id, "MARKER_RECORDED", marker_name=name, details=packed, failure=failure)


def run(*markers: HistoryEvent) -> Projection:
    return project(REF, [event(1, "WORKFLOW_EXECUTION_STARTED"), *markers])


SECONDS = int(START.timestamp())
GO = {"ActivityID": "1", "ActivityType": "Charge", "ReplayTime": "2026-01-01T00:00:04.5Z", "Attempt": 2}
CORE = {
    "seq": 1,
    "attempt": 2,
    "activity_id": "1",
    "activity_type": "Charge",
    "complete_time": {"seconds": SECONDS + 4, "nanos": 500_000_000},
    "backoff": None,
    "original_schedule_time": {"seconds": SECONDS + 3, "nanos": 0},
}
CORE_PROTO_JSON = {
    "attempt": 2,
    "activityId": "1",
    "activityType": "Charge",
    "completeTime": "2026-01-01T00:00:04.5Z",
    "originalScheduleTime": "2026-01-01T00:00:03Z",
}
JAVA: dict[str, Any] = {
    "activityId": "1",
    "type": "Charge",
    "time": (SECONDS + 4.5) * 1000,
    "meta": {"firstSkd": (SECONDS + 3) * 1000, "atpt": 2},
}


@pytest.mark.parametrize(
    ("name", "details", "start"),
    [
        ("core_local_activity", {"data": CORE}, 3.0),
        ("core_local_activity", {"data": CORE_PROTO_JSON}, 3.0),
        ("LocalActivity", {"data": GO}, 4.5),
        ("LocalActivity", JAVA, 3.0),
    ],
    ids=["core", "core as protobuf JSON", "go", "java"],
)
def test_local_activity_of_each_sdk(name: str, details: dict[str, Any], start: float) -> None:
    told = run(marker(5, name, result={"paid": True}, **details))
    (activity,) = told.activities
    assert (activity.activity_id, activity.activity_type, activity.attempt) == ("1", "Charge", 2)
    assert (activity.status, activity.is_local) == (ActivityStatus.COMPLETED, True)
    assert values_of(activity.result) == [{"paid": True}]
    assert activity.scheduled_time == START + timedelta(seconds=start)
    assert activity.close_time == START + timedelta(seconds=4.5)
    (bar,) = items(told, TimelineKind.LOCAL_ACTIVITY)
    assert (bar.name, bar.status, bar.start_time) == ("Charge", TimelineStatus.COMPLETED, activity.scheduled_time)
    assert bar.key == "activity:5"
    assert told.points[-1].closed == told.points[-1].scheduled == 1


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Failure(message="no", application_failure_info=ApplicationFailureInfo(type="T")), ActivityStatus.FAILED),
        (Failure(message="late", timeout_failure_info=TimeoutFailureInfo()), ActivityStatus.TIMED_OUT),
    ],
)
def test_failed_local_activity(failure: Failure, status: ActivityStatus) -> None:
    (activity,) = run(marker(5, "core_local_activity", failure, data=CORE)).activities
    assert activity.status is status
    assert activity.failure is not None
    assert activity.failure.message == failure.message
    assert activity.result == ()


def test_backoff_keeps_one_activity_open_until_its_last_marker() -> None:
    failure = Failure(message="no", application_failure_info=ApplicationFailureInfo())
    first = marker(5, "core_local_activity", failure, data=CORE | {"attempt": 1, "backoff": {"seconds": 7}})
    waiting = run(first)
    assert waiting.activities[0].status is ActivityStatus.RETRYING
    assert waiting.activities[0].next_attempt_time == START + timedelta(seconds=12)
    assert waiting.timeline[0].end_time is None
    second = marker(12, "core_local_activity", None, data=CORE | {"activity_id": "2"}, result=1)
    (done,) = run(first, second).activities
    assert (done.status, done.attempt, done.activity_id) == (ActivityStatus.COMPLETED, 2, "1")
    assert [(each.attempt, each.failure and each.failure.message) for each in done.attempts] == [
        (1, "no"),
        (2, None),
    ]


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"data": "text"},
        {"data": {"attempt": "many", "activity_type": 7, "complete_time": "soon", "backoff": "x"}},
        {"data": {"complete_time": {"seconds": "x"}, "original_schedule_time": {"seconds": 1e300}}},
        {"data": Payload(metadata={"encoding": b"binary/encrypted"}, data=b"\x00\x01")},
        {"meta": {"firstSkd": "never"}, "type": 5},
    ],
)
def test_a_marker_that_cannot_be_read_leaves_a_sensible_item(details: dict[str, Any]) -> None:
    told = run(marker(5, "LocalActivity", None, **details))
    (activity,) = told.activities
    assert (activity.activity_id, activity.activity_type) == ("5", "LocalActivity")
    assert (activity.status, activity.scheduled_time) == (ActivityStatus.COMPLETED, START + timedelta(seconds=5))
    assert len(told.timeline) == 1


@pytest.mark.parametrize(
    ("name", "details", "patch"),
    [
        ("core_patch", {"patch__data": {"id": "faster", "deprecated": False}}, "faster"),
        ("core_patch", {"patch_id": Payload(data=b"faster"), "deprecated": Payload(data=b"0")}, "faster"),
        ("Version", {"change__id": "faster", "version": 2}, "faster-2"),
        ("Version", {"changeId": "faster", "version": 2}, "faster-2"),
    ],
)
def test_patches(name: str, details: dict[str, Any], patch: str) -> None:
    told = run(marker(5, name, None, **details), marker(6, name, None, **details))
    assert told.patches == (patch,)
    assert told.timeline == ()


def test_other_markers_are_moments() -> None:
    told = run(marker(5, "SideEffect", None, side__effect__id=1, data="dice: 4"), marker(6, "Version"))
    (item,) = told.timeline
    assert (item.kind, item.name, item.start_time) == (TimelineKind.MARKER, "SideEffect", item.end_time)
    assert values_of(item.result) == ["dice: 4"]
