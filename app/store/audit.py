"""Who did what: an append-only log. An act is one entry when it is requested and another when its outcome is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from app.model import Json, Page
from app.store.database import Database, Row
from app.store.listing.conditions import Conditions

REQUESTED = "REQUESTED"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. `action` is the mutation's field; `outcome` is REQUESTED, OK, REPEATED where its key was known, or the
    code of the refusal or error."""

    identity: str
    action: str
    outcome: str
    namespace: str | None = None
    workflow_id: str | None = None
    run_id: str | None = None
    tenant: str | None = None
    environment: str | None = None
    request_id: str | None = None
    detail: Mapping[str, Json] = field(default_factory=dict)
    address: str | None = None
    idempotency_key: str | None = None
    api_key: str | None = None
    """The id of the one that the caller came with, or that minted what the caller came with."""


@dataclass(frozen=True, slots=True)
class Act:
    """An act with its outcome. Without `concluded_at` nobody wrote down how it ended: then it may have happened."""

    position: int
    at: datetime
    entry: AuditEntry
    concluded_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What is None or empty does not restrict; of several workflow ids, any one."""

    tenant: str | None = None
    environment: str | None = None
    identity: str | None = None
    action: str | None = None
    outcome: str | None = None
    namespace: str | None = None
    workflow_ids: tuple[str, ...] = ()
    run_id: str | None = None
    request_id: str | None = None
    idempotency_key: str | None = None
    api_key: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_FIELDS = tuple(each.name for each in fields(AuditEntry))
COLUMNS = ", ".join(_FIELDS)
WIDTH = len(_FIELDS)
_COUNTED_UP_TO = 10_000

_TOLD_BY_BOTH = {
    "outcome": "coalesce(o.outcome, a.outcome) as outcome",
    "detail": "a.detail || coalesce(o.detail, '{}') as detail",
}

_ACTS = f"""
select a.position, a.at,
    {", ".join(_TOLD_BY_BOTH.get(name, f"coalesce(a.{name}, o.{name}) as {name}") for name in _FIELDS)},
    coalesce(o.at, case when a.outcome <> '{REQUESTED}' then a.at end) as concluded_at
from audit a left join audit o on o.concludes = a.position
"""


class Audit:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, entry: AuditEntry, concludes: int | None = None) -> int | None:
        """Write an entry, or the outcome of the one at `concludes`; its position, None where that had one already."""
        position: int | None = await self._database.everywhere.fetchval(
            f"insert into audit ({COLUMNS}, concludes) values ({placeholders(1)}, ${WIDTH + 1})"
            " on conflict (concludes) where concludes is not null do nothing returning position",
            *values_of(entry),
            concludes,
        )
        return position

    async def page(self, filter_: AuditFilter, limit: int, before: int | None = None) -> Page[Act]:
        """Acts, newest first, behind the position `before`."""
        conditions = _conditions(filter_)
        if before is not None:
            conditions.add("a.position < {}", before)
        rows = await self._database.fetch(
            f"{_ACTS} {conditions.where} order by a.position desc limit {limit + 1}", *conditions.arguments
        )
        return Page(tuple(_act_of(row) for row in rows[:limit]), len(rows) > limit, before is not None)

    async def count(self, filter_: AuditFilter) -> int:
        """How many acts the filter has; counting stops at 10,000."""
        conditions = _conditions(filter_)
        total: int = await self._database.fetchval(
            f"select count(*) from ({_ACTS} {conditions.where} limit {_COUNTED_UP_TO}) as found", *conditions.arguments
        )
        return total


def placeholders(first: int) -> str:
    """The parameters of an entry's columns, from number `first` on."""
    return ", ".join(f"${first + place}" for place in range(WIDTH))


def values_of(entry: AuditEntry) -> list[Any]:
    return [getattr(entry, name) for name in _FIELDS]


def _conditions(filter_: AuditFilter) -> Conditions:
    conditions = Conditions()
    conditions.add("a.concludes is null")
    for name in ("tenant", "environment", "identity", "action", "namespace", "request_id"):
        if (value := getattr(filter_, name)) is not None:
            conditions.add(f"a.{name} = {{}}", value)
    conditions.any_of("a.workflow_id", filter_.workflow_ids)
    if filter_.run_id is not None:
        conditions.add("coalesce(a.run_id, o.run_id) = {}", filter_.run_id)
    if filter_.idempotency_key is not None:
        conditions.add("a.idempotency_key = {}", filter_.idempotency_key)
    if filter_.api_key is not None:
        conditions.add("a.api_key = {}", filter_.api_key)
    if filter_.outcome is not None:
        conditions.add("coalesce(o.outcome, a.outcome) = {}", filter_.outcome)
    if filter_.since is not None:
        conditions.add("a.at >= {}", filter_.since)
    if filter_.until is not None:
        conditions.add("a.at < {}", filter_.until)
    return conditions


def _act_of(row: Row) -> Act:
    entry = AuditEntry(**{name: row[name] for name in _FIELDS})
    return Act(row["position"], row["at"], entry, row["concluded_at"])
