"""Percentiles of a histogram."""

from __future__ import annotations

import math
import random

import pytest

from app.store.histogram import GROWTH, percentile


def bucket(milliseconds: float) -> int:
    return math.ceil(math.log(max(milliseconds, 1.0)) / math.log(GROWTH))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
def test_percentiles_are_right_to_one_percent(share: float) -> None:
    noise = random.Random(7)
    values = sorted(noise.lognormvariate(9, 2) for _ in range(5000))
    told = percentile([bucket(value) for value in values], [1] * len(values), share)
    assert told == pytest.approx(values[math.ceil(share * len(values)) - 1], rel=0.0101)


def test_edges() -> None:
    assert percentile([], [], 0.5) is None
    assert percentile([0, 0], [3, 4], 0.5) == 1.0
    assert percentile([9, 3], [1, 1], 0.5) == pytest.approx(GROWTH**2.5)
    assert percentile([3, 9, 3], [1, 1, 1], 0.99) == pytest.approx(GROWTH**8.5)
