"""Connections handed on: a statement takes the one that the last has done with.

The pool beneath makes them, counts them and ends those that nobody needs; but lending through it costs several times
what asking Postgres by primary key does. So what comes back whole stays out for a moment, for the next who asks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

LINGER = 1.0
"""Seconds that a connection stays out without use, at least; at most twice that."""


@dataclass(slots=True)
class Lent:
    """A connection that is out: `held` is the pool's side of it, `connection` the driver's."""

    held: Any
    connection: Any
    uses: int = 0
    is_whole: bool = True
    """Whether every use of it has ended well."""
    is_idle_since_sweep: bool = False

    @property
    def is_closed(self) -> bool:
        try:
            return bool(self.connection.is_closed())
        except asyncpg.InterfaceError:  # type: ignore[attr-defined]
            return True  # and the pool has noticed


class Pool:
    """`make` gives something that acquires and releases one connection. At most `size` are out at once."""

    def __init__(self, make: Callable[[], Any], size: int, timeout: float) -> None:
        self._make = make
        self._size = size
        self._timeout = timeout
        self._out = 0
        self._idle: list[Lent] = []
        self._waiting: deque[asyncio.Future[Lent | None]] = deque()
        self._releasing: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def take(self, suits: Callable[[Any], bool] = lambda _: True) -> Lent:
        """A connection, which must be given back; of those that are idle, one that suits if there is any. Raises
        TimeoutError where none is free or can be made in time, and whatever connecting raises."""
        while self._idle:
            lent = self._idle.pop(self._best(suits))
            if not lent.is_closed:
                return lent
            self._release(lent)
        async with asyncio.timeout(self._timeout):
            while True:
                found = await self._acquired() if self._out < self._size else await self._handed()
                if found is not None:
                    return found

    def _best(self, suits: Callable[[Any], bool]) -> int:
        """The place of the last that suits, else of the last."""
        for place in range(len(self._idle) - 1, -1, -1):
            if not self._idle[place].is_closed and suits(self._idle[place].connection):
                return place
        return -1

    async def _acquired(self) -> Lent:
        self._out += 1
        try:
            held = self._make()
            await held.acquire()
        except BaseException:
            self._out -= 1
            self._wake(None)
            raise
        return Lent(held, held.raw_connection)

    async def _handed(self) -> Lent | None:
        """What somebody gives back; None where there may be room for another."""
        waiting: asyncio.Future[Lent | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                # It came at the same moment.
                given = waiting.result()
                if given is not None:
                    self.give(given)
                else:
                    self._wake(None)
            raise

    def give(self, lent: Lent) -> None:
        """Give a connection back. One that is not whole goes back to the pool beneath, which sees to it."""
        if not lent.is_whole or lent.is_closed:
            self._release(lent)
        elif not self._wake(lent):
            lent.is_idle_since_sweep = False
            self._idle.append(lent)
            if self._sweep is None:
                self._sweep = asyncio.get_running_loop().call_later(LINGER, self._swept)

    def _wake(self, lent: Lent | None) -> bool:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(lent)
                return True
        return False

    def _swept(self) -> None:
        """Release what nobody has taken since the last time."""
        unused = [each for each in self._idle if each.is_idle_since_sweep]
        self._idle = [each for each in self._idle if not each.is_idle_since_sweep]
        for each in self._idle:
            each.is_idle_since_sweep = True
        for each in unused:
            self._release(each)
        self._sweep = asyncio.get_running_loop().call_later(LINGER, self._swept) if self._idle else None

    def _release(self, lent: Lent) -> None:
        # In a task of its own, which nobody who is cancelled takes along.
        task = asyncio.get_running_loop().create_task(self._released(lent))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _released(self, lent: Lent) -> None:
        try:
            await lent.held.release()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # type: ignore[attr-defined]
            pass  # it is gone
        finally:
            self._out -= 1
            self._wake(None)

    async def close(self) -> None:
        """Give everything that is not in use to the pool beneath."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._idle:
            self._release(self._idle.pop())
        if self._releasing:
            await asyncio.wait(self._releasing)
