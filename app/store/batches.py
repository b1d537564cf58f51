"""Batches: one act on every run that a filter found when it began, and how far each has come.

The runs are taken down in one statement, so that what comes to match later is left alone. At its turn a run must still
match. From then on it is due, whatever it looks like: a worker that ends in between finds it again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from app.model import ExecutionRef, Json
from app.store.database import Connection, Database, Row
from app.store.listing.conditions import Conditions, conditions_of
from app.store.listing.filter import Filter
from app.store.sight import schema_of

MAX_BATCH = 100_000
KEPT_FAILURES = 100
_FILTER = TypeAdapter(Filter)
_OPEN = "RUNNING"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. `tenant` and `environment` are those that it is confined to, None for every one; `requester`
    is in whose name, `rate` in runs a second. `understood` is the filter for who asked, as JSON; `filter` names
    workflows as Temporal does."""

    job_id: str
    tenant: str | None
    environment: str | None
    namespace: str
    mutation: str
    arguments: Mapping[str, Json]
    filter: Filter
    requester: Mapping[str, Json]
    rate: float
    understood: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """`state` is RUNNING, COMPLETED, FAILED or CANCELED."""

    order: Order
    state: str
    problem: str | None
    total: int
    completed: int
    failed: int
    skipped: int
    started_at: datetime
    closed_at: datetime | None

    @property
    def is_closed(self) -> bool:
        return self.state != _OPEN


@dataclass(frozen=True, slots=True)
class Item:
    place: int
    ref: ExecutionRef


@dataclass(frozen=True, slots=True)
class FailedItem:
    ref: ExecutionRef
    code: str
    message: str


class TooMany(Exception):
    """The filter has more runs than a batch may have."""


_TAKE = """
insert into batch_items (job_id, place, namespace, workflow_id, run_id)
select $1, row_number() over (order by start_time desc, run_id desc), namespace, workflow_id, run_id
from (select namespace, workflow_id, run_id, start_time from {runs} {where}
    order by start_time desc, run_id desc limit {limit}) found
"""

_TURN = """
with next as (
    select place, namespace, workflow_id, run_id from batch_items
    where job_id = $1 and state = 'WAITING' order by place limit $2 for update skip locked
), matching as (
    select namespace, workflow_id, run_id from {runs}
    where (namespace, workflow_id, run_id) in (select namespace, workflow_id, run_id from next) and {matches}
), told as (
    update batch_items i set state = case when exists (select from matching m
        where (m.namespace, m.workflow_id, m.run_id) = (i.namespace, i.workflow_id, i.run_id))
        then 'DUE' else 'SKIPPED' end
    from next where i.job_id = $1 and i.place = next.place
    returning i.state
)
update batches set skipped = skipped + (select count(*) from told where state = 'SKIPPED') where job_id = $1
returning (select count(*) from told)
"""

_CONCLUDED = """
with told as (
    update batch_items set state = $3, code = $4, message = $5 where job_id = $1 and place = $2 and state = 'DUE'
    returning state
)
update batches set completed = completed + case when $3 = 'DONE' then 1 else 0 end,
    failed = failed + case when $3 = 'FAILED' then 1 else 0 end,
    skipped = skipped + case when $3 = 'SKIPPED' then 1 else 0 end
where job_id = $1 and exists (select from told)
"""


def told(filter_: Filter) -> Mapping[str, Json]:
    """The filter as JSON, without what it leaves open."""
    said: Mapping[str, Json] = _FILTER.dump_python(filter_, mode="json", exclude_defaults=True)
    return said


class Batches:
    """Every method raises as `Database` does. What is written is so whoever is served."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, order: Order) -> None:
        """Write it down with the runs that match now; nothing where it is there already. Raises TooMany."""
        async with self._confined(order) as (connection, runs):
            made = await connection.fetchval(
                "insert into batches (job_id, tenant, environment, namespace, mutation, arguments, filter, requester,"
                " rate, understood) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                " on conflict do nothing returning 1",
                *(order.job_id, order.tenant, order.environment, order.namespace, order.mutation),
                *(order.arguments, _FILTER.dump_python(order.filter, mode="json"), order.requester, order.rate),
                order.understood,
            )
            if made is None:
                return
            conditions = conditions_of(order.filter, Conditions([order.job_id]))
            take = _TAKE.format(runs=runs, where=conditions.where, limit=conditions.name(MAX_BATCH + 1))
            total = int((await connection.execute(take, *conditions.arguments)).rpartition(" ")[2])
            if total > MAX_BATCH:
                raise TooMany
            await connection.execute("update batches set total = $2 where job_id = $1", order.job_id, total)

    async def count(self, filter_: Filter) -> int:
        """How many runs match now; counting stops behind the most that a batch may have."""
        conditions = conditions_of(filter_)
        statement = f"select count(*) from (select from executions {conditions.where} limit {MAX_BATCH + 1}) found"
        total: int = await self._database.fetchval(statement, *conditions.arguments)
        return total

    async def turn(self, batch: StoredBatch, limit: int) -> list[Item]:
        """The runs whose turn it is: those that an earlier worker left, or else the next that still match."""
        job_id = batch.order.job_id
        conditions = conditions_of(batch.order.filter, Conditions([job_id, limit]))
        while True:
            if due := await self._due(job_id, limit):
                return due
            async with self._confined(batch.order) as (connection, runs):
                turn = _TURN.format(runs=runs, matches=conditions.all)
                if not await connection.fetchval(turn, *conditions.arguments):
                    return []

    @asynccontextmanager
    async def _confined(self, order: Order) -> AsyncIterator[tuple[Connection, str]]:
        """A transaction, and the table of the runs that the order may find, whatever its filter says."""
        async with self._database.everywhere.transaction() as connection:
            if order.tenant is None:
                yield connection, "executions"
                return
            await connection.execute(
                "select set_config('tideline.tenant', $1, true), set_config('tideline.environment', $2, true)",
                order.tenant,
                order.environment or "",
            )
            yield connection, f"{schema_of(order.environment)}.executions"

    async def _due(self, job_id: str, limit: int) -> list[Item]:
        rows = await self._database.fetch(
            "select place, namespace, workflow_id, run_id from batch_items where job_id = $1 and state = 'DUE'"
            " order by place limit $2",
            job_id,
            limit,
        )
        return [Item(row["place"], _ref_of(row)) for row in rows]

    async def conclude(
        self, job_id: str, place: int, state: str, code: str | None = None, message: str | None = None
    ) -> None:
        """What came of a run whose turn it was: DONE, FAILED or SKIPPED. Counted once."""
        await self._database.everywhere.execute(_CONCLUDED, job_id, place, state, code, message)

    async def close(self, job_id: str, state: str, problem: str | None = None) -> None:
        """Say how it ended; what is said first stays."""
        await self._database.everywhere.execute(
            "update batches set state = $2, problem = $3, closed_at = now() where job_id = $1 and state = $4",
            job_id,
            state,
            problem,
            _OPEN,
        )

    async def get(self, job_id: str) -> StoredBatch | None:
        row = await self._database.fetchrow("select * from batches where job_id = $1", job_id)
        return _batch_of(row) if row else None

    async def page(
        self, tenant: str | None, environment: str | None, limit: int, after: tuple[datetime, str] | None = None
    ) -> list[StoredBatch]:
        """Newest first, behind a start and a job id; of one tenant and environment, or of every one."""
        conditions = Conditions()
        if tenant is not None:
            conditions.add("tenant = {}", tenant)
        if environment is not None:
            conditions.add("environment = {}", environment)
        if after is not None:
            conditions.add("(started_at, job_id) < ({}, {}::uuid)", *after)
        rows = await self._database.fetch(
            f"select * from batches {conditions.where} order by started_at desc, job_id desc limit {limit}",
            *conditions.arguments,
        )
        return [_batch_of(row) for row in rows]

    async def failures(self, job_id: str) -> Sequence[FailedItem]:
        """The first of the runs on which it failed."""
        rows = await self._database.fetch(
            "select namespace, workflow_id, run_id, code, message from batch_items"
            " where job_id = $1 and state = 'FAILED' order by place limit $2",
            job_id,
            KEPT_FAILURES,
        )
        return [FailedItem(_ref_of(row), row["code"], row["message"]) for row in rows]

    async def prune(self, days: float) -> int:
        """Forget some batches that ended longer ago; how many. One whose end nobody wrote down is kept for a year."""
        tag = await self._database.execute(
            "delete from batches where job_id in (select job_id from batches"
            " where coalesce(closed_at, started_at + interval '1 year') < now() - $1::double precision"
            " * interval '1 day' limit 3)",
            days,
        )
        return int(tag.rpartition(" ")[2])


def _ref_of(row: Row) -> ExecutionRef:
    return ExecutionRef(row["namespace"], row["workflow_id"], row["run_id"])


def _batch_of(row: Row) -> StoredBatch:
    values: dict[str, Any] = dict(row)
    order = Order(
        job_id=str(values["job_id"]),
        filter=_FILTER.validate_python(values["filter"]),
        **{
            name: values[name]
            for name in (
                "tenant",
                "environment",
                "namespace",
                "mutation",
                "arguments",
                "requester",
                "rate",
                "understood",
            )
        },
    )
    return StoredBatch(
        order,
        **{
            name: values[name]
            for name in ("state", "problem", "total", "completed", "failed", "skipped", "started_at", "closed_at")
        },
    )
