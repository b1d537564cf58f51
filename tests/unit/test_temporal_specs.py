"""Calendars of schedules as text."""

from __future__ import annotations

import pytest
from temporalio.api.schedule.v1 import CalendarSpec, Range, ScheduleSpec, StructuredCalendarSpec

from app.cluster import Calendar
from app.temporal.specs import DAYS, MONTHS, ranges, spec_of


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], "*"),
        ([Range(start=0, end=23, step=1)], "*"),
        ([Range(start=0, end=23, step=6)], "*/6"),
        ([Range(start=9)], "9"),
        ([Range(start=9, end=9, step=1)], "9"),
        ([Range(start=9, end=3)], "9"),
        ([Range(start=8, end=18, step=2)], "8-18/2"),
        ([Range(start=8, end=11, step=1), Range(start=20, step=1)], "8-11,20"),
    ],
)
def test_ranges(found: list[Range], expected: str) -> None:
    assert ranges(found, 0, 23) == expected


def test_names() -> None:
    assert ranges([Range(start=1, end=5, step=1)], 0, 6, DAYS) == "Mon-Fri"
    assert ranges([Range(start=1, step=1), Range(start=12, step=1)], 1, 12, MONTHS) == "Jan,Dec"
    assert ranges([Range(start=1, end=12, step=3)], 1, 12, MONTHS) == "*/3"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "00:00"),
        ({"hour": "9", "minute": "5"}, "09:05"),
        ({"hour": "9", "minute": "5", "second": "30"}, "09:05:30"),
        ({"hour": "*"}, "hour *, minute 0"),
        ({"hour": "8-18/2", "minute": "0,30", "second": "*"}, "hour 8-18/2, minute 0,30, second *"),
        ({"day_of_week": "Mon-Fri"}, "00:00 on Mon-Fri"),
        ({"day_of_month": "1", "month": "Jan", "year": "2027"}, "00:00 on day 1 in Jan in 2027"),
    ],
)
def test_calendars_in_words(fields: dict[str, str], expected: str) -> None:
    assert spec_of(ScheduleSpec(calendar=[CalendarSpec(**fields)])).calendars[0].text == expected


def test_what_is_left_out() -> None:
    spec = spec_of(ScheduleSpec(structured_calendar=[StructuredCalendarSpec(hour=[Range(start=3)])]))
    assert spec.calendars == (Calendar("*", "*", "3", "*", "*", "*", "*"),)
    assert (spec.time_zone, spec.jitter, spec.start_time, spec.intervals) == ("UTC", 0, None, ())
