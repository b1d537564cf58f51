"""Bringing prices to line items. Writing a page twice is the same as writing it once.

In Postgres the table of line items has the columns tenant_id, environment_id, subscription_id, price_id
(together its primary key or a unique index), plan_id, amount, currency, interval and the price's updated_at.
The table of subscriptions has tenant_id, environment_id, subscription_id, plan_id, currency, interval and
status, where `active` ones count.

Over HTTP a destination takes `POST url` with
`{"plan_id", "tenant_id", "environment_id", "items": [price, ...]}`, does the same itself, and answers
`{"created": 1, "updated": 2, "unchanged": 3}`, in line items.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Protocol

from app.workflows.failures import validation_error
from app.workflows.outbound import Connections
from app.workflows.price_sync.model import Price, PriceSyncInput, Written
from app.workflows.systems import (
    HttpSystem,
    PostgresSystem,
    http_system,
    postgres_system,
    quoted,
)

# One statement a page: all of it or nothing. Keys in one order, so that two runs never lock each other out.
_UPSERT = """
with price as (
    select * from unnest($4::text[], $5::bigint[], $6::text[], $7::text[], $8::timestamptz[])
        as price (price_id, amount, currency, "interval", updated_at)
), item as (
    select subscription.subscription_id, price.*
    from {subscriptions} subscription
    join price on price.currency = subscription.currency and price."interval" = subscription."interval"
    where subscription.tenant_id = $1 and subscription.environment_id = $2 and subscription.plan_id = $3
        and subscription.status = 'active'
), written as (
    insert into {table} as held (
        tenant_id, environment_id, subscription_id, price_id, plan_id,
        amount, currency, "interval", updated_at
    )
    select $1, $2, subscription_id, price_id, $3, amount, currency, "interval", updated_at
    from item order by subscription_id, price_id
    on conflict (tenant_id, environment_id, subscription_id, price_id) do update set
        plan_id = excluded.plan_id, amount = excluded.amount, currency = excluded.currency,
        "interval" = excluded."interval", updated_at = excluded.updated_at
    where (held.plan_id, held.amount, held.currency, held."interval", held.updated_at)
        is distinct from
        (excluded.plan_id, excluded.amount, excluded.currency, excluded."interval", excluded.updated_at)
    returning xmax = 0 as created -- an inserted row has no locker, an updated one has
)
select (select count(*) from item) as total, count(*) filter (where created) as created, count(*) as written
from written
"""


class Destination(Protocol):
    async def upsert(self, prices: Sequence[Price]) -> Written:
        """Bring these prices to the line items of every active subscription that they fit."""


@asynccontextmanager
async def open_destination(request: PriceSyncInput, connections: Connections) -> AsyncIterator[Destination]:
    """The destination of a valid request. Raises ApplicationError."""
    destination = request.destination
    if destination.kind == "http":
        async with http_system(connections, destination.url or "", destination.connection) as system:
            yield HttpDestination(system, request)
    else:
        async with postgres_system(connections, destination.connection or "") as system:
            yield PostgresDestination(system, request)


class PostgresDestination:
    def __init__(self, system: PostgresSystem, request: PriceSyncInput) -> None:
        self._system = system
        self._plan = (request.tenant_id, request.environment_id, request.plan_id)
        self._table = quoted(request.destination.table or "")
        self._upsert = _UPSERT.format(table=self._table, subscriptions=quoted(request.destination.subscriptions or ""))

    async def upsert(self, prices: Sequence[Price]) -> Written:
        columns = zip(*((p.price_id, p.amount, p.currency, p.interval, p.updated_at) for p in prices), strict=True)
        (row,) = await self._system.rows(self._upsert, *self._plan, *(list(column) for column in columns))
        return Written(
            created=row["created"],
            updated=row["written"] - row["created"],
            unchanged=row["total"] - row["written"],
        )

    async def held(self) -> int:
        """Line items of the plan."""
        query = f"""select count(*) from {self._table}
                    where tenant_id = $1 and environment_id = $2 and plan_id = $3"""
        count: int = await self._system.value(query, *self._plan)
        return count


class HttpDestination:
    def __init__(self, system: HttpSystem, request: PriceSyncInput) -> None:
        self._system = system
        self._plan = {
            "plan_id": request.plan_id,
            "tenant_id": request.tenant_id,
            "environment_id": request.environment_id,
        }

    async def upsert(self, prices: Sequence[Price]) -> Written:
        items = [asdict(price) | {"updated_at": price.updated_at.isoformat()} for price in prices]
        return written_of(await self._system.call("POST", json=self._plan | {"items": items}), self._system.name)


def written_of(body: Any, name: str) -> Written:
    """Read the counts. Raises ValidationError naming what the answer of `name` lacks."""
    values = [body.get(key) if isinstance(body, dict) else None for key in ("created", "updated", "unchanged")]
    counts = [value for value in values if isinstance(value, int) and value >= 0]
    if len(counts) != len(values):
        raise validation_error(f"{name} must answer created, updated and unchanged, each a whole number.")
    return Written(*counts)
