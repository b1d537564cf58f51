"""How many runs a filter has: exact where that is quick, else estimated."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import asyncpg
import orjson

from app.errors import DeadlineExceeded
from app.store.database import Database
from app.store.listing.conditions import conditions_of
from app.store.listing.filter import Filter

PATIENCE_MS = 150
"""How long counting may take before an estimate is given instead."""
_KEPT = {"tenant", "environment", "namespaces", "workflow_types", "statuses"}
"""What `execution_counts` is kept by."""


@dataclass(frozen=True, slots=True)
class Count:
    value: int
    is_estimate: bool = False


class Counted:
    """Counts of lists, in at most six round trips whatever the list holds."""

    def __init__(self, database: Database, *, patience_ms: int = PATIENCE_MS) -> None:
        self._database = database
        self._patience_ms = patience_ms

    async def count(self, filter_: Filter) -> Count:
        """Exact from the kept counts, or by counting for `patience_ms`; else what Postgres's planner expects."""
        conditions = conditions_of(filter_)
        if is_kept(filter_):
            total = await self._database.fetchval(
                f"select coalesce(sum(runs), 0)::bigint from execution_counts {conditions.where}",
                *conditions.arguments,
            )
            return Count(total)
        try:
            return Count(await self._exact(conditions.where, conditions.arguments))
        except DeadlineExceeded as error:
            if not isinstance(error.__cause__, asyncpg.QueryCanceledError):
                raise
            return Count(await self._expected(conditions.where, conditions.arguments), is_estimate=True)

    async def _exact(self, where: str, arguments: list[Any]) -> int:
        async with self._database.transaction() as connection:
            self._database.statements += 2
            await connection.execute(f"set local statement_timeout = {self._patience_ms}")
            total: int = await connection.fetchval(f"select count(*) from executions {where}", *arguments)
            return total

    async def _expected(self, where: str, arguments: list[Any]) -> int:
        plan = await self._database.fetchval(f"explain (format json) select 1 from executions {where}", *arguments)
        [told] = orjson.loads(plan)
        return int(told["Plan"]["Plan Rows"])


def is_kept(filter_: Filter) -> bool:
    """Whether the kept counts answer for this filter, whatever it combines."""
    parts = (*filter_.every, *(filter_.any or ()), *filter_.none)
    plain = Filter()
    return all(is_kept(part) for part in parts) and all(
        each.name in _KEPT or each.name in {"every", "any", "none"} or _is_unset(filter_, plain, each.name)
        for each in fields(Filter)
    )


def _is_unset(filter_: Filter, plain: Filter, name: str) -> bool:
    return bool(getattr(filter_, name) == getattr(plain, name))
