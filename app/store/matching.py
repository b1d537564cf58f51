"""Which changes a filter has: decided by Postgres, by the conditions of lists."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from app.model import ChangeCursor, Execution, ExecutionRef
from app.store.database import Database
from app.store.executions import columns_of, execution_of
from app.store.listing import Filter, conditions_of
from app.store.listing.conditions import Conditions
from app.store.recording import COLUMNS


@dataclass(frozen=True, slots=True)
class Matched:
    """The runs that a filter has now, and the deletions of runs that it had."""

    runs: Mapping[ExecutionRef, Execution] = field(default_factory=dict)
    gone: Collection[ChangeCursor] = frozenset()


class Matching:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, filter_: Filter, refs: Sequence[ExecutionRef], gone: Sequence[ChangeCursor]) -> Matched:
        """Of these runs and these entries of the log that tell of a deletion, those that the filter has: in one
        statement. Of a run that is gone, the entry says what it was."""
        if not refs and not gone:
            return Matched()
        conditions = conditions_of(filter_)
        where = conditions.all
        parts = [_runs(conditions, where, refs)] if refs else []
        if gone:
            parts.append(_gone(conditions, where, gone))
        rows = await self._database.fetch(" union all ".join(parts), *conditions.arguments)
        runs = [execution_of(row, len(COLUMNS)) for row in rows if row["xid"] is None]
        return Matched(
            {each.ref: each for each in runs},
            frozenset(ChangeCursor(row["xid"], row["position"]) for row in rows if row["xid"] is not None),
        )


def _runs(conditions: Conditions, where: str, refs: Sequence[ExecutionRef]) -> str:
    namespaces, workflow_ids, run_ids = (conditions.name(each) for each in columns_of(refs))
    return (
        f"select {', '.join(COLUMNS)}, null::bigint as xid, null::bigint as position from executions"
        f" join unnest({namespaces}::text[], {workflow_ids}::text[], {run_ids}::text[])"
        f" as changed (namespace, workflow_id, run_id) using (namespace, workflow_id, run_id) where {where}"
    )


def _gone(conditions: Conditions, where: str, gone: Sequence[ChangeCursor]) -> str:
    xids = conditions.name([str(each.xid) for each in gone])
    positions = conditions.name([each.position for each in gone])
    return (
        f"select {', '.join(COLUMNS)}, entry_xid::text::bigint as xid, entry_position as position from ("
        "select changes.xid as entry_xid, changes.position as entry_position, e.*"
        f" from unnest({xids}::text[], {positions}::bigint[]) as w (xid, position)"
        " join changes on (changes.xid, changes.position) = (w.xid::xid8, w.position)"
        " cross join lateral jsonb_populate_record(null::executions, changes.gone) e"
        f") executions where {where}"
    )
