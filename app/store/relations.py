"""How runs hang together: parents and children, and the runs of a chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.model import Execution, ExecutionRef
from app.store.database import Database, Row
from app.store.executions import columns_of, execution_of
from app.store.recording import COLUMNS

_E = ", ".join(f"e.{column}" for column in COLUMNS)
_WIDTH = len(COLUMNS)

_NEAR = f"""
with wanted as (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) with ordinality
        as w (namespace, workflow_id, run_id, previous, next, place)
)
select {_E}, place, 'previous' as side from wanted w join executions e
    on (e.namespace, e.workflow_id, e.run_id) = (w.namespace, w.workflow_id, w.previous)
union all
select {_E}, place, 'previous' from wanted w join executions e
    on (e.namespace, e.workflow_id, e.next_run_id) = (w.namespace, w.workflow_id, w.run_id) where w.previous is null
union all
select {_E}, place, 'next' from wanted w join executions e
    on (e.namespace, e.workflow_id, e.run_id) = (w.namespace, w.workflow_id, w.next)
union all
select {_E}, place, 'next' from wanted w join executions e
    on (e.namespace, e.workflow_id, e.previous_run_id) = (w.namespace, w.workflow_id, w.run_id) where w.next is null
union all
select {_E}, null, 'named' from unnest($6::text[], $7::text[], $8::text[]) as n (namespace, workflow_id, run_id)
join executions e using (namespace, workflow_id, run_id)
"""

_MINE = """(c.namespace, c.parent_workflow_id, c.parent_run_id) = (w.namespace, w.workflow_id, w.run_id)
        and ($8::text is null or c.tenant = $8) and ($9::text is null or c.environment = $9)"""
_CHILDREN = f"""
select {_E}, w.place, case when w.counted then (select count(*) from executions c where {_MINE}) end as children
from unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::boolean[]
) with ordinality as w (namespace, workflow_id, run_id, many, start_time, child_run_id, counted, place)
left join lateral (
    select * from executions c
    where {_MINE} and (w.start_time is null or (c.start_time, c.run_id) > (w.start_time, w.child_run_id))
    order by c.start_time, c.run_id limit w.many
) e on true
order by w.place, e.start_time, e.run_id
"""


Neighbours = tuple[Execution | None, Execution | None]
"""The run before, and the run behind."""


@dataclass(frozen=True, slots=True)
class Window:
    """The first `limit` children of a run behind a place, which is a child's start time and run id; and, where it
    is `counted`, how many children the run has."""

    parent: ExecutionRef
    limit: int
    after: tuple[datetime, str] | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Children:
    runs: tuple[Execution, ...]
    count: int | None
    """None where it was not asked for."""


class Relations:
    """Each method costs one statement, however many runs are asked about, and raises as `Database` does.

    `tenant` and `environment` leave out the children of others; None leaves out none.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def near(
        self, refs: Sequence[ExecutionRef], executions: Sequence[Execution]
    ) -> tuple[dict[ExecutionRef, Execution], list[Neighbours]]:
        """Those of the named runs that are indexed; and for each of the executions, the run that it continues and
        the run that continues it, as far as they are indexed.

        Either end of a link may be the one that knows: the earlier run once it is archived, and the later one
        likewise.
        """
        rows = await self._database.fetch(
            _NEAR,
            *columns_of([each.ref for each in executions]),
            [each.previous_run_id for each in executions],
            [each.next_run_id for each in executions],
            *columns_of(refs),
        )
        found = {(row["place"], row["side"]): _execution(row) for row in rows if row["place"] is not None}
        named = [_execution(row) for row in rows if row["place"] is None]
        neighbours = [
            (found.get((place, "previous")), found.get((place, "next"))) for place in range(1, len(executions) + 1)
        ]
        return {each.ref: each for each in named}, neighbours

    async def children(self, windows: Sequence[Window], tenant: str | None, environment: str | None) -> list[Children]:
        """The children within each window, in the order of their start."""
        rows = await self._database.fetch(
            _CHILDREN,
            *columns_of([each.parent for each in windows]),
            [each.limit for each in windows],
            [each.after[0] if each.after else None for each in windows],
            [each.after[1] if each.after else None for each in windows],
            [each.counted for each in windows],
            tenant,
            environment,
        )
        runs: list[list[Execution]] = [[] for _ in windows]
        counts: list[int | None] = [None for _ in windows]
        for row in rows:
            place = row["place"] - 1
            counts[place] = row["children"]
            if row["run_id"] is not None:
                runs[place].append(_execution(row))
        return [Children(tuple(each), count) for each, count in zip(runs, counts, strict=True)]


def _execution(row: Row) -> Execution:
    return execution_of(row, _WIDTH)
