"""The index: one row a run, as its sources last told it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import asyncpg

from app.log import logger
from app.model import ChangeKind, Execution, ExecutionRef, Glimpse, Page, WorkflowStatus
from app.store.database import Database, Row
from app.store.glimpses import GlimpseRow, page_of
from app.store.listing import Count, Counted, Filter, Listing, window_of
from app.store.recording import COLUMNS, OPEN, RECORD

log = logger(__name__)

_STATUSES = {status.value: status for status in WorkflowStatus}

_SELECT = f"select {', '.join(f'e.{column}' for column in COLUMNS)} from executions e"

_ERASED = """
with forgotten as (
    delete from deleted_executions where deleted_at < now() - interval '30 days'
)
insert into deleted_executions (namespace, workflow_id, run_id) values ($1, $2, $3) on conflict do nothing
"""

LOCK = "select 1 from executions where namespace = $1 and workflow_id = $2 and run_id = $3 for update"

_DELETE = """
with gone as (
    delete from executions where namespace = $1 and workflow_id = $2 and run_id = $3 returning *
), forgotten as (
    delete from archive where namespace = $1 and workflow_id = $2 and run_id = $3
), emptied as (
    delete from archive_events where namespace = $1 and workflow_id = $2 and run_id = $3
), uncounted as (
    delete from activities where namespace = $1 and workflow_id = $2 and run_id = $3
)
insert into changes (tenant, environment, namespace, workflow_id, run_id, kind, gone)
select tenant, environment, namespace, workflow_id, run_id, 'DELETED', to_jsonb(gone) from gone
returning kind
"""


class Executions:
    """Reading and writing the index. Every method raises as `Database` does.

    What is written is what Temporal says, whoever is served.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted = Counted(database)

    async def record(self, executions: Sequence[Execution]) -> list[tuple[ExecutionRef, ChangeKind]]:
        """Write what one source says now, in one statement, and tell what changed.

        A row that says nothing new is left alone. A closed run never opens again. What the source does not
        know (an unset failure, summary, next run and the like) keeps the value it had. Each change is in the
        change log when this returns; there, a run that moves to another tenant is deleted for the first.
        """
        rows = _one_each(executions)
        if not rows:
            return []
        try:
            changed = await self._database.everywhere.fetch(RECORD, rows)
        except asyncpg.ProgramLimitExceededError as error:
            return await self._record_singly(rows, error)
        return [(ref_of(row), ChangeKind(row["kind"])) for row in changed]

    async def _record_singly(
        self, rows: Sequence[Execution], error: Exception
    ) -> list[tuple[ExecutionRef, ChangeKind]]:
        """One run whose names are too long for an index must not keep the others out."""
        if len(rows) == 1:
            log.error("run cannot be indexed", workflow_id=rows[0].workflow_id[:200], reason=str(error))
            return []
        return [change for row in rows for change in await self.record([row])]

    async def noted(self, namespace: str, workflow_id: str, key: str, value: str) -> Execution | None:
        """The first run of a workflow id whose memo has this text under `key`."""
        row = await self._database.fetchrow(
            f"{_SELECT} where namespace = $1 and workflow_id = $2 and memo ->> $3 = $4 order by start_time limit 1",
            namespace,
            workflow_id,
            key,
            value,
        )
        return execution_of(row) if row is not None else None

    async def get(self, ref: ExecutionRef) -> Execution | None:
        return (await self.many([ref])).get(ref)

    async def many(self, refs: Sequence[ExecutionRef]) -> dict[ExecutionRef, Execution]:
        """Those of the runs that are indexed, in one statement."""
        if not refs:
            return {}
        rows = await self._database.fetch(
            f"{_SELECT} join unnest($1::text[], $2::text[], $3::text[])"
            " as wanted (namespace, workflow_id, run_id) using (namespace, workflow_id, run_id)",
            *columns_of(refs),
        )
        found = [execution_of(row) for row in rows]
        return {each.ref: each for each in found}

    async def newest(self, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Execution]:
        """The runs that started last of these workflow ids, each with its namespace, in one statement."""
        if not names:
            return {}
        rows = await self._database.fetch(
            f"select {', '.join(f'e.{column}' for column in COLUMNS)}"
            " from unnest($1::text[], $2::text[]) as wanted (namespace, workflow_id)"
            " cross join lateral (select * from executions"
            " where namespace = wanted.namespace and workflow_id = wanted.workflow_id"
            " order by start_time desc, run_id desc limit 1) e",
            [namespace for namespace, _ in names],
            [workflow_id for _, workflow_id in names],
        )
        found = [execution_of(row) for row in rows]
        return {(each.namespace, each.workflow_id): each for each in found}

    async def latest(self, namespace: str, workflow_id: str) -> Execution | None:
        """The run of this workflow id that started last."""
        return (await self.newest([(namespace, workflow_id)])).get((namespace, workflow_id))

    async def page(self, listing: Listing) -> Page[Execution]:
        """A window of a list, in its order, in one statement.

        `has_next` and `has_previous` tell whether the filter has runs behind and ahead of the window; on the
        side of a given position or offset, there is taken to be one.
        """
        statement, arguments = window_of(COLUMNS, listing)
        rows = await self._database.fetch(statement, *arguments)
        return page_of(listing, [execution_of(row) for row in rows])

    async def glimpses(self, listing: Listing, attributes: Collection[str]) -> Page[Glimpse]:
        """As `page`, but only these attributes of the runs are read."""
        columns = tuple(column for column in COLUMNS if column in attributes) or ("run_id",)
        statement, arguments = window_of(columns, listing)
        return page_of(listing, await self._database.fetch_as(GlimpseRow, statement, *arguments))

    async def count(self, filter_: Filter) -> Count:
        """How many runs the filter has; see `Counted`."""
        return await self._counted.count(filter_)

    async def open_runs(
        self, namespace: str, *, started_before: datetime, besides: Iterable[str] = (), limit: int = 1000
    ) -> list[ExecutionRef]:
        """Runs that the index holds for open, without the run ids in `besides`; oldest first."""
        rows = await self._database.fetch(
            f"select namespace, workflow_id, run_id from executions where namespace = $1 and status in {OPEN}"
            " and start_time < $2 and run_id not in (select unnest($3::text[])) order by start_time limit $4",
            namespace,
            started_before,
            list(besides),
            limit,
        )
        return [ref_of(row) for row in rows]

    async def outdated(self, ref: ExecutionRef) -> list[ExecutionRef]:
        """Runs of the workflow id that the index holds for open, though this one was started after them: of an id only
        the newest can be open."""
        rows = await self._database.fetch(
            f"select namespace, workflow_id, run_id from executions where namespace = $1 and workflow_id = $2"
            f" and run_id <> $3 and status in {OPEN} and start_time <= coalesce((select start_time from executions"
            " where namespace = $1 and workflow_id = $2 and run_id = $3), 'infinity')",
            *key_of(ref),
        )
        return [ref_of(row) for row in rows]

    async def unarchived(
        self, namespaces: Sequence[str], limit: int, besides: Iterable[str] = ()
    ) -> list[ExecutionRef]:
        """Closed runs whose history is not archived yet, without the run ids in `besides`; last closed
        first."""
        rows = await self._database.fetch(
            f"select namespace, workflow_id, run_id from executions where archived_at is null"
            f" and status not in {OPEN} and namespace = any($1) and run_id <> all($2)"
            " order by close_time desc limit $3",
            list(namespaces),
            list(besides),
            limit,
        )
        return [ref_of(row) for row in rows]

    async def erase(self, ref: ExecutionRef) -> bool:
        """Forget a run and its archive for good: for as long as Temporal may still show it, it is not recorded again.
        False where it was not indexed."""
        await self._database.everywhere.execute(_ERASED, *key_of(ref))
        return await self.delete(ref)

    async def erased(self, refs: Sequence[ExecutionRef]) -> set[ExecutionRef]:
        """Those of the runs that were erased, in one statement."""
        if not refs:
            return set()
        rows = await self._database.everywhere.fetch(
            "select namespace, workflow_id, run_id from deleted_executions"
            " join unnest($1::text[], $2::text[], $3::text[]) as wanted (namespace, workflow_id, run_id)"
            " using (namespace, workflow_id, run_id)",
            *columns_of(refs),
        )
        return {ref_of(row) for row in rows}

    async def delete(self, ref: ExecutionRef) -> bool:
        """Forget a run and its archive; False where it was not indexed."""
        async with self._database.everywhere.transaction() as connection:
            # Whoever archives it at this moment holds the row; what that writes must be seen by the next statement.
            await connection.execute(LOCK, *key_of(ref))
            return await connection.fetchval(_DELETE, *key_of(ref)) is not None


def _one_each(executions: Sequence[Execution]) -> list[Execution]:
    """One row a run, the closed or else the later one, in the order of their keys, so that two writers of the
    same runs never wait for each other in a circle."""
    rows: dict[tuple[str, str, str], Execution] = {}
    for each in executions:
        held = rows.get(key_of(each.ref))
        if held is None or each.status.is_closed or not held.status.is_closed:
            rows[key_of(each.ref)] = each
    return [rows[key] for key in sorted(rows)]


def key_of(ref: ExecutionRef) -> tuple[str, str, str]:
    return ref.namespace, ref.workflow_id, ref.run_id


def columns_of(refs: Sequence[ExecutionRef]) -> tuple[list[str], list[str], list[str]]:
    """The three parts of the keys, each as one array."""
    return [ref.namespace for ref in refs], [ref.workflow_id for ref in refs], [ref.run_id for ref in refs]


def ref_of(row: Row) -> ExecutionRef:
    return ExecutionRef(row["namespace"], row["workflow_id"], row["run_id"])


def execution_of(row: Row, width: int | None = None) -> Execution:
    """The run of a row, which may have more columns behind the first `width`."""
    values: dict[str, Any] = dict(row.items()) if width is None else dict(islice(row.items(), width))
    values["status"] = _STATUSES[values["status"]]
    return Execution.made_of(values)
