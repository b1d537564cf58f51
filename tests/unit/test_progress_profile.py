"""Progress by the profile of a type."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.model import Activity, ActivityStatus, Profile, ProgressPoint, ProgressSource, Projection, WorkflowStatus
from app.profile import PastRun, profile_of
from app.progress import progress, progress_at
from tests.recordings import START, folded
from tests.unit.test_progress import beat

KEY = ("default", "acme", "production", "Sync")
NOTHING = ProgressPoint(1, START, WorkflowStatus.RUNNING, 0, 0)


def past(durations: Sequence[float]) -> PastRun:
    """A run of activities one after another."""
    ends = [sum(durations[: place + 1]) for place in range(len(durations))]
    steps = (
        (f"step-{place}", end - length, end) for place, (end, length) in enumerate(zip(ends, durations, strict=True))
    )
    return PastRun(sum(durations), tuple(steps))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def open_run(durations: Sequence[float], seconds: float) -> Projection:
    """Such a run after so many seconds, when what is not over yet is not known."""
    found, begins = [], 0.0
    for place, length in enumerate(durations):
        if begins > seconds:
            break
        closed = begins + length <= seconds
        found.append(
            Activity(
                str(place),
                f"step-{place}",
                ActivityStatus.COMPLETED if closed else ActivityStatus.SCHEDULED,
                place,
                at(begins),
                close_time=at(begins + length) if closed else None,
            )
        )
        begins += length
    return Projection(start_time=START, last_event_time=START, activities=tuple(found))


def profile(*runs: Sequence[float]) -> Profile:
    made = profile_of(KEY, [past(run) for run in runs])
    assert made is not None
    return made


def noisy(means: Sequence[float], noise: random.Random) -> list[float]:
    return [mean * noise.uniform(0.8, 1.2) for mean in means]


def right(means: Sequence[float], seed: int, judge: Callable[[float, float], bool]) -> float:
    """The part of 200 runs for which `judge` holds at half time, of the estimated and the true rest of the run."""
    noise = random.Random(seed)
    known = profile(*(noisy(means, noise) for _ in range(100)))
    held = 0
    for _ in range(200):
        durations = noisy(means, noise)
        total = sum(durations)
        told = progress(open_run(durations, total / 2), [], at(total / 2), known)
        assert told.source is ProgressSource.PROFILE
        held += told.eta_seconds is not None and judge(told.eta_seconds, total / 2)
    return held / 200


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "means", [[10] * 6, [1, 20, 3, 8, 2, 15], [30, 40, 30], [5, 5, 60, 20, 10], [0.1] * 40, [300, 20, 20, 300]]
)
def test_at_half_time_the_rest_is_right_to_a_quarter(means: Sequence[float], seed: int) -> None:
    assert right(means, seed, lambda told, true: abs(told - true) <= 0.25 * true) >= 0.8


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("means", [[100], [1, 100, 1]])
def test_of_a_single_long_activity_the_close_is_right_to_a_quarter(means: Sequence[float], seed: int) -> None:
    """While it runs nothing is learnt of its pace: half way the rest may be off by more, the whole run is not."""
    assert right(means, seed, lambda told, true: abs(told - true) <= 0.25 * 2 * true) >= 0.8
    assert right(means, seed, lambda told, true: abs(told - true) <= 0.25 * true) >= 0.5


@pytest.mark.parametrize(
    ("seconds", "percent", "eta"),
    [
        (0, 0.0, 100.0),
        (5, 5.0, 95.0),
        (10, 10.0, 90.0),
        (40, 40.0, 60.0),
        (90, 90.0, 10.0),
        (99.9, 99.0, 0.1),
    ],
)
def test_the_place_of_a_usual_run(seconds: float, percent: float, eta: float) -> None:
    known = profile([10, 80, 10], [10, 80, 10])
    told = progress(open_run([10, 80, 10], seconds), [], at(seconds), known)
    assert (told.source, told.percent) == (ProgressSource.PROFILE, percent)
    assert told.eta_seconds == pytest.approx(eta)
    assert told.total_steps == 3


def test_it_waits_for_an_activity_that_takes_longer() -> None:
    known = profile([10, 80, 10])
    stuck = open_run([10, 500, 10], 60)
    assert progress(stuck, [], at(60), known).percent == pytest.approx(60.0)
    assert progress(stuck, [], at(400), known).percent == pytest.approx(90.0)
    alone = open_run([500], 400)
    told = progress(alone, [], at(400), profile([100]))
    assert (told.percent, told.eta_seconds) == (99.0, None)


def test_a_run_that_is_later_than_its_profile_knows_nothing_of_its_end() -> None:
    known = profile([10, 80, 10])
    stuck = open_run([10, 500, 10], 60)
    assert progress(stuck, [], at(149), known).eta_seconds == pytest.approx(10.0)
    late = progress(stuck, [], at(151), known)
    assert (late.percent, late.eta_seconds, late.estimated_close_time) == (90.0, None, None)
    beating = progress(
        replace(stuck, points=(replace(NOTHING, scheduled=2, closed=1),)), [beat("1", {"percent": 50})], at(300), known
    )
    assert beating.source is ProgressSource.HEARTBEAT
    assert beating.eta_seconds == pytest.approx(100.0)


def test_a_heartbeat_leads_up_to_the_close_of_its_activity() -> None:
    known = profile([10, 80, 10])
    begun = open_run([10, 500, 10], 20)
    told = progress(begun, [beat("1", {"percent": 50})], at(20), known)
    assert told.source is ProgressSource.HEARTBEAT
    assert told.percent == pytest.approx(50.0)
    assert told.eta_seconds == pytest.approx(50.0)
    finished = progress(begun, [beat("1", {"percent": 100})], at(20), known)
    assert finished.percent == pytest.approx(90.0)


def test_activities_that_few_runs_have_are_no_steps() -> None:
    usual, rare = past([10, 20]), PastRun(30, (("fallback", 0, 5),))
    made = profile_of(KEY, [usual] * 3 + [rare])
    assert made is not None
    assert [(step.activity_type, step.share) for step in made.steps] == [("step-0", 0.75), ("step-1", 0.75)]
    assert (made.runs, made.p50, made.activities) == (4, 30, 1.75)
    assert profile_of(KEY, []) is None


def test_repeated_activities_have_a_step_each() -> None:
    made = profile_of(KEY, [PastRun(10, (("page", 0, 2), ("page", 2, 5), ("page", 5, 10)))])
    assert made is not None
    assert [(step.nth, step.closes) for step in made.steps] == [(1, 0.2), (2, 0.5), (3, 1.0)]


def test_the_log_is_told_by_the_profile_too() -> None:
    run = folded("timeouts")
    known = profile([1, 2, 3])
    told = [progress_at(point, run, known) for point in run.points if point.status is WorkflowStatus.RUNNING]
    assert {each.source for each in told if each.total_steps} <= {ProgressSource.PROFILE, ProgressSource.PUBLISHED}
    percents = [each.percent or 0.0 for each in told]
    assert percents == sorted(percents)


def test_a_run_that_has_not_begun_is_nowhere_and_its_end_is_behind_its_wait() -> None:
    delayed = replace(open_run([], 0), execution_time=at(3600))
    known = profile([10, 80, 10])
    told = progress(delayed, [], at(1800), known)
    assert told.percent == 0.0
    assert told.eta_seconds == pytest.approx(1800 + 100)
    assert progress(delayed, [], at(3650), profile([100])).percent == pytest.approx(50.0)
    published = replace(delayed, points=(replace(NOTHING, published={"percent": 50}),))
    assert progress(published, [], at(3700), known).eta_seconds == pytest.approx(100)
