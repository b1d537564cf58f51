"""PURE. What is left of a period, and of its fee."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction


def remaining(fee: int, start: datetime, end: datetime, at: datetime) -> int:
    """The part of a fee that is for the time from `at` to the end, to the nearest minor unit."""
    whole, rest = end - start, end - min(max(at, start), end)
    if whole <= timedelta():
        return 0
    return round(Fraction(fee) * Fraction(rest // timedelta(microseconds=1), whole // timedelta(microseconds=1)))
