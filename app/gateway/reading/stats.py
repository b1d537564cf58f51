"""Statistics within what a caller may see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from app.access import Action, Identity, Target, may, require
from app.errors import BadUserInput
from app.gateway.reading.listing import Lists
from app.store.bottlenecks import Bottleneck, Bottlenecks
from app.store.listing import Filter
from app.store.stats import Key, Statistics, Stats, StatsBucket, StatsGroup

LONGEST_BY_HOUR = timedelta(days=7)
"""Hours are counted from the runs themselves, which takes time."""


@dataclass(frozen=True, slots=True)
class StatsView:
    """The statistics of one group, the span that they are of, and how to get those of the span before it."""

    stats: Stats
    start: datetime
    """The beginning of the bucket, else of the range, else the first start."""
    end: datetime
    """The end of the bucket or of the range, at most now."""
    previous: Previous | None = None
    """None where there is no span before it to compare with."""


class Previous:
    """The same question about the span of the same length before, asked once and only when somebody wants it."""

    def __init__(self, statistics: Statistics, filter_: Filter, groups: Sequence[StatsGroup]) -> None:
        self._statistics = statistics
        self._question = (filter_, groups)
        self._asked: asyncio.Task[dict[Key, Stats]] | None = None

    async def of(self, key: Key) -> Stats | None:
        if self._asked is None:
            self._asked = asyncio.create_task(self._ask())
        return (await asyncio.shield(self._asked)).get(key)

    async def _ask(self) -> dict[Key, Stats]:
        return {each.key: each for each in await self._statistics.of(*self._question)}


class StatsReading:
    def __init__(self, statistics: Statistics, bottlenecks: Bottlenecks, lists: Lists) -> None:
        self._statistics = statistics
        self._bottlenecks = bottlenecks
        self._lists = lists

    async def workflows(
        self, identity: Identity, filter_: Filter, groups: Sequence[StatsGroup], bucket: StatsBucket | None
    ) -> list[StatsView]:
        """The groups that have runs. BadUserInput for hours over more than a week, and for too many groups."""
        require(identity, Action.READ)
        now = datetime.now(UTC)
        groups = tuple(dict.fromkeys(groups))
        _check_hours(filter_, bucket, now)
        filter_ = self._lists.seen(identity, filter_)
        found = await self._statistics.of(filter_, groups, bucket)
        previous = None if bucket else self._previous(filter_, groups, now)
        return [StatsView(each, *span_of(each, filter_, bucket, now), previous) for each in found]

    def _previous(self, filter_: Filter, groups: Sequence[StatsGroup], now: datetime) -> Previous | None:
        start, end = filter_.started_after, min(filter_.started_before or now, now)
        if start is None or end <= start:
            return None
        before = replace(filter_, started_after=start - (end - start), started_before=start)
        return Previous(self._statistics, before, groups)

    async def bottlenecks(
        self, identity: Identity, workflow_type: str, filter_: Filter, first: int
    ) -> list[Bottleneck]:
        """Where the runs of a type spend their time, most first. Of the filter, its scope and its time of start
        count: it is the time at which the activities were scheduled."""
        require(identity, Action.READ)
        seen = self._lists.seen(identity, filter_)
        if seen.any == () or not may(identity, Action.READ, Target(workflow_type=workflow_type)):
            return []
        now = datetime.now(UTC)
        found = await self._bottlenecks.of(
            workflow_type,
            seen.started_after or now - timedelta(days=30),
            seen.started_before or now,
            namespaces=seen.namespaces,
            tenant=seen.tenant,
            environment=seen.environment,
        )
        return found[:first]


def _check_hours(filter_: Filter, bucket: StatsBucket | None, now: datetime) -> None:
    if bucket is not StatsBucket.HOUR:
        return
    start, end = filter_.started_after, filter_.started_before or now
    if start is None or end - start > LONGEST_BY_HOUR:
        raise BadUserInput(
            f"By hour, filter.startTime must span at most {LONGEST_BY_HOUR.days} days. Set its from, or take DAY.",
            path=("bucket",),
        )


def span_of(stats: Stats, filter_: Filter, bucket: StatsBucket | None, now: datetime) -> tuple[datetime, datetime]:
    """The part of its bucket, or else of the whole range, that the statistics are of."""
    low, high = filter_.started_after, min(filter_.started_before or now, now)
    if bucket is None or stats.bucket_start is None:
        return low or stats.first_start, max(high, stats.last_start)
    lengths = {StatsBucket.HOUR: timedelta(hours=1), StatsBucket.DAY: timedelta(days=1)}
    end = stats.bucket_start + lengths.get(bucket, timedelta(weeks=1))
    return max(stats.bucket_start, low or stats.bucket_start), min(end, max(high, stats.last_start))
