"""PURE. Cron strings as Temporal's server reads them. Whatever is not surely wrong is left to the server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

_SHAPE = "it needs 5 to 7 fields, as in 30 9 * * MON-FRI, or one like @daily"
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_NICKNAMES = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_NUMBER = re.compile(r"([+-]?)0*([0-9]{1,19})")
_SPAN = re.compile(r"([+-]?)((?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h|d))+|0)")
_TERM = re.compile(r"([0-9.]+)(ns|us|µs|μs|ms|s|m|h|d)")
_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0,
}  # fmt: skip
_LONGEST = 2**63 / 1e9
"""Go's longest duration, in seconds."""


@dataclass(frozen=True, slots=True)
class _Field:
    """A field's least and greatest value; values may be the beginnings of names, of at least `shortest` letters."""

    name: str
    least: int
    most: int
    names: Sequence[str] = ()
    shortest: int = 3

    def wrong(self, text: str) -> str | None:
        """What is wrong with this field of a cron string."""
        return next(filter(None, map(self._wrong_part, text.split(","))), None)

    def _wrong_part(self, part: str) -> str | None:
        span, slash, step = part.partition("/")
        if slash and (_number(step) or 0) < 1:
            return f"{self.name} must have a step of 1 or more; it is {step!r}"
        if span == "*":
            return None
        start, dash, end = span.partition("-")
        values = [self._value(each) for each in ((start, end) if dash else (start,))]
        if any(value is None or not self.least <= value <= self.most for value in values):
            return f"{self.name} must be {self._range}; it is {part!r}"
        if dash and values[1] < values[0]:  # type: ignore[operator]
            return f"{self.name} ends before it starts: {part!r}"
        return None

    def _value(self, text: str) -> int | None:
        if len(text.encode()) >= self.shortest:
            for number, name in enumerate(self.names):
                if name.startswith(text.lower()):
                    return number + (self.least if self.names is _MONTHS else 0)
        return _number(text)

    @property
    def _range(self) -> str:
        named = f", or {self.names[0][:3].upper()} to {self.names[-1][:3].upper()}" if self.names else ""
        return f"{self.least} to {self.most}{named}"


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("dayOfMonth", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("dayOfWeek", 0, 7, _DAYS, shortest=2),
    _Field("year", 2000, 2100),
)
_FIELDS_OF = {5: _FIELDS[1:6], 6: _FIELDS[1:], 7: _FIELDS}


def wrong_cron(text: str) -> str | None:
    """What is wrong with a cron string, as one sentence; None where the server may take it."""
    if said := "; ".join(_wrong(text)):
        return f"{text!r} is no cron string: {said}."
    return None


def is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a zone that is not found is a KeyError, the name of a folder an OSError
        return False
    return True


def _wrong(text: str) -> Iterator[str]:
    zone, rest = "", text.strip()
    if rest.startswith(("TZ=", "CRON_TZ=")):
        zone, _, rest = rest.partition(" ")
        zone = zone.partition("=")[2]
    rest = rest.partition("#")[0].strip()
    if rest.startswith("@every"):
        yield from _wrong_interval(rest.partition(" ")[2])
        return
    if zone not in {"", "Local"} and not is_zone(zone):
        yield f"there is no time zone {zone!r}"
    if rest in _NICKNAMES:
        return
    words = rest.split()
    if len(words) not in _FIELDS_OF:
        yield _SHAPE
        return
    yield from filter(None, (field.wrong(word) for field, word in zip(_FIELDS_OF[len(words)], words, strict=True)))


def _wrong_interval(text: str) -> Iterator[str]:
    """Of `@every 14h/3h`: the interval, and how far its moments are shifted."""
    every, _, offset = text.partition("/")
    spans = [_seconds(each) for each in ((every, offset) if offset else (every,))]
    if None in spans or any(abs(span or 0) > _LONGEST for span in spans):
        yield "@every needs a time, as in @every 1h30m or @every 14h/3h"
    elif spans[0] is not None and spans[0] < 1:
        yield f"@every needs a second or more; it is {every!r}"
    elif offset and spans[0] is not None and spans[1] is not None and not 0 <= spans[1] < spans[0]:
        yield f"the offset must be 0 or more and below the interval; it is {offset!r}"


def _number(text: str) -> int | None:
    found = _NUMBER.fullmatch(text)
    return int(found[1] + found[2]) if found else None


def _seconds(text: str) -> float | None:
    if (found := _SPAN.fullmatch(text)) is None:
        return None
    total = sum(float(number) * _SECONDS[unit] for number, unit in _TERM.findall(found[2]))
    return -total if found[1] == "-" else total
