from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.limits import TokenBucket


def test_a_full_bucket_gives_its_capacity_at_once_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=4, capacity=2)
    assert [bucket.take(10.0) for _ in range(3)] == [0.0, 0.0, 0.25]
    assert bucket.take(10.25) == 0.0
    assert bucket.take(10.25) == pytest.approx(0.25)


def test_a_refusal_takes_nothing() -> None:
    bucket = TokenBucket(rate=1, capacity=3)
    assert bucket.take(0.0, 2) == 0.0
    assert bucket.take(0.0, 2) == 1.0
    assert bucket.take(0.0, 1) == 0.0


def test_it_never_holds_more_than_its_capacity() -> None:
    bucket = TokenBucket(rate=100, capacity=2)
    bucket.take(0.0)
    assert [bucket.take(1000.0) for _ in range(3)] == [0.0, 0.0, 0.01]


def test_it_is_full_again_after_a_while() -> None:
    bucket = TokenBucket(rate=2, capacity=2)
    assert bucket.is_full(0.0)
    bucket.take(0.0)
    assert not bucket.is_full(0.4)
    assert bucket.is_full(0.5)


@pytest.mark.parametrize(("rate", "capacity"), [(0, 1), (-1, 1), (1, 0.5)])
def test_refuses_a_bucket_that_never_gives(rate: float, capacity: float) -> None:
    with pytest.raises(ValueError, match="a bucket needs"):
        TokenBucket(rate, capacity)


def test_refuses_more_than_it_ever_holds() -> None:
    with pytest.raises(ValueError, match="never fit"):
        TokenBucket(1, 2).take(0.0, 3)


@given(
    rate=st.floats(0.1, 100),
    capacity=st.floats(1, 50),
    pauses=st.lists(st.floats(0, 2), min_size=1, max_size=100),
)
def test_no_span_of_time_gives_more_than_capacity_and_rate_allow(
    rate: float, capacity: float, pauses: list[float]
) -> None:
    bucket, now, taken = TokenBucket(rate, capacity), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now) == 0.0
    assert taken <= capacity + rate * now + 1e-6


@given(rate=st.floats(0.1, 100), capacity=st.floats(1, 50), start=st.floats(0, 1e6))
def test_waiting_as_long_as_it_says_is_enough(rate: float, capacity: float, start: float) -> None:
    bucket, now = TokenBucket(rate, capacity), start
    for _ in range(60):
        if wait := bucket.take(now):
            now += wait * (1 + 1e-9) + 1e-9
            assert bucket.take(now) == 0.0
