"""A window of a list that is kept as a query would show it now, once for all who follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from app.access import Scope
from app.hub.feed import Feed, LogCutError
from app.hub.following import AWAY, Pauses
from app.hub.kept import Kept
from app.hub.matches import Matches
from app.hub.ring import Batch
from app.model import ChangeCursor, Execution, LogPlace
from app.store.executions import Executions
from app.store.listing import Count, Listing

SHORTEST = 0.04
"""Seconds between two readings of one list, at least."""
_LONGEST = 5.0
_PART_OF_TIME = 0.25
"""The part of the time that the readings of one list may take."""


@dataclass(frozen=True, slots=True)
class ListState:
    """The window at a place of the log that it has surely seen. `total` only where somebody counts; `happened` is when
    the first change came that this state has and the one before had not."""

    place: LogPlace
    runs: tuple[Execution, ...]
    total: Count | None = None
    happened: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which list: a listing within what all its followers may see, who have the same scope."""

    scope: Scope
    listing: Listing
    by_time: bool = False
    """Whether what the filter has changes with the clock alone."""
    by_alerts: bool = False
    """Whether it depends on alerts."""


class LiveList(Kept[ListState]):
    def __init__(
        self, wanted: Wanted, feed: Feed, matches: Matches, executions: Executions, reads: asyncio.Semaphore
    ) -> None:
        super().__init__()
        self._wanted = wanted
        self._listing = wanted.listing
        self._feed = feed
        self._matched = matches.runs(wanted.scope, wanted.listing.filter)
        self._executions = executions
        self._reads = reads
        self._counting = 0
        self._lock = asyncio.Lock()
        self._next_read = 0.0
        self._last_read = 0.0

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        """Count as well while this lasts. The list has been read."""
        self._counting += 1
        try:
            if self.value.total is None:
                await self._read(self.value.place.cursor, None)
            yield
        finally:
            self._counting -= 1

    async def keep(self) -> None:
        async with self._feed.joined():
            cursor = self._feed.head
            await self._read(cursor, None)
            while True:
                cursor, happened = await self._news(cursor)
                cursor = await self._reread(cursor, happened)

    async def _news(self, cursor: ChangeCursor) -> tuple[ChangeCursor, datetime | None]:
        """Wait for what may have changed the list."""
        while True:
            try:
                batch = await self._feed.next(cursor, self._patience)
                if batch is None:
                    return cursor, None
                if await self._concerns(batch):
                    return batch.upto, next((each.time for each in batch.entries if each.cursor > cursor), None)
            except (LogCutError, *AWAY):
                return cursor, None
            cursor = batch.upto
            self.replace(replace(self.value, place=self._feed.place(cursor)))
            if self._patience == 0:
                return cursor, None

    @property
    def _patience(self) -> float | None:
        """Seconds until the clock alone may have changed the list."""
        if not self._wanted.by_time:
            return None
        return max(0.0, self._last_read + self._feed.fallback - asyncio.get_running_loop().time())

    async def _concerns(self, batch: Batch) -> bool:
        shown = {each.ref for each in self.value.runs}
        if any(each.ref in shown for each in batch.entries):
            return True
        if self._counting and any(self._wanted.scope.covers(each.tenant, each.environment) for each in batch.entries):
            # One that the filter no longer has has left the count, and only the count could tell.
            return True
        if self._wanted.by_alerts and any(each.alert is not None for each in batch.entries):
            return True
        return bool(await self._matched(batch))

    async def _reread(self, cursor: ChangeCursor, happened: datetime | None) -> ChangeCursor:
        """Read the list at its pace, through outages; what came meanwhile is read with it."""
        await asyncio.sleep(self._next_read - asyncio.get_running_loop().time())
        pauses = Pauses()
        while True:
            cursor = max(cursor, self._feed.head)
            try:
                await self._read(cursor, happened)
            except AWAY:
                await pauses.pause()
            else:
                return cursor

    async def _read(self, cursor: ChangeCursor, happened: datetime | None) -> None:
        async with self._lock, self._reads:
            clock = asyncio.get_running_loop().time
            began = clock()
            page = await self._executions.page(self._listing)
            total = await self._executions.count(self._listing.filter) if self._counting else None
            ended = clock()
        self._last_read = ended
        self._next_read = began + min(_LONGEST, max(SHORTEST, (ended - began) / _PART_OF_TIME))
        before = self.value if self.version else None
        runs = _known(before.runs if before else (), page.items)
        state = ListState(self._feed.place(cursor), runs, total, happened)
        if before is None or runs is not before.runs or (total is not None and total != before.total):
            self.give(state)
        else:
            self.replace(replace(before, place=state.place, total=total))


def _known(before: tuple[Execution, ...], now: Sequence[Execution]) -> tuple[Execution, ...]:
    """The window now, of the objects that are there already where they say the same."""
    held = {each.ref: each for each in before}
    runs = tuple(each if held.get(each.ref) != each else held[each.ref] for each in now)
    return before if runs == before else runs
