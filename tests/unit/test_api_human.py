"""Spans as a person says them."""

from __future__ import annotations

import pytest

from app.api.human import span

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, "0ms"),
        (-5, "0ms"),
        (0.4, "0ms"),
        (850, "850ms"),
        (999.4, "999ms"),
        (999.6, "1s"),
        (SECOND, "1s"),
        (2 * SECOND + 499, "2s"),
        (59 * SECOND + 600, "1m"),
        (MINUTE, "1m"),
        (15 * MINUTE + 30 * SECOND, "15m 30s"),
        (59 * MINUTE + 59 * SECOND + 700, "1h"),
        (HOUR + 29 * SECOND, "1h"),
        (HOUR + 31 * SECOND, "1h 1m"),
        (2 * HOUR + 5 * MINUTE, "2h 5m"),
        (23 * HOUR + 59 * MINUTE + 40 * SECOND, "1d"),
        (3 * DAY + 4 * HOUR + 10 * MINUTE, "3d 4h"),
        (400 * DAY, "400d"),
    ],
)
def test_spans(milliseconds: float, expected: str) -> None:
    assert span(milliseconds) == expected
