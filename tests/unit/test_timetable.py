"""What is wrong with when a schedule is to start runs."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from app.cluster import Interval
from app.cluster.schedule_change import CalendarRanges, Range, SpecChange
from app.errors import Path
from app.gateway.schedules.timetable import wrong_bounds, wrong_policies, wrong_spec, wrong_state


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        (
            {"calendars": [CalendarRanges(), CalendarRanges(hour=[Range(1, 2), Range(9, 5)])]},
            ("spec", "calendars", 1, "hour", 1),
            "hour ends before it starts: 5 is less than 9.",
        ),
        (
            {"calendars": [CalendarRanges(minute=[Range(0, 60)])]},
            ("spec", "calendars", 0, "minute", 0),
            "minute must be 0 to 59; it is 0 to 60.",
        ),
        (
            {"excluded": [CalendarRanges(day_of_week=[Range(7, 7)])]},
            ("spec", "excluded", 0, "dayOfWeek", 0),
            "dayOfWeek must be 0 to 6; it is 7 to 7.",
        ),
        (
            {"calendars": [CalendarRanges(month=[Range(1, 12, 0)])]},
            ("spec", "calendars", 0, "month", 0),
            "month must have a step of 1 or more; it is 0.",
        ),
        (
            {"cron": ["0 9 * * *", "nonsense"]},
            ("spec", "cron", 1),
            "'nonsense' is no cron string: it needs 5 to 7 fields, as in 30 9 * * MON-FRI, or one like @daily.",
        ),
        *(
            ({"intervals": [Interval(every)]}, ("spec", "intervals", 0, "everySeconds"), None)
            for every in (0.5, 0.0, -1.0, 1e308, math.inf, math.nan)
        ),
        (
            {"intervals": [Interval(2.9)]},
            ("spec", "intervals", 0, "everySeconds"),
            "everySeconds must be whole seconds, 1 to 3155760000; it is 2.9.",
        ),
        *(
            ({"intervals": [Interval(5.0, offset)]}, ("spec", "intervals", 0, "offsetSeconds"), None)
            for offset in (5.0, 1.5, -1.0, 1e308, math.inf, math.nan)
        ),
        *(({"jitter": jitter}, ("spec", "jitterSeconds"), None) for jitter in (-1.0, 1e308, math.inf, math.nan)),
        (
            {"time_zone": "Nowhere/Else"},
            ("spec", "timeZone"),
            "There is no time zone 'Nowhere/Else'. Name one of IANA's, such as Europe/Berlin.",
        ),
        ({"time_zone": "../etc/passwd"}, ("spec", "timeZone"), None),
        ({"time_zone": "Europe"}, ("spec", "timeZone"), None),
    ],
)
def test_a_wrong_value_is_told_at_its_path(change: SpecChange, path: Path, said: str | None) -> None:
    (refusal,) = wrong_spec(change)
    assert (refusal.reason, refusal.path) == ("INVALID_INPUT", path)
    assert said is None or refusal.message == said


def test_every_wrong_value_is_told() -> None:
    assert len([*wrong_spec({"cron": ["x", "99 * * * *"], "jitter": -1.0, "intervals": [Interval(0.5, 0.5)]})]) == 5


def test_what_can_be_meant_is_not_wrong() -> None:
    good: SpecChange = {
        "calendars": [CalendarRanges(second=[Range(0, 59, 15)], year=[Range(2026, 2026)])],
        "cron": ["30 9 * * MON-FRI # office", "0 30 9 * * 1 2027", "@daily", "CRON_TZ=Europe/Berlin 0 * * * *"],
        "intervals": [Interval(1.0), Interval(60.0, 59.0), Interval(3_155_760_000.0)],
        "time_zone": "Europe/Berlin",
        "jitter": 0.5,
    }
    assert [*wrong_spec(good)] == []
    assert [*wrong_spec({"time_zone": ""})] == []


def test_an_end_before_the_start() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    for start, end in ((early, late), (early, early), (None, early), (late, None)):
        assert [*wrong_bounds(start, end, ("endTime",))] == []
    (refusal,) = wrong_bounds(late, early, ("endTime",))
    assert refusal.path == ("endTime",)


def test_numbers_out_of_their_bounds() -> None:
    for window in (0.0, -1.0, 1e308, math.inf, math.nan):
        (refusal,) = wrong_policies({"catch_up_window": window})
        assert refusal.path == ("policies", "catchUpWindowSeconds")
    assert [each.path for each in wrong_state({"remaining_starts": -1})] == [("remainingStarts",)]
    assert [*wrong_policies({"catch_up_window": None}), *wrong_state({"remaining_starts": 0})] == []
