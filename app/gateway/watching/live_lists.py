"""Lists that stay as a query would show them, within what a caller may see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Hashable
from contextlib import nullcontext
from dataclasses import dataclass, replace

from app import metrics
from app.access import Identity
from app.errors import DeadlineExceeded
from app.gateway.reading.listing import TOO_SLOW, Lists, parts, require_lists
from app.gateway.watching.watching import check_rate
from app.hub.feed import Feed
from app.hub.kept import Keeping
from app.hub.live_list import ListState, LiveList, Wanted
from app.hub.matches import Matches, key_of
from app.store.executions import Executions
from app.store.listing import Listing

_READS_AT_ONCE = 4
"""Connections to Postgres that live lists may use together, so that queries have the others."""


@dataclass(frozen=True, slots=True)
class ListStep:
    """The window now, and the one that was told before. `place` is the same for everybody who comes from the same
    to the same."""

    place: Hashable
    now: ListState
    before: ListState | None = None


class LiveLists:
    def __init__(self, feed: Feed, matches: Matches, executions: Executions, lists: Lists) -> None:
        self._feed = feed
        self._matches = matches
        self._executions = executions
        self._lists = lists
        self._keeping: Keeping[LiveList] = Keeping(metrics.LIVE_LISTS.set)
        self._reads = asyncio.Semaphore(_READS_AT_ONCE)

    async def follow(
        self, identity: Identity, listing: Listing, max_rate: float | None, *, counted: bool
    ) -> AsyncGenerator[ListStep, None]:
        """The window, and again when it, or with `counted` the number of all, has changed; at most `max_rate` times a
        second, the last state always.

        Raises BadUserInput, DeadlineExceeded and DatabaseUnavailable at the beginning only.
        """
        check_rate(max_rate)
        require_lists(identity)
        wanted = wanted_of(identity, replace(listing, filter=self._lists.seen(identity, listing.filter)))
        clock = asyncio.get_running_loop().time
        pace = 1 / max_rate if max_rate else 0.0
        async with self._keeping.joined(key_of(wanted), lambda: self._made(wanted)) as live:
            await _read(live)
            async with live.counted() if counted else nullcontext():
                version, told, sent_at = live.version, live.value, clock()
                yield ListStep((live.serial, 0, version), told)
                while await live.moved(version):
                    if (rest := pace - (clock() - sent_at)) > 0:
                        await asyncio.sleep(rest)
                    before, version, now = version, live.version, live.value
                    if now.runs != told.runs or (counted and now.total != told.total):
                        sent_at = clock()
                        yield ListStep((live.serial, before, version), now, told)
                    told = now

    def _made(self, wanted: Wanted) -> LiveList:
        return LiveList(wanted, self._feed, self._matches, self._executions, self._reads)

    async def close(self) -> None:
        await self._keeping.close()


async def _read(live: LiveList) -> None:
    try:
        await live.moved(0)
    except DeadlineExceeded as error:
        raise DeadlineExceeded(TOO_SLOW) from error


def wanted_of(identity: Identity, listing: Listing) -> Wanted:
    combined = list(parts(listing.filter))
    return Wanted(
        identity.scope,
        listing,
        by_time=any(each.longer_than is not None or each.shorter_than is not None for each in combined),
        by_alerts=any(each.alerted is not None for each in combined),
    )
