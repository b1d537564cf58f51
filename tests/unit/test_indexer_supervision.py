from __future__ import annotations

import asyncio

import pytest

from app.errors import TemporalUnavailable
from app.indexer.supervision import backoff, for_each, repeat


def test_backoff_doubles_up_to_its_bound() -> None:
    assert [backoff(n, first=1.0, longest=10.0) for n in (1, 2, 3, 4, 5, 500)] == [1, 2, 4, 8, 10, 10]


async def test_a_step_that_fails_is_tried_again() -> None:
    calls = 0

    async def step() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TemporalUnavailable("away")
        if calls == 2:
            raise ZeroDivisionError

    await repeat("step", step, 0.0, until=lambda: calls == 4)
    assert calls == 4


async def test_for_each_does_everything_a_few_at_once() -> None:
    running, most, done = 0, 0, []

    async def work(item: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        done.append(item)

    await for_each(range(20), work, 3)
    assert sorted(done) == list(range(20))
    assert most == 3


async def test_the_first_error_ends_for_each_and_is_raised() -> None:
    started: list[int] = []

    async def work(item: int) -> None:
        started.append(item)
        if item == 1:
            raise TemporalUnavailable("away")
        await asyncio.Event().wait()

    with pytest.raises(TemporalUnavailable):
        await for_each(range(20), work, 2)
    assert started == [0, 1]
