"""Reading the prices of a plan, page by page.

Over HTTP a source answers `GET url?plan_id=&tenant_id=&environment_id=&limit=&cursor=` (no `cursor` for the
first page) with

    {"items": [{"price_id", "plan_id", "amount", "currency", "interval", "updated_at"}],
     "next_cursor": "..." or null, "total": 120}

`amount` is an integer of minor units and `updated_at` RFC 3339 with its offset; `total`, the number of all
prices of the plan, is optional. A table has the same columns and `tenant_id`, `environment_id`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

from app.workflows.failures import validation_error
from app.workflows.outbound import Connections
from app.workflows.price_sync.model import Price, PricePage, PriceSyncInput
from app.workflows.systems import (
    HttpSystem,
    PostgresSystem,
    http_system,
    postgres_system,
    quoted,
)


class Source(Protocol):
    async def count(self) -> int | None:
        """Prices of the plan; None where the source does not tell."""

    async def page(self, cursor: str | None, limit: int) -> PricePage:
        """The page behind `cursor`, in an order that stays."""


@asynccontextmanager
async def open_source(request: PriceSyncInput, connections: Connections) -> AsyncIterator[Source]:
    """The source of a valid request. Raises ApplicationError."""
    source = request.source
    if source.kind == "http":
        async with http_system(connections, source.url or "", source.connection) as system:
            yield HttpSource(system, request)
    else:
        async with postgres_system(connections, source.connection or "") as system:
            yield PostgresSource(system, request)


class PostgresSource:
    def __init__(self, system: PostgresSystem, request: PriceSyncInput) -> None:
        self._system = system
        self._table = quoted(request.source.table or "")
        self._plan = (request.tenant_id, request.environment_id, request.plan_id)

    async def count(self) -> int | None:
        query = f"""select count(*) from {self._table}
                    where tenant_id = $1 and environment_id = $2 and plan_id = $3"""
        count: int = await self._system.value(query, *self._plan)
        return count

    async def page(self, cursor: str | None, limit: int) -> PricePage:
        query = f"""select price_id, amount, currency, "interval", updated_at from {self._table}
                    where tenant_id = $1 and environment_id = $2 and plan_id = $3 and price_id > $4
                    order by price_id limit $5"""
        rows = await self._system.rows(query, *self._plan, cursor or "", limit)
        prices = tuple(Price(*row) for row in rows)
        return PricePage(prices, prices[-1].price_id if len(prices) == limit else None)


class HttpSource:
    def __init__(self, system: HttpSystem, request: PriceSyncInput) -> None:
        self._system = system
        self._plan = {
            "plan_id": request.plan_id,
            "tenant_id": request.tenant_id,
            "environment_id": request.environment_id,
        }

    async def count(self) -> int | None:
        total = _object(await self._get(None, 1), self._system.name).get("total")
        if total is not None and not _is_count(total):
            raise validation_error(f"{self._system.name}: total must be a whole number, not {total!r}.")
        return total

    async def page(self, cursor: str | None, limit: int) -> PricePage:
        page = page_of(await self._get(cursor, limit), self._plan, self._system.name)
        if page.next_cursor is not None and page.next_cursor == cursor:
            raise validation_error(f"{self._system.name} leads from cursor {cursor!r} to itself.")
        return page

    async def _get(self, cursor: str | None, limit: int) -> Any:
        parameters = self._plan | {"limit": str(limit)} | ({} if cursor is None else {"cursor": cursor})
        return await self._system.call("GET", params=parameters)


def page_of(body: Any, plan: dict[str, str], name: str) -> PricePage:
    """Read a page. Raises ValidationError naming the first wrong value of the answer of `name`."""
    page = _object(body, name)
    items, cursor = page.get("items"), page.get("next_cursor")
    if not isinstance(items, list):
        raise validation_error(f"{name}: items must be a list.")
    if cursor is not None and not isinstance(cursor, str):
        raise validation_error(f"{name}: next_cursor must be a string or null, not {cursor!r}.")
    prices = tuple(_price(item, plan, f"{name}: items[{index}]") for index, item in enumerate(items))
    return PricePage(prices, cursor or None)


def _price(item: Any, plan: dict[str, str], where: str) -> Price:
    fields = _object(item, where)
    for key, value in plan.items():
        if fields.get(key, value if key != "plan_id" else None) != value:
            raise validation_error(f"{where}.{key} must be {value!r}, not {fields.get(key)!r}.")
    for key in ("price_id", "currency", "interval"):
        if not isinstance(fields.get(key), str) or not fields[key]:
            raise validation_error(f"{where}.{key} must be a string, not {fields.get(key)!r}.")
    if not _is_count(fields.get("amount")):
        raise validation_error(
            f"{where}.amount must be a whole number of minor units, 0 or more, not {fields.get('amount')!r}."
        )
    return Price(
        price_id=fields["price_id"],
        amount=fields["amount"],
        currency=fields["currency"],
        interval=fields["interval"],
        updated_at=_time(fields.get("updated_at"), f"{where}.updated_at"),
    )


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise validation_error(f"{where} must be an object.")
    return value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _time(value: Any, where: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise validation_error(f"{where} must be a time with its offset, as RFC 3339 writes it, not {value!r}.")
    return time
