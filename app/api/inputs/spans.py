"""Spans of time and of durations."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import strawberry

from app.errors import BadUserInput, Path


@strawberry.input(description="A span of time: from its beginning, up to but not including its end.")
class TimeRange:
    from_: datetime | None = strawberry.field(default=None, name="from", description="The first moment within.")
    before: datetime | None = strawberry.field(default=None, description="The first moment behind.")

    def value(self, path: Path) -> tuple[datetime | None, datetime | None]:
        """Beginning and end; BadUserInput where the end comes first."""
        start, end = _utc(self.from_), _utc(self.before)
        if start is not None and end is not None and end < start:
            raise BadUserInput(f"{path[-1]} ends before it starts.", path=path)
        return start, end


@strawberry.input(description="A span of durations in milliseconds, both ends within.")
class DurationRange:
    min: float | None = None
    max: float | None = None

    def value(self, path: Path) -> tuple[float | None, float | None]:
        """Both ends in seconds; BadUserInput where the end comes first."""
        for each in (self.min, self.max):
            if each is not None and not (math.isfinite(each) and abs(each) < LONGEST_MS):
                raise BadUserInput(f"{path[-1]} cannot be {each:g}: it is a number of milliseconds.", path=path)
        if self.min is not None and self.max is not None and self.max < self.min:
            raise BadUserInput(f"{path[-1]} ends before it starts: {self.max:g} is less than {self.min:g}.", path=path)
        return _seconds(self.min), _seconds(self.max)


LONGEST_MS = 1e14
"""3,000 years: now and this much earlier is a time that Postgres has."""


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is taken as UTC."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
