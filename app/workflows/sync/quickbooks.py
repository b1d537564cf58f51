"""Prices as items of QuickBooks, each known by its stock keeping unit, which is the price's id.

The URL of the connection ends with the company: `https://…@quickbooks.api.intuit.com/v3/company/1234`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.workflows.outbound import Connections
from app.workflows.quickbooks import QuickBooksPriceSyncInput
from app.workflows.sync.activities import Kind, activities_of
from app.workflows.sync.model import Outcome
from app.workflows.sync.sources import open_records
from app.workflows.sync.vendors import major, opening
from app.workflows.systems import HttpSystem


@dataclass(frozen=True)
class PriceItem:
    price_id: str
    amount: int
    currency: str
    interval: str
    plan_id: str
    name: str | None = None


class Items:
    """Finds the item by its unit, and writes only what differs."""

    def __init__(self, income_account: str) -> None:
        self._account = income_account

    async def upsert(self, system: HttpSystem, record: PriceItem) -> Outcome:
        quoted = record.price_id.replace("\\", "\\\\").replace("'", "\\'")
        question = f"select * from Item where Sku = '{quoted}'"  # in QuickBooks' own language
        answer = await system.call("GET", "query", params={"query": question, "minorversion": "75"})
        found = answer.get("QueryResponse", {}).get("Item", [])
        wanted = self._item(record)
        if not found:
            await self._write(system, wanted)
            return "created"
        held = found[0]
        if _same(held, wanted):
            return "unchanged"
        await self._write(system, wanted | {"Id": held["Id"], "SyncToken": held["SyncToken"], "sparse": True})
        return "updated"

    def _item(self, record: PriceItem) -> dict[str, Any]:
        return {
            "Sku": record.price_id,
            "Name": (record.name or record.price_id)[:100],
            "Description": f"{record.plan_id}, {record.currency} a {record.interval}",
            "Type": "Service",
            "UnitPrice": float(major(record.amount, record.currency)),
            "IncomeAccountRef": {"value": self._account},
        }

    async def _write(self, system: HttpSystem, item: dict[str, Any]) -> None:
        # The same request again, as after an answer that was lost, is done once.
        request = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(item, sort_keys=True))
        await system.call("POST", "item", params={"requestid": str(request), "minorversion": "75"}, json=item)


def _same(held: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(
        held.get(key, {}).get("value") == value["value"] if isinstance(value, dict) else held.get(key) == value
        for key, value in wanted.items()
    )


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    kind = Kind(
        "quickbooks_prices",
        QuickBooksPriceSyncInput,
        source=partial(open_records, key="price_id"),
        destination=opening(lambda request: Items(request.income_account), PriceItem, "price_id"),
    )
    return activities_of(kind, connections)
