"""Questions that many ask at once, and that are asked once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sized
from typing import Generic, TypeVar

Answer = TypeVar("Answer", bound=Sized)


class Asked(Generic[Answer]):
    """Whoever asks the same while the answer is awaited, or a little later, gets the same answer.

    The newest answers are kept as long as their lengths come to `capacity` at most. One that failed is not kept.
    """

    def __init__(self, capacity: int = 0) -> None:
        self._capacity = capacity
        self._waiting: dict[Hashable, asyncio.Future[Answer]] = {}
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self._size = 0

    async def of(self, key: Hashable, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        if (known := self._kept.get(key)) is not None:
            return known
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = asyncio.ensure_future(ask())
            waiting.add_done_callback(lambda done: self._done(key, done))
        # Whoever asked first may leave before it is answered.
        return await asyncio.shield(waiting)

    def _done(self, key: Hashable, done: asyncio.Future[Answer]) -> None:
        del self._waiting[key]
        if done.cancelled() or done.exception() is not None:
            return
        self._kept[key] = answer = done.result()
        self._size += 1 + len(answer)
        while self._size > self._capacity and self._kept:
            self._size -= 1 + len(self._kept.popitem(last=False)[1])
