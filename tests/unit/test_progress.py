"""Progress by its sources, best first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from app.history.standing import Standing
from app.model import (
    Activity,
    ActivityStatus,
    Heartbeat,
    Payload,
    PendingActivity,
    PendingActivityState,
    Phase,
    PhaseStatus,
    ProgressPoint,
    ProgressSource,
    Projection,
    WorkflowStatus,
)
from app.progress import activity_progress, progress, progress_at
from tests.recordings import START, folded

NOW = START + timedelta(seconds=100)
COMPLETED, RUNNING = ActivityStatus.COMPLETED, ActivityStatus.RUNNING


def payload(value: Any) -> Payload:
    return Payload({"encoding": b"json/plain"}, orjson.dumps(value))


def activities(*states: ActivityStatus) -> tuple[Activity, ...]:
    return tuple(
        Activity(str(number), f"step-{number}", state, scheduled_event_id=number + 5, scheduled_time=START)
        for number, state in enumerate(states)
    )


def run(*states: ActivityStatus, published: Any = None, **more: Any) -> Projection:
    status = more.pop("status", WorkflowStatus.RUNNING)
    closed = sum(state.is_closed for state in states)
    phases: tuple[Phase, ...] = more.get("phases", ())
    standing = Standing()
    standing.note(len(states), closed, {phase.name: phase for phase in phases})
    point = ProgressPoint(
        9,
        START,
        status,
        len(states),
        closed,
        percent=standing.percent,
        full=standing.full,
        published=published,
        phases_done=standing.phases_done,
        phases_known=len(phases),
    )
    return Projection(
        last_event_id=9,
        last_event_time=START,
        start_time=START,
        status=status,
        activities=activities(*states),
        points=(point,),
        **more,
    )


def beat(activity_id: str, value: Any, seconds: float = 50) -> PendingActivity:
    heartbeat = Heartbeat(START + timedelta(seconds=seconds), (payload(value),))
    name = f"step-{activity_id}"
    return PendingActivity(activity_id, name, PendingActivityState.STARTED, 1, heartbeat=heartbeat)


@pytest.mark.parametrize(
    ("published", "percent", "step", "message", "completed", "total"),
    [
        ({"percent": 40}, 40.0, None, None, None, None),
        ({"percent": 12.5, "step": "load", "message": "half"}, 12.5, "load", "half", None, None),
        ({"completed": 1, "total": 4}, 25.0, None, None, 1, 4),
        ({"percent": 10, "completed": 1, "total": 4}, 10.0, None, None, 1, 4),
        ({"percent": 250}, 100.0, None, None, None, None),
        ({"percent": -3}, 0.0, None, None, None, None),
        ({"percent": "40", "completed": 1, "total": 2}, 50.0, None, None, 1, 2),
        ({"percent": True, "completed": 3, "total": 2}, 100.0, None, None, 3, 2),
        ({"percent": 5, "step": 7, "message": ["x"], "total": -1}, 5.0, None, None, None, None),
    ],
)
def test_published(
    published: Any, percent: float, step: str | None, message: str | None, completed: int | None, total: int | None
) -> None:
    told = progress(run(RUNNING, published=published), [beat("0", {"percent": 77})], NOW)
    assert told.source is ProgressSource.PUBLISHED
    assert (told.percent, told.step, told.message) == (percent, step, message)
    assert (told.completed_steps, told.total_steps) == (completed, total)


@pytest.mark.parametrize("junk", [None, 5, "half", [], {}, {"percent": "x"}, {"percent": None}, {"total": 5}])
def test_what_is_no_progress_is_passed_over(junk: Any) -> None:
    told = progress(run(COMPLETED, RUNNING, published=junk), [], NOW)
    assert (told.source, told.percent) == (ProgressSource.ACTIVITIES, 50.0)


def test_a_message_alone_takes_its_percent_from_the_next_source() -> None:
    told = progress(run(COMPLETED, RUNNING, published={"message": "soon"}), [], NOW)
    assert (told.source, told.percent, told.message, told.step) == (
        ProgressSource.ACTIVITIES,
        50.0,
        "soon",
        "step-1",
    )
    alone = progress(run(published={"message": "soon"}), [], NOW)
    assert (alone.source, alone.percent, alone.message) == (ProgressSource.PUBLISHED, None, "soon")


@pytest.mark.parametrize(
    ("states", "beats", "percent", "step"),
    [
        # On the way to what the end of the activity will bring: one of two, where one more may come.
        ([RUNNING], [("0", {"percent": 30})], 15.0, "step-0"),
        ([RUNNING], [("0", {"completed": 1, "total": 2, "step": "rows"})], 25.0, "rows"),
        ([COMPLETED, RUNNING], [("1", {"percent": 50})], 50 + 50 / 6, "step-1"),
        ([COMPLETED, RUNNING, RUNNING], [("1", {"percent": 50}), ("2", {"percent": 10})], 45.8333333, "step-1"),
        ([COMPLETED, RUNNING], [("1", {"percent": 100})], 200 / 3, "step-1"),
        ([COMPLETED, RUNNING], [("0", {"percent": 90}), ("1", {"percent": 0})], 50.0, "step-1"),
    ],
)
def test_heartbeats(states: list[ActivityStatus], beats: list[tuple[str, Any]], percent: float, step: str) -> None:
    pending = [beat(name, value, 50 - place) for place, (name, value) in enumerate(beats)]
    told = progress(run(*states), pending, NOW)
    assert (told.source, told.step) == (ProgressSource.HEARTBEAT, step)
    assert told.percent == pytest.approx(percent)
    assert told.updated_at > START


def test_heartbeats_that_tell_no_progress_are_passed_over() -> None:
    told = progress(run(COMPLETED, RUNNING), [beat("1", "alive"), beat("1", [5])], NOW)
    assert told.source is ProgressSource.ACTIVITIES


def test_phases_come_before_activities() -> None:
    phases = (
        Phase("a", PhaseStatus.COMPLETED),
        Phase("b", PhaseStatus.SKIPPED),
        Phase("c", PhaseStatus.STARTED),
        Phase("d", PhaseStatus.STARTED),
        Phase("e", PhaseStatus.PENDING),
    )
    told = progress(run(RUNNING, phases=phases), [], NOW)
    assert (told.source, told.percent, told.step) == (ProgressSource.PHASES, 40.0, "c, d")
    assert (told.completed_steps, told.total_steps) == (2, 5)


@pytest.mark.parametrize(
    ("status", "source", "percent"),
    [
        (WorkflowStatus.RUNNING, ProgressSource.ACTIVITIES, 200 / 3),
        (WorkflowStatus.PAUSED, ProgressSource.ACTIVITIES, 200 / 3),
        (WorkflowStatus.COMPLETED, ProgressSource.STATUS, 100.0),
        (WorkflowStatus.FAILED, ProgressSource.ACTIVITIES, 200 / 3),
    ],
)
def test_counts_are_below_100_until_the_run_has_completed(
    status: WorkflowStatus, source: ProgressSource, percent: float
) -> None:
    told = progress(run(COMPLETED, COMPLETED, status=status), [], NOW)
    assert told.source is source
    assert told.percent == pytest.approx(percent)


@pytest.mark.parametrize(
    ("status", "source", "percent"),
    [
        (WorkflowStatus.RUNNING, ProgressSource.NONE, None),
        (WorkflowStatus.COMPLETED, ProgressSource.STATUS, 100.0),
        (WorkflowStatus.TERMINATED, ProgressSource.STATUS, None),
    ],
)
def test_nothing_is_known(status: WorkflowStatus, source: ProgressSource, percent: float | None) -> None:
    told = progress(run(status=status), [], NOW)
    assert (told.source, told.percent, told.eta_seconds) == (source, percent, None)


def test_a_run_that_failed_stays_where_it_was() -> None:
    told = progress(run(COMPLETED, published={"percent": 60}, status=WorkflowStatus.FAILED), [], NOW)
    assert (told.source, told.percent, told.eta_seconds) == (ProgressSource.PUBLISHED, 60.0, None)
    abandoned = folded("terminated")
    assert progress(abandoned, [], NOW).percent == 0.0


@pytest.mark.parametrize(
    ("percent", "status", "eta"),
    [
        (50, WorkflowStatus.RUNNING, 100.0),
        (80, WorkflowStatus.RUNNING, 25.0),
        (0, WorkflowStatus.RUNNING, None),
        (0.5, WorkflowStatus.RUNNING, None),
        (100, WorkflowStatus.RUNNING, None),
        (50, WorkflowStatus.PAUSED, None),
        (50, WorkflowStatus.FAILED, None),
    ],
)
def test_eta(percent: float, status: WorkflowStatus, eta: float | None) -> None:
    told = progress(run(published={"percent": percent}, status=status), [], NOW)
    assert told.eta_seconds == (None if eta is None else pytest.approx(eta))
    assert told.estimated_close_time == (None if eta is None else NOW + timedelta(seconds=eta))


def test_the_log_tells_the_same_as_the_moment() -> None:
    point = ProgressPoint(9, START, WorkflowStatus.RUNNING, scheduled=4, closed=1, step="load", percent=25.0)
    told = progress_at(point)
    assert (told.source, told.percent, told.step, told.eta_seconds) == (
        ProgressSource.ACTIVITIES,
        25.0,
        "load",
        None,
    )
    assert (told.completed_steps, told.total_steps, told.updated_at) == (1, 4, START)
    published = progress_at(replace(point, published={"percent": 7, "step": "x"}))
    assert (published.source, published.percent, published.step) == (ProgressSource.PUBLISHED, 7.0, "x")
    done = progress_at(replace(point, status=WorkflowStatus.COMPLETED))
    assert (done.source, done.percent) == (ProgressSource.STATUS, 100.0)
    assert progress_at(ProgressPoint(1, START, WorkflowStatus.RUNNING, 0, 0)).source is ProgressSource.NONE


def test_the_log_of_a_recorded_run() -> None:
    told = [progress_at(point) for point in folded("sync").points]
    published = [each.percent for each in told if each.source is ProgressSource.PUBLISHED]
    assert published == sorted(published, key=lambda percent: percent or 0)
    assert [published[0], published[-1]] == [0.0, 100.0]
    assert any(each.percent == pytest.approx(100 / 3) for each in told)
    assert (told[-1].source, told[-1].percent, told[-1].message) == (ProgressSource.STATUS, 100.0, "done")


def test_an_activity_tells_of_itself() -> None:
    (activity,) = activities(RUNNING)
    assert activity_progress(activity) is None
    told = activity_progress(replace(activity, heartbeat=Heartbeat(NOW, (payload({"percent": 3}),))))
    assert told is not None
    assert (told.source, told.percent, told.step, told.updated_at) == (
        ProgressSource.HEARTBEAT,
        3.0,
        "step-0",
        NOW,
    )
    assert activity_progress(replace(activity, heartbeat=Heartbeat(NOW))) is None
