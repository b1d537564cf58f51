"""Statistics of runs: counts and durations by group and span of time.

Finished days are summed up once, by the leader; what happens to their runs later leaves a mark, by trigger and in
the transaction that wrote it, until the day was summed up again. So the sums of days without a mark are exact, and
the runs of all other days, and of the parts of days at the ends of a range, are counted themselves. Durations are
kept in a histogram: counts and averages are exact, percentiles right to 1 %.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from app.errors import BadUserInput
from app.model import WorkflowStatus
from app.store.database import Database, Row
from app.store.histogram import BUCKET_SQL, percentile
from app.store.listing import Filter, conditions_of
from app.store.listing.conditions import Conditions
from app.store.sums import DAY

EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
MAX_GROUPS = 10_000
MAX_ROWS = 50_000
"""What one question may read of Postgres: a row for each group, span and status, and some more."""
MAX_SPANS = 16
"""Between the summed days; where there are more, as after the first look at a long past, all runs are counted."""


class StatsGroup(StrEnum):
    TYPE = "TYPE"
    STATUS = "STATUS"
    TASK_QUEUE = "TASK_QUEUE"
    TENANT = "TENANT"
    ENVIRONMENT = "ENVIRONMENT"
    NAMESPACE = "NAMESPACE"


class StatsBucket(StrEnum):
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"


_COLUMNS = {
    StatsGroup.TYPE: "workflow_type",
    StatsGroup.STATUS: "status",
    StatsGroup.TASK_QUEUE: "task_queue",
    StatsGroup.TENANT: "tenant",
    StatsGroup.ENVIRONMENT: "environment",
    StatsGroup.NAMESPACE: "namespace",
}
_SUMMED = ("tenant", "environment", "namespaces", "workflow_types", "statuses", "task_queues")
"""The parts of a filter, besides the time of start, that the sums of days can answer."""

Key = tuple[str | None, ...]
"""A group's values in the order of StatsGroup; None where it is not grouped by."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What the runs of one group come to, those of one status or of several."""

    key: Key
    bucket_start: datetime | None
    counts: dict[WorkflowStatus, int]
    seconds: float
    """Of all closed runs together."""
    first_start: datetime
    last_start: datetime
    buckets: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    @property
    def closed(self) -> int:
        return sum(count for status, count in self.counts.items() if status.is_closed)

    def duration_ms(self, share: float) -> float | None:
        return percentile(self.buckets, self.sizes, share)


class _Sum:
    """What the rows of one group come to, a row at a time."""

    def __init__(self) -> None:
        self._counts: dict[WorkflowStatus, int] = {}
        self._seconds = 0.0
        self._first, self._last = EVER[1], EVER[0]
        self._buckets: list[int] = []
        self._sizes: list[int] = []

    def add(self, row: Row) -> None:
        status = WorkflowStatus(row["status"])
        self._counts[status] = self._counts.get(status, 0) + row["runs"]
        self._seconds += float(row["seconds"])
        if row["first_start"] is not None:
            self._first = min(self._first, row["first_start"])
            self._last = max(self._last, row["last_start"])
        if row["buckets"] is not None:
            self._buckets += row["buckets"]
            self._sizes += row["sizes"]

    def stats(self, key: Key, bucket_start: datetime | None) -> Stats:
        buckets, sizes = tuple(self._buckets), tuple(self._sizes)
        return Stats(key, bucket_start, self._counts, self._seconds, self._first, self._last, buckets, sizes)


_LIVE = """
select {columns}, bucket_start, sum(runs)::bigint as runs, sum(seconds) as seconds,
    min(first_start) as first_start, max(last_start) as last_start,
    array_agg(b order by b) filter (where b is not null) as buckets,
    array_agg(closed order by b) filter (where b is not null) as sizes
from (
    select {columns}, {trunc} as bucket_start, {bucket} as b, count(*) as runs,
        count(duration) as closed, coalesce(sum(duration), 0) as seconds,
        min(start_time) as first_start, max(start_time) as last_start
    from ({runs}) as runs
    group by {columns}, bucket_start, b
) as counted
group by {columns}, bucket_start
"""

_SUMS = """
select {columns}, bucket_start, sum(runs)::bigint, sum(seconds), min(first_start), max(last_start),
    null::smallint[], null::bigint[]
from days group by {columns}, bucket_start
union all
select {columns}, bucket_start, 0, 0, null, null, array_agg(b), array_agg(runs)
from (
    select {columns}, bucket_start, b, sum(size) as runs
    from (select {columns}, bucket_start, unnest(buckets) as b, unnest(counts) as size from days) as entries
    group by {columns}, bucket_start, b
) as counted
group by {columns}, bucket_start
"""

_SUMS_AS_THEY_ARE = """
select {columns}, bucket_start, runs::bigint, seconds, first_start, last_start, buckets, counts::bigint[] from days
"""

_DAYS = """
with days as {kept} (
    select {columns}, {trunc} as bucket_start, runs, seconds, first_start, last_start, buckets, counts
    from {table} {where}
)
"""


class Statistics:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self, filter_: Filter, groups: Sequence[StatsGroup] = (), bucket: StatsBucket | None = None
    ) -> list[Stats]:
        """The statistics of the runs that the filter finds, by group and, with `bucket`, by their time of start;
        oldest and then largest first. BadUserInput where these are too many."""
        low = min(max(filter_.started_after or EVER[0], EVER[0]), EVER[1])
        high = min(filter_.started_before or EVER[1], EVER[1])
        days = await self._days(low, high) if _is_summed(filter_, bucket) else []
        left = spans(low, high, days)
        if len(left) > MAX_SPANS:
            days, left = [], [(low, high)]
        if not left and not days:
            return []
        sql, arguments = _question(filter_, groups, bucket, left, days)
        rows = await self._database.fetch(sql, *arguments)
        if len(rows) > MAX_ROWS:
            raise _too_many()
        names = [_COLUMNS[group] if group in groups else None for group in StatsGroup]
        sums: defaultdict[tuple[Key, datetime | None], _Sum] = defaultdict(_Sum)
        for row in rows:
            sums[tuple(row[name] if name else None for name in names), row["bucket_start"]].add(row)
        if len(sums) > MAX_GROUPS:
            raise _too_many()
        found = [each.stats(*place) for place, each in sums.items()]
        return sorted(found, key=lambda each: (each.bucket_start or EVER[0], -each.count, each.key))

    async def _days(self, low: datetime, high: datetime) -> list[date]:
        rows = await self._database.fetch(
            "select day from statistic_days where day >= $1 and day < $2"
            " and day not in (select day from statistic_marks) order by day",
            (low + DAY - timedelta(microseconds=1)).astimezone(UTC).date(),
            high.astimezone(UTC).date(),
        )
        return [row["day"] for row in rows]


def _too_many() -> BadUserInput:
    return BadUserInput(
        f"There are too many groups: {MAX_GROUPS:,} is the most, and {MAX_ROWS:,} with their statuses. Group by less,"
        " take a larger bucket or narrow the filter.",
        path=("groupBy",),
    )


def spans(low: datetime, high: datetime, days: Iterable[date]) -> list[tuple[datetime, datetime]]:
    """What is left of the range without those whole days, which come in order."""
    left = []
    for day in days:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if low < start:
            left.append((low, start))
        low = start + DAY
    return [*left, (low, high)] if low < high else left


def _is_summed(filter_: Filter, bucket: StatsBucket | None) -> bool:
    plain = replace(filter_, started_after=None, started_before=None)
    return bucket is not StatsBucket.HOUR and plain == replace(
        Filter(), **{name: getattr(filter_, name) for name in _SUMMED}
    )


def _question(
    filter_: Filter,
    groups: Sequence[StatsGroup],
    bucket: StatsBucket | None,
    left: Sequence[tuple[datetime, datetime]],
    days: Sequence[date],
) -> tuple[str, list[Any]]:
    plain = replace(filter_, started_after=None, started_before=None)
    conditions = conditions_of(plain)
    columns = ", ".join({"status": None} | {_COLUMNS[group]: None for group in groups})
    # One range each, so that an index alone can answer.
    runs = [
        f"select {columns}, start_time, duration from executions"
        f" where {conditions.all} and start_time >= {conditions.name(low)} and start_time < {conditions.name(high)}"
        for low, high in left
    ]
    sql = _LIVE.format(
        columns=columns,
        trunc=_truncated(bucket, "start_time"),
        bucket=BUCKET_SQL.format("duration"),
        runs=" union all ".join(runs) or f"select {columns}, start_time, duration from executions where false",
    )
    if days:
        first, behind = _of_days(plain, groups, bucket, columns, conditions_of(plain, conditions.within()), days)
        sql = f"{first} {sql} union all {behind}"
    return f"{sql} limit {MAX_ROWS + 1}", conditions.arguments


def _of_days(
    plain: Filter,
    groups: Sequence[StatsGroup],
    bucket: StatsBucket | None,
    columns: str,
    sums: Conditions,
    days: Sequence[date],
) -> tuple[str, str]:
    """What goes before the question, and what joins it, to read the sums of days."""
    sums.add("day = any({}::date[])", list(days))
    trunc = _truncated(bucket, "day::timestamp at time zone 'UTC'")
    table = _table(plain, groups)
    # Reading the smaller twice would cost more than to keep what was read; the larger is read by several workers.
    kept = "materialized" if table == "type_statistics" else "not materialized"
    first = _DAYS.format(columns=columns, trunc=trunc, table=table, where=sums.where, kept=kept)
    # Days of types are apart already: adding up would cost more than what it saves.
    is_apart = table == "type_statistics" and bucket is StatsBucket.DAY and StatsGroup.TYPE in groups
    return first, (_SUMS_AS_THEY_ARE if is_apart else _SUMS).format(columns=columns)


def _table(plain: Filter, groups: Sequence[StatsGroup]) -> str:
    """The smallest sums that can answer."""
    apart = {StatsGroup.TENANT, StatsGroup.ENVIRONMENT, StatsGroup.TASK_QUEUE} & set(groups)
    named = plain.tenant is not None or plain.environment is not None or bool(plain.task_queues)
    return "statistics" if apart or named else "type_statistics"


def _truncated(bucket: StatsBucket | None, moment: str) -> str:
    return f"date_trunc('{bucket.lower()}', {moment}, 'UTC')" if bucket else "null::timestamptz"
