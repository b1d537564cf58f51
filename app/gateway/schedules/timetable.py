"""PURE. What is wrong with when a schedule is to start runs, before Temporal hears of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from app.cluster import Interval
from app.cluster.schedule_change import CalendarRanges, PoliciesChange, Range, SpecChange, StateChange
from app.errors import Path, Refusal
from app.gateway.schedules.cron import is_zone, wrong_cron
from app.gateway.starting.wanted import MAX_SPAN

_BOUNDS: Mapping[str, tuple[str, int, int]] = {
    "second": ("second", 0, 59),
    "minute": ("minute", 0, 59),
    "hour": ("hour", 0, 23),
    "day_of_month": ("dayOfMonth", 1, 31),
    "month": ("month", 1, 12),
    "year": ("year", 2000, 2100),
    "day_of_week": ("dayOfWeek", 0, 6),
}


def wrong_spec(change: SpecChange) -> Iterator[Refusal]:
    """With paths from the mutation's input."""
    for name, calendars in (("calendars", change.get("calendars", ())), ("excluded", change.get("excluded", ()))):
        for number, calendar in enumerate(calendars):
            yield from _wrong_calendar(calendar, ("spec", name, number))
    for number, text in enumerate(change.get("cron", ())):
        if said := wrong_cron(text):
            yield invalid(said, "spec", "cron", number)
    for number, interval in enumerate(change.get("intervals", ())):
        yield from _wrong_interval(interval, ("spec", "intervals", number))
    if not 0 <= (jitter := change.get("jitter", 0.0)) <= MAX_SPAN:
        yield invalid(f"jitterSeconds must be 0 to {MAX_SPAN}; it is {jitter:.15g}.", "spec", "jitterSeconds")
    if (zone := change.get("time_zone")) and not is_zone(zone):
        yield invalid(f"There is no time zone {zone!r}. Name one of IANA's, such as Europe/Berlin.", "spec", "timeZone")


def wrong_bounds(start: datetime | None, end: datetime | None, path: Path) -> Iterator[Refusal]:
    if start is not None and end is not None and end < start:
        message = f"endTime {end.isoformat()} is before startTime {start.isoformat()}."
        yield invalid(message, *path)


def wrong_policies(change: PoliciesChange) -> Iterator[Refusal]:
    window = change.get("catch_up_window")
    if window is not None and not 0 < window <= MAX_SPAN:
        message = f"catchUpWindowSeconds must be above 0 and at most {MAX_SPAN}; it is {window:.15g}."
        yield invalid(message, "policies", "catchUpWindowSeconds")


def wrong_state(change: StateChange) -> Iterator[Refusal]:
    remaining = change.get("remaining_starts")
    if remaining is not None and remaining < 0:
        yield invalid(f"remainingStarts must be 0 or more; it is {remaining}.", "remainingStarts")


def invalid(message: str, *path: str | int) -> Refusal:
    return Refusal("INVALID_INPUT", message, path=path)


def _wrong_calendar(calendar: CalendarRanges, path: Sequence[str | int]) -> Iterator[Refusal]:
    for field, (name, lowest, highest) in _BOUNDS.items():
        for number, each in enumerate(getattr(calendar, field)):
            if said := _wrong_range(each, lowest, highest):
                yield invalid(f"{name} {said}.", *path, name, number)


def _wrong_range(found: Range, lowest: int, highest: int) -> str | None:
    if found.end < found.start:
        return f"ends before it starts: {found.end} is less than {found.start}"
    if not lowest <= found.start <= found.end <= highest:
        return f"must be {lowest} to {highest}; it is {found.start} to {found.end}"
    if found.step < 1:
        return f"must have a step of 1 or more; it is {found.step}"
    return None


def _wrong_interval(interval: Interval, path: Sequence[str | int]) -> Iterator[Refusal]:
    """Temporal keeps fractions of seconds and cuts them off when it counts."""
    every, offset = interval.every, interval.offset
    is_every = 1 <= every <= MAX_SPAN and every.is_integer()
    if not is_every:
        message = f"everySeconds must be whole seconds, 1 to {MAX_SPAN}; it is {every:.15g}."
        yield invalid(message, *path, "everySeconds")
    if not 0 <= offset <= MAX_SPAN or not offset.is_integer() or (is_every and offset >= every):
        message = f"offsetSeconds must be whole seconds, 0 or more and below everySeconds; it is {offset:.15g}."
        yield invalid(message, *path, "offsetSeconds")
