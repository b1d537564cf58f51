"""Progress never goes down, unless the workflow says so itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from app.history import Projector
from app.history.standing import Standing, share
from app.model import (
    Heartbeat,
    Payload,
    PendingActivity,
    PendingActivityState,
    Phase,
    PhaseStatus,
    Profile,
    ProfileStep,
    Progress,
    ProgressSource,
    Projection,
)
from app.progress import not_below, progress, progress_at
from tests.recordings import NAMES, REF, START, folded, recorded


def prefixes(name: str) -> Iterator[tuple[Projection, datetime]]:
    """The run after each of its events, and when that was: the start of an activity is written late, with the time
    at which it happened."""
    projector, now = Projector(REF), datetime.min.replace(tzinfo=UTC)
    for event in recorded(name):
        projector.apply(event)
        snapshot = projector.snapshot()
        now = max(now, snapshot.last_event_time or now)
        yield snapshot, now


def beats(projection: Projection, percent: float) -> list[PendingActivity]:
    """Every open activity tells by heartbeat that it is so far."""
    details = Payload({"encoding": b"json/plain"}, orjson.dumps({"percent": percent}))
    time = projection.last_event_time or START
    return [
        PendingActivity(
            each.activity_id, each.activity_type, PendingActivityState.STARTED, 1, heartbeat=Heartbeat(time, (details,))
        )
        for each in projection.activities
        if not each.status.is_closed and not each.is_local
    ]


def assert_never_down(said: list[Progress]) -> None:
    high = 0.0
    for each in said:
        if each.source is ProgressSource.PUBLISHED:
            high = each.percent or 0.0
            continue
        assert (each.percent or 0.0) >= high - 1e-9, said
        high = each.percent or 0.0


def profile_like(name: str) -> Profile:
    """What a type would be like whose runs are like this one, but twice as slow."""
    run = folded(name)
    start, end = run.start_time or START, run.close_time or run.last_event_time or START
    length = max((end - start).total_seconds(), 0.001)

    def place(moment: datetime | None) -> float:
        return min(max(((moment or end) - start).total_seconds() / length, 0.0), 1.0)

    steps = [
        ProfileStep(each.activity_type, number, place(each.scheduled_time), place(each.close_time), 1.0, 1.0, 1.0)
        for number, each in enumerate(run.activities, 1)
    ]
    steps.sort(key=lambda step: step.closes)
    return Profile("n", "t", "e", "w", 10, length * 2, length * 2, len(steps), tuple(steps))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("profiled", [False, True], ids=["counted", "profiled"])
def test_a_recorded_run_never_goes_back(name: str, profiled: bool) -> None:
    profile = profile_like(name) if profiled else None
    said = [progress(each, [], now, profile) for each, now in prefixes(name)]
    assert_never_down(said)
    points = [progress_at(point, folded(name), profile) for point in folded(name).points]
    assert_never_down(points)


@pytest.mark.parametrize("name", NAMES)
def test_heartbeats_come_and_go_and_progress_does_not_go_back(name: str) -> None:
    """As a stream tells it: what more work takes away is not taken back."""
    said: list[Progress] = []
    for each, now in prefixes(name):
        for percent in (0, 40, 99):
            for pending in (beats(each, percent), []):
                said.append(not_below(progress(each, pending, now), said[-1] if said else None))
    assert_never_down(said)


def test_a_heartbeat_promises_no_more_than_the_close_of_its_activity_brings() -> None:
    for name in NAMES:
        before: Progress | None = None
        for each, now in prefixes(name):
            closed = each.points[-1].closed if each.points else 0
            if before is not None and before.completed_steps is not None and closed > before.completed_steps:
                after = progress(each, [], now)
                if after.source in {ProgressSource.ACTIVITIES, ProgressSource.PHASES}:
                    assert (after.percent or 0.0) >= (before.percent or 0.0) - 1e-9, name
            open_now = beats(each, 100)
            told = progress(each, open_now, now) if len(open_now) == 1 else None
            counts = told is not None and told.source is ProgressSource.HEARTBEAT
            before = replace(told, completed_steps=closed) if told is not None and counts else None


@pytest.mark.parametrize(
    ("said", "last", "percent"),
    [
        ((ProgressSource.ACTIVITIES, 40.0), (ProgressSource.HEARTBEAT, 60.0), 60.0),
        ((ProgressSource.ACTIVITIES, 70.0), (ProgressSource.HEARTBEAT, 60.0), 70.0),
        ((ProgressSource.ACTIVITIES, None), (ProgressSource.HEARTBEAT, 60.0), 60.0),
        ((ProgressSource.PUBLISHED, 10.0), (ProgressSource.HEARTBEAT, 60.0), 10.0),
        ((ProgressSource.STATUS, 100.0), (ProgressSource.HEARTBEAT, 60.0), 100.0),
        ((ProgressSource.ACTIVITIES, 40.0), (ProgressSource.NONE, None), 40.0),
    ],
)
def test_not_below(
    said: tuple[ProgressSource, float | None], last: tuple[ProgressSource, float | None], percent: float
) -> None:
    now, before = (Progress(START, source, told) for source, told in (said, last))
    assert not_below(now, before).percent == percent
    assert not_below(now, None) == now


@pytest.mark.parametrize(
    ("done", "known", "expected"), [(0, 0, 0.0), (0, 1, 0.0), (1, 1, 0.5), (1, 2, 0.5), (9, 10, 0.9), (10, 10, 10 / 11)]
)
def test_share(done: int, known: int, expected: float) -> None:
    assert share(done, known) == pytest.approx(expected)


def phase(name: str, status: PhaseStatus) -> dict[str, Phase]:
    return {name: Phase(name, status)}


def test_phases_share_what_the_activities_before_them_left() -> None:
    standing = Standing()
    standing.note(1, 1, {})
    assert standing.percent == pytest.approx(50.0)
    standing.note(1, 1, phase("a", PhaseStatus.STARTED))
    assert standing.percent == pytest.approx(50.0)
    standing.note(1, 1, phase("a", PhaseStatus.COMPLETED))
    assert standing.percent == pytest.approx(75.0)


def test_activities_move_a_run_within_its_phase() -> None:
    standing = Standing()
    announced = {**phase("a", PhaseStatus.STARTED), **phase("b", PhaseStatus.PENDING)}
    standing.note(0, 0, announced)
    standing.note(4, 0, announced)
    assert standing.percent == 0.0
    assert standing.full == pytest.approx(40.0)
    standing.note(4, 2, announced)
    assert standing.percent == pytest.approx(25.0)
    standing.note(4, 4, {**phase("a", PhaseStatus.COMPLETED), **phase("b", PhaseStatus.STARTED)})
    assert standing.percent == pytest.approx(50.0)
    standing.note(4, 4, {**phase("a", PhaseStatus.COMPLETED), **phase("b", PhaseStatus.COMPLETED)})
    assert standing.percent == pytest.approx(100.0)
