"""How many runs a filter has: exact where that is quick, else estimated."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

import asyncpg
import orjson

from app.errors import DeadlineExceeded
from app.store.database import Database
from app.store.listing.attributes import attribute_of
from app.store.listing.conditions import Conditions, conditions_of
from app.store.listing.filter import Filter

PATIENCE_MS = 150
"""How long counting may take before an estimate is given instead."""
_TOTALLED = {"namespaces", "workflow_types", "statuses"}
"""What `execution_totals` is kept by."""
_KEPT = {*_TOTALLED, "tenant", "environment"}
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
        if is_kept(filter_):
            table = "execution_totals" if is_kept(filter_, _TOTALLED) else "execution_counts"
            conditions = conditions_of(filter_)
            total = await self._database.fetchval(
                f"select coalesce(sum(runs), 0)::bigint from {table} {conditions.where}",
                *conditions.arguments,
            )
            return Count(total)
        counted = counted_of(filter_)
        try:
            return Count(await self._exact(*counted))
        except DeadlineExceeded as error:
            if not isinstance(error.__cause__, asyncpg.QueryCanceledError):
                raise
            return Count(await self._expected(*counted), is_estimate=True)

    async def _exact(self, rows: str, arguments: list[Any]) -> int:
        async with self._database.transaction() as connection:
            self._database.statements += 2
            await connection.execute(f"set local statement_timeout = {self._patience_ms}")
            total: int = await connection.fetchval(f"select count(*) from {rows}", *arguments)
            return total

    async def _expected(self, rows: str, arguments: list[Any]) -> int:
        plan = await self._database.fetchval(f"explain (format json) select 1 from {rows}", *arguments)
        [told] = orjson.loads(plan)
        return int(told["Plan"]["Plan Rows"])


def counted_of(filter_: Filter) -> tuple[str, list[Any]]:
    """The rows that are as many as the runs of the filter, and the arguments that they name."""
    attribute = attribute_of(filter_)
    if attribute is None or not _is_alone(filter_):
        conditions = conditions_of(filter_)
        return f"executions {conditions.where}", conditions.arguments
    conditions = Conditions()
    attribute.condition(conditions)
    conditions.any_of("namespace", filter_.namespaces)
    return f"attributes {conditions.where}", conditions.arguments


def _is_alone(filter_: Filter) -> bool:
    """Whether nothing but one value, and whose the runs are, restricts the filter."""
    return (
        len(filter_.metadata) + len(filter_.values) == 1
        and (filter_.tenant is None) is (filter_.environment is None)
        and _set(filter_) <= {"metadata", "values", "namespaces", "tenant", "environment"}
    )


def is_kept(filter_: Filter, by: Collection[str] = _KEPT) -> bool:
    """Whether the counts that are kept by these answer for this filter, whatever it combines."""
    parts = (*filter_.every, *(filter_.any or ()), *filter_.none)
    return all(is_kept(part, by) for part in parts) and _set(filter_) <= {*by, "every", "any", "none"}


def _set(filter_: Filter) -> set[str]:
    """The fields that restrict."""
    return {each.name for each in fields(Filter) if getattr(filter_, each.name) != getattr(_PLAIN, each.name)}


_PLAIN = Filter()
