"""When a schedule starts: Temporal's calendars and intervals as readable values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from app.cluster import Calendar, Interval, ScheduleSpec
from app.protos import seconds_of, time_of

if TYPE_CHECKING:
    from temporalio.api.schedule.v1 import CalendarSpec, Range, StructuredCalendarSpec
    from temporalio.api.schedule.v1 import ScheduleSpec as SpecProto

MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def spec_of(proto: SpecProto) -> ScheduleSpec:
    return ScheduleSpec(
        calendars=(*map(structured, proto.structured_calendar), *map(written, proto.calendar)),
        intervals=tuple(
            Interval(seconds_of(each.interval) or 0.0, seconds_of(each.phase) or 0.0) for each in proto.interval
        ),
        cron=tuple(proto.cron_string),
        excluded=(*map(structured, proto.exclude_structured_calendar), *map(written, proto.exclude_calendar)),
        start_time=time_of(proto.start_time),
        end_time=time_of(proto.end_time),
        jitter=seconds_of(proto.jitter) or 0.0,
        time_zone=proto.timezone_name or "UTC",
    )


def structured(proto: StructuredCalendarSpec) -> Calendar:
    """A calendar as servers give it: every field a list of ranges."""
    return Calendar(
        second=ranges(proto.second, 0, 59),
        minute=ranges(proto.minute, 0, 59),
        hour=ranges(proto.hour, 0, 23),
        day_of_month=ranges(proto.day_of_month, 1, 31),
        month=ranges(proto.month, 1, 12, MONTHS),
        year=ranges(proto.year, 0, 0),
        day_of_week=ranges(proto.day_of_week, 0, 6, DAYS),
        comment=proto.comment or None,
    )


def written(proto: CalendarSpec) -> Calendar:
    """A calendar as somebody wrote it, with the defaults that Temporal gives to what was left out."""
    return Calendar(
        second=proto.second or "0",
        minute=proto.minute or "0",
        hour=proto.hour or "0",
        day_of_month=proto.day_of_month or "*",
        month=proto.month or "*",
        year=proto.year or "*",
        day_of_week=proto.day_of_week or "*",
        comment=proto.comment or None,
    )


def ranges(found: Iterable[Range], lowest: int, highest: int, names: Sequence[str] = ()) -> str:
    """Ranges as text: `*`, `*/15`, `9`, `8-18/2`, `Mon-Fri`, several by commas. Only years may be left out."""
    return ",".join(_range(each, lowest, highest, names) for each in found) or "*"


def _range(range_: Range, lowest: int, highest: int, names: Sequence[str]) -> str:
    start, end, step = range_.start, max(range_.end, range_.start), max(range_.step, 1)
    if (start, end) == (lowest, highest):
        text = "*"
    elif start == end:
        return _named(start, names)
    else:
        text = f"{_named(start, names)}-{_named(end, names)}"
    return text if step == 1 else f"{text}/{step}"


def _named(number: int, names: Sequence[str]) -> str:
    return names[number] if number < len(names) else str(number)
