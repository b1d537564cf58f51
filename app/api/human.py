"""Spans as a person says them."""

from __future__ import annotations

from itertools import pairwise

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def span(milliseconds: float) -> str:
    """The two largest units, rounded to the smaller: `3d 4h`, `15m 30s`, `2s`, and `850ms` below a second."""
    whole = round(max(milliseconds, 0.0))
    if whole < 1000:
        return f"{whole}ms"
    seconds = round(whole / 1000)
    for (name, size), (smaller_name, smaller) in pairwise(_UNITS):
        rounded = round(seconds / smaller) * smaller
        if rounded >= size:
            rest = rounded % size // smaller
            return f"{rounded // size}{name} {rest}{smaller_name}" if rest else f"{rounded // size}{name}"
    return f"{seconds}s"
