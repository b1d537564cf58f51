"""Connections handed on: whole ones to the next who asks, others back to the pool beneath."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.store import pool as module
from app.store.pool import Lent, Pool
from tests.waiting import eventually


class Driver:
    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed


class Beneath:
    """What makes connections, and what became of them."""

    def __init__(self) -> None:
        self.acquired = 0
        self.released: list[Any] = []
        self.fails = False

    def connection(self) -> Held:
        return Held(self)


class Held:
    def __init__(self, beneath: Beneath) -> None:
        self._beneath = beneath
        self.raw_connection = Driver()

    async def acquire(self) -> None:
        if self._beneath.fails:
            raise OSError("nobody listens there")
        self._beneath.acquired += 1
        await asyncio.sleep(0)

    async def release(self) -> None:
        self._beneath.released.append(self.raw_connection)


@pytest.fixture
def beneath() -> Beneath:
    return Beneath()


@pytest.fixture
async def pool(beneath: Beneath) -> AsyncIterator[Pool]:
    made = Pool(beneath.connection, size=2, timeout=0.2)
    yield made
    await made.close()


async def test_the_next_one_gets_what_was_given_back(pool: Pool, beneath: Beneath) -> None:
    first = await pool.take()
    pool.give(first)
    assert await pool.take() is first
    assert beneath.acquired == 1
    assert not beneath.released


async def test_of_what_is_idle_one_that_suits_is_taken(pool: Pool) -> None:
    held = [await pool.take() for _ in range(2)]
    for each in held:
        pool.give(each)
    assert await pool.take(lambda connection: connection is held[0].connection) is held[0]
    assert await pool.take(lambda _: False) is held[1], "else any"


async def test_who_waits_is_handed_a_connection_in_the_order_of_asking(pool: Pool, beneath: Beneath) -> None:
    held = [await pool.take() for _ in range(2)]
    waiting = [asyncio.create_task(pool.take()) for _ in range(2)]
    await asyncio.sleep(0)
    pool.give(held[1])
    pool.give(held[0])
    assert [await each for each in waiting] == [held[1], held[0]]
    assert beneath.acquired == 2


async def test_no_more_are_out_than_there_may_be(pool: Pool) -> None:
    held = [await pool.take() for _ in range(2)]
    with pytest.raises(TimeoutError):
        await pool.take()
    pool.give(held[0])
    assert await pool.take() is held[0]


@pytest.mark.parametrize("fault", ["closed", "failed"])
async def test_what_is_not_whole_goes_back_and_another_is_made(pool: Pool, beneath: Beneath, fault: str) -> None:
    held = [await pool.take() for _ in range(2)]
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    spoil(held[0], fault)
    pool.give(held[0])
    found = await waiting
    assert found not in held
    assert beneath.released == [held[0].connection]
    assert beneath.acquired == 3


def spoil(lent: Lent, fault: str) -> None:
    if fault == "closed":
        lent.connection.closed = True
    else:
        lent.is_whole = False


async def test_what_closed_while_nobody_had_it_is_not_lent(pool: Pool, beneath: Beneath) -> None:
    first = await pool.take()
    pool.give(first)
    first.connection.closed = True
    assert await pool.take() is not first
    assert await eventually(lambda: told(beneath)) == [first.connection]


async def told(beneath: Beneath) -> list[Any]:
    return beneath.released


async def test_who_left_is_not_handed_anything(pool: Pool) -> None:
    held = [await pool.take() for _ in range(2)]
    waiting = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    pool.give(held[0])
    waiting.cancel()  # at the moment at which it came
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await pool.take() is held[0]


async def test_a_place_is_free_again_where_no_connection_could_be_made(pool: Pool, beneath: Beneath) -> None:
    beneath.fails = True
    for _ in range(3):
        with pytest.raises(OSError, match="nobody listens"):
            await pool.take()
    beneath.fails = False
    one, other = await pool.take(), await pool.take()
    assert one is not other


async def test_what_nobody_takes_goes_back_after_a_while(
    pool: Pool, beneath: Beneath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINGER", 0.01)
    first = await pool.take()
    pool.give(first)
    assert await eventually(lambda: told(beneath)) == [first.connection]
    assert await pool.take() is not first


async def test_at_its_end_everything_goes_back(pool: Pool, beneath: Beneath) -> None:
    held = [await pool.take() for _ in range(2)]
    for each in held:
        pool.give(each)
    await pool.close()
    assert len(beneath.released) == 2
