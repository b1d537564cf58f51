"""Lanes: nothing that overlaps shares one, and none changes later."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.history import assign_lanes, project
from app.model import ExecutionRef, TimelineItem, TimelineKind, TimelineStatus
from tests.recordings import START, event


def item(number: int, start: int, end: int | None) -> TimelineItem:
    return TimelineItem(
        key=str(number),
        kind=TimelineKind.ACTIVITY,
        name="a",
        status=TimelineStatus.RUNNING,
        start_time=START + timedelta(seconds=start),
        end_time=None if end is None else START + timedelta(seconds=end),
        event_ids=(number,),
    )


spans = st.tuples(st.integers(0, 30), st.integers(0, 10) | st.none())


@given(st.lists(spans, max_size=40))
def test_items_of_a_lane_do_not_overlap(found: list[tuple[int, int | None]]) -> None:
    placed = assign_lanes(
        item(number, start, None if length is None else start + length) for number, (start, length) in enumerate(found)
    )
    assert [each.start_time for each in placed] == sorted(each.start_time for each in placed)
    by_lane: dict[int, list[TimelineItem]] = {}
    for each in placed:
        by_lane.setdefault(each.lane, []).append(each)
    assert sorted(by_lane) == list(range(len(by_lane)))
    for lane in by_lane.values():
        for before, after in pairwise(lane):
            assert before.end_time is not None
            assert before.end_time <= after.start_time
            assert (before.start_time, before.end_time) != (after.start_time, after.start_time)


@given(st.lists(spans, max_size=30), st.integers(0, 30))
def test_later_items_leave_lanes_as_they_are(found: list[tuple[int, int | None]], cut: int) -> None:
    made = [
        item(number, start, None if length is None else start + length)
        for number, (start, length) in enumerate(sorted(found, key=lambda span: span[0]))
    ]
    assert assign_lanes(made)[:cut] == assign_lanes(made[:cut])


def test_the_lowest_free_lane_is_taken() -> None:
    placed = assign_lanes([item(1, 0, 10), item(2, 1, 3), item(3, 2, 4), item(4, 3, 5), item(5, 11, 12)])
    assert [each.lane for each in placed] == [0, 1, 2, 1, 0]


def test_open_items_last_until_now() -> None:
    made = [item(1, 0, None), item(2, 5, 6)]
    assert [each.lane for each in assign_lanes(made)] == [0, 1]
    now: datetime = START + timedelta(seconds=3)
    assert [each.lane for each in assign_lanes(made, now)] == [0, 0]


def test_moments_at_the_same_time_are_told_apart() -> None:
    placed = assign_lanes([item(1, 2, 2), item(2, 2, 2), item(3, 3, 3)])
    assert [each.lane for each in placed] == [0, 1, 0]


def test_a_bar_that_is_known_late_is_sorted_in_and_gets_a_lane_of_its_own() -> None:
    late = event(6, "MARKER_RECORDED", marker_name="LocalActivity")
    timer = event(2, "TIMER_STARTED", timer_id="early")
    fired = event(3, "TIMER_FIRED", started_event_id=2)
    later = event(4, "TIMER_STARTED", timer_id="late")
    run = project(ExecutionRef("d", "w", "r"), [timer, fired, later, late])
    assert [(each.name, each.lane) for each in run.timeline] == [("early", 0), ("late", 0), ("LocalActivity", 1)]
