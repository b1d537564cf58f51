"""PURE. What is wrong with when a schedule is to start runs, before Temporal hears of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from app.cluster import Interval
from app.cluster.schedule_change import CalendarRanges, PoliciesChange, Range, SpecChange, StateChange
from app.errors import Path, Refusal

_BOUNDS: Mapping[str, tuple[str, int, int]] = {
    "second": ("second", 0, 59),
    "minute": ("minute", 0, 59),
    "hour": ("hour", 0, 23),
    "day_of_month": ("dayOfMonth", 1, 31),
    "month": ("month", 1, 12),
    "year": ("year", 2000, 2100),
    "day_of_week": ("dayOfWeek", 0, 6),
}
_CRON_FIELDS = (5, 6, 7)


def wrong_spec(change: SpecChange) -> Iterator[Refusal]:
    """With paths from the mutation's input."""
    for name, calendars in (("calendars", change.get("calendars", ())), ("excluded", change.get("excluded", ()))):
        for number, calendar in enumerate(calendars):
            yield from _wrong_calendar(calendar, ("spec", name, number))
    for number, text in enumerate(change.get("cron", ())):
        yield from _wrong_cron(text, ("spec", "cron", number))
    for number, interval in enumerate(change.get("intervals", ())):
        yield from _wrong_interval(interval, ("spec", "intervals", number))
    if (jitter := change.get("jitter", 0.0)) < 0:
        yield invalid(f"jitterSeconds must be 0 or more; it is {jitter:g}.", "spec", "jitterSeconds")
    if (zone := change.get("time_zone")) and not _is_zone(zone):
        yield invalid(f"There is no time zone {zone!r}. Name one of IANA's, such as Europe/Berlin.", "spec", "timeZone")


def wrong_bounds(start: datetime | None, end: datetime | None, path: Path) -> Iterator[Refusal]:
    if start is not None and end is not None and end < start:
        message = f"endTime {end.isoformat()} is before startTime {start.isoformat()}."
        yield invalid(message, *path)


def wrong_policies(change: PoliciesChange) -> Iterator[Refusal]:
    window = change.get("catch_up_window")
    if window is not None and not window > 0:
        message = f"catchUpWindowSeconds must be above 0; it is {window:g}."
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


def _wrong_cron(text: str, path: Sequence[str | int]) -> Iterator[Refusal]:
    """The shape alone: what each field may hold is the server's to say."""
    words = text.partition("#")[0].split()
    if words and words[0].startswith(("TZ=", "CRON_TZ=")):
        words = words[1:]
    if len(words) not in _CRON_FIELDS and not (words and words[0].startswith("@")):
        message = f"{text!r} is no cron string: it needs 5 to 7 fields, as in 30 9 * * MON-FRI, or one like @daily."
        yield invalid(message, *path)


def _wrong_interval(interval: Interval, path: Sequence[str | int]) -> Iterator[Refusal]:
    if not interval.every >= 1:
        yield invalid(f"everySeconds must be 1 or more; it is {interval.every:g}.", *path, "everySeconds")
    elif not 0 <= interval.offset < interval.every:
        message = f"offsetSeconds must be 0 or more and below everySeconds; it is {interval.offset:g}."
        yield invalid(message, *path, "offsetSeconds")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError, and an OSError for a name of a folder
        return False
    except KeyError:
        return False
    return True
