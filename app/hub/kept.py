"""Values that are kept up to date for all who follow them, by one task each, as long as somebody does."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Generic, TypeVar

from app.errors import TidelineError
from app.log import logger

T = TypeVar("T")
log = logger(__name__)
_serials = count(1)


class Kept(ABC, Generic[T]):
    """A value and its version. `serial` is another for each object that there ever was in this process."""

    def __init__(self) -> None:
        self.serial = next(_serials)
        self.followers = 0
        self.version = 0
        self.ended = False
        self.error: TidelineError | None = None
        self._value: T | None = None
        self._moved = asyncio.Event()

    @abstractmethod
    async def keep(self) -> None:
        """Give the value, and again whenever it changes. When this returns, the last has been given."""

    @property
    def value(self) -> T:
        """The newest; there is one behind version 0."""
        if self._value is None:
            raise LookupError("nothing has been given yet")
        return self._value

    def give(self, value: T) -> None:
        self._value = value
        self.version += 1
        self._move()

    def replace(self, value: T) -> None:
        """Better said, but nothing new: nobody is woken."""
        self._value = value

    def end(self, error: TidelineError | None = None) -> None:
        self.ended, self.error = True, error
        self._move()

    async def moved(self, version: int) -> bool:
        """Wait until there is more than `version`; False where nothing more will come. Raises what ended it early."""
        while self.version == version and not self.ended:
            await self._moved.wait()
        if self.version == version and self.error is not None:
            raise self.error
        return self.version != version

    def _move(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


K = TypeVar("K", bound=Kept[Any])


class Keeping(Generic[K]):
    """What is kept now, by its key. `counted` hears how many there are. Close it when the process ends."""

    def __init__(self, counted: Callable[[int], None] = lambda _: None) -> None:
        self._kept: dict[Hashable, K] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._counted = counted

    @asynccontextmanager
    async def joined(self, key: Hashable, make: Callable[[], K]) -> AsyncIterator[K]:
        """Follow together with everybody who has the same key."""
        kept = self._kept.get(key)
        if kept is None or kept.ended:
            kept = self._kept[key] = make()
            self._tasks[kept.serial] = asyncio.create_task(_supervised(kept), name=type(kept).__name__)
            self._counted(len(self._kept))
        kept.followers += 1
        try:
            yield kept
        finally:
            kept.followers -= 1
            if kept.followers == 0:
                self._drop(key, kept)

    def _drop(self, key: Hashable, kept: K) -> None:
        if self._kept.get(key) is kept:
            del self._kept[key]
            self._counted(len(self._kept))
        task = self._tasks[kept.serial]
        task.cancel()
        task.add_done_callback(lambda _: self._tasks.pop(kept.serial, None))

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _supervised(kept: Kept[T]) -> None:
    try:
        await kept.keep()
        kept.end()
    except TidelineError as error:
        kept.end(error)
    except Exception:
        log.exception("something followed failed", what=type(kept).__name__)
        kept.end(TidelineError("Following this failed inside the gateway."))
