"""The tail of the change log: one reader a process, as long as somebody follows.

Hints say when to look, and a lost hint costs the fallback interval at most. Followers are cursors over the newest
entries, which are kept; one that is further behind is given pages of the log from Postgres.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app import metrics
from app.bus import Listener
from app.errors import TidelineError
from app.hub.asked import Asked
from app.hub.ring import Batch, Ring
from app.log import logger
from app.model import Change, ChangeCursor, LogPlace
from app.store.changes import Changes, LogPage

log = logger(__name__)

CAPACITY = 4096
"""How many of the newest entries are kept."""
PAGE = 500
_SPACING = 0.005
"""Seconds between two readings while hints come without end."""
_FIRST_HELD, _LONGEST_HELD = 0.002, 0.25
_FIRST_FAILED, _LONGEST_FAILED = 0.1, 2.0
_PAGES_AT_ONCE = 4


class LogCutError(Exception):
    """The entries behind a cursor are no longer in the log. Go on at `resumed_at`."""

    def __init__(self, resumed_at: ChangeCursor) -> None:
        super().__init__(f"the log is cut before {resumed_at}")
        self.resumed_at = resumed_at


class Feed:
    """`joined` while you follow; then `next` again and again. Close it when the process ends."""

    def __init__(
        self, changes: Changes, listen: Callable[[], Listener], *, fallback: float = 2.0, capacity: int = CAPACITY
    ) -> None:
        """`listen` hears the hints that the log has grown; `fallback` is in seconds."""
        self.fallback = fallback
        self._changes = changes
        self._listen = listen
        self._capacity = capacity
        self._followers = 0
        self._name = ""
        self._ring = Ring(ChangeCursor(0, 0), capacity)
        self._moved = asyncio.Event()
        self._tail: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._pages: Asked[tuple[Change, ...]] = Asked()
        self._reading = asyncio.Semaphore(_PAGES_AT_ONCE)

    @property
    def head(self) -> ChangeCursor:
        """Up to where the log has been read."""
        return self._ring.head

    def place(self, cursor: ChangeCursor) -> LogPlace:
        return LogPlace(self._name, cursor)

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        """Keep the tail going. What is committed from now on lies behind `head`.

        Raises DatabaseUnavailable where the log cannot be read at its beginning; later it heals by itself.
        """
        self._followers += 1
        metrics.FEED_FOLLOWERS.set(self._followers)
        try:
            if self._tail is None or self._begun is None:
                self._begun = asyncio.get_running_loop().create_future()
                self._tail = asyncio.create_task(self._run(self._begun), name="feed")
            await asyncio.shield(self._begun)
            yield
        finally:
            self._followers -= 1
            metrics.FEED_FOLLOWERS.set(self._followers)
            if self._followers == 0:
                self._stop()

    async def beginning(self, after: LogPlace | None) -> ChangeCursor:
        """Where to follow from: behind the place, or now. Raises LogCutError for a place whose log is gone or of
        another database."""
        if after is None:
            return self.head
        if after.log != self._name:
            raise LogCutError(self.head)
        if not self._ring.floor <= after.cursor <= self.head and await self._changes.is_cut(after.cursor):
            raise LogCutError(self.head)
        return after.cursor

    async def next(self, cursor: ChangeCursor, timeout: float | None = None) -> Batch | None:
        """The next entries behind the cursor, perhaps with some before it; None when `timeout` seconds have passed.

        Raises LogCutError where entries behind the cursor are gone, DatabaseUnavailable where they must be read and
        cannot be.
        """
        while True:
            ring, moved = self._ring, self._moved
            if cursor < (floor := ring.floor):
                entries = await self._pages.of(cursor, lambda behind=cursor: self._page(behind))  # type: ignore[misc]
                if entries:
                    return Batch(cursor, entries)
                cursor = floor
                continue
            if (batch := ring.behind(cursor)) is not None:
                return batch
            try:
                async with asyncio.timeout(timeout):
                    await moved.wait()
            except TimeoutError:
                return None

    async def _page(self, cursor: ChangeCursor) -> tuple[Change, ...]:
        async with self._reading:
            page = await self._changes.page(cursor, PAGE)
            # Asked afterwards, since it may be cut meanwhile.
            if await self._changes.is_cut(cursor):
                raise LogCutError(self.head)
            return page.entries

    async def close(self) -> None:
        self._stop()
        await asyncio.gather(*self._endings, return_exceptions=True)

    def _stop(self) -> None:
        tail, self._tail = self._tail, None
        if tail is not None:
            tail.cancel()
            self._endings.add(tail)
            tail.add_done_callback(self._endings.discard)
        if self._begun is not None and not self._begun.done():
            self._begun.cancel()

    async def _run(self, begun: asyncio.Future[None]) -> None:
        # Before the place is taken, so that no hint is lost between.
        hints = self._listen()
        try:
            self._name = await self._changes.name()
            self._ring = Ring(await self._changes.latest_position(), self._capacity)
        except Exception as error:  # noqa: BLE001 - told to those who wait; the next who comes tries again
            if self._begun is begun:
                self._tail = None
            if not begun.done():
                begun.set_exception(error)
                begun.exception()  # It may be that nobody waits any more.
            return
        if not begun.done():
            begun.set_result(None)
        await self._follow(hints)

    async def _follow(self, hints: Listener) -> None:
        """Read what is new, for ever: at a hint, after the fallback interval, and soon again while entries are held
        back or Postgres is away."""
        failures, held, wait = 0, _FIRST_HELD, 0.0
        while True:
            hinted = await _heard(hints, wait)
            began = asyncio.get_running_loop().time()
            try:
                found, is_held = await self._catch_up()
            except Exception as error:  # noqa: BLE001 - whatever it is, the answer is to try again
                failures += 1
                if failures == 1:
                    _complain(error)
                wait = min(_LONGEST_FAILED, _FIRST_FAILED * 2 ** min(failures - 1, 10)) * random.uniform(0.75, 1.25)
                continue
            if failures:
                log.info("the change log can be read again", failures=failures)
            elif found and not (hinted or held):
                metrics.FALLBACK_DELIVERIES.labels("changes").inc(found)
            failures = 0
            held = _held_longer(held, found) if is_held else 0.0
            wait = held or self.fallback
            if hinted and found:
                await asyncio.sleep(max(0.0, began + _SPACING - asyncio.get_running_loop().time()))

    async def _catch_up(self) -> tuple[int, bool]:
        """How many entries were new, and whether others are held back."""
        found = 0
        while True:
            page: LogPage = await self._changes.page(self.head, PAGE)
            if page.entries:
                self._ring.add(Batch(self.head, page.entries))
                found += len(page.entries)
                moved, self._moved = self._moved, asyncio.Event()
                moved.set()
            if len(page.entries) < PAGE:
                return found, page.is_held


def _held_longer(held: float, found: int) -> float:
    """Seconds until the next look at entries that are held back: soon while others come, then ever later."""
    return _FIRST_HELD if found or not held else min(_LONGEST_HELD, held * 2)


async def _heard(hints: Listener, wait: float) -> bool:
    """Whether a hint came within `wait` seconds."""
    try:
        async with asyncio.timeout(wait):
            await anext(hints)
    except TimeoutError:
        return False
    except StopAsyncIteration:  # The bus is closed: the process is about to end.
        await asyncio.sleep(wait)
        return False
    return True


def _complain(error: Exception) -> None:
    if isinstance(error, TidelineError):
        log.warning("the change log cannot be read", reason=error.message)
    else:
        log.error("the change log cannot be read", exc_info=error)
