"""Records as objects of HubSpot's CRM, upserted in batches by a property with unique values.

The connection is `hubspot=https://bearer:TOKEN@api.hubapi.com`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from app.workflows.failures import validation_error
from app.workflows.hubspot import HubSpotDealSyncInput, HubSpotSyncInput
from app.workflows.outbound import Connections
from app.workflows.sync.activities import Kind, activities_of
from app.workflows.sync.ends import Destination, Record, Remote
from app.workflows.sync.model import Outcome
from app.workflows.sync.sources import open_records
from app.workflows.sync.vendors import Reader, major
from app.workflows.systems import HttpSystem, http_system

Properties = dict[str, str]


@dataclass(frozen=True)
class Deal:
    subscription_id: str
    plan_id: str
    currency: str
    interval: str
    status: str
    name: str | None = None
    amount: int | None = None
    close_date: date | datetime | None = None


@dataclass(frozen=True)
class Invoice:
    invoice_id: str
    currency: str
    amount_due: int
    status: str
    number: str | None = None
    due_date: date | datetime | None = None


@dataclass(frozen=True)
class Quote:
    quote_id: str
    title: str
    currency: str
    status: str
    expires_at: date | datetime
    amount: int | None = None


def deal(record: Deal, request: HubSpotDealSyncInput) -> Properties:
    stages = dict(each.split("=", 1) for each in request.stages.split(","))
    return _given(
        dealname=record.name or f"{record.plan_id} ({record.subscription_id})",
        pipeline=request.pipeline,
        dealstage=stages.get(record.status),
        amount=_amount(record.amount, record.currency),
        deal_currency_code=record.currency,
        closedate=record.close_date,
    )


def invoice(record: Invoice, _: HubSpotSyncInput) -> Properties:
    return _given(
        hs_title=record.number or record.invoice_id,
        hs_currency=record.currency,
        hs_amount_billed=_amount(record.amount_due, record.currency),
        hs_invoice_status=record.status,
        hs_due_date=record.due_date,
    )


def quote(record: Quote, _: HubSpotSyncInput) -> Properties:
    return _given(
        hs_title=record.title,
        hs_currency=record.currency,
        hs_quote_amount=_amount(record.amount, record.currency),
        hs_status=record.status.upper(),
        hs_expiration_date=record.expires_at,
    )


def _given(**values: Any) -> Properties:
    return {
        name: value.isoformat() if isinstance(value, date) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _amount(amount: int | None, currency: str) -> str | None:
    return None if amount is None else str(major(amount, currency))


class Objects(Remote):
    """Upserts a batch in one call. HubSpot does not tell what it changed: what was there counts as updated."""

    batch = 100

    def __init__(
        self,
        system: HttpSystem,
        path: str,
        reader: Reader[Any],
        properties: Callable[[Any, Any], Properties],
        request: Any,
    ) -> None:
        self._system = system
        self._path = f"crm/v3/objects/{path}/batch/upsert"
        self._reader = reader
        self._properties = properties
        self._request = request
        self.key = reader.key

    async def upsert(self, records: Sequence[Record]) -> Sequence[Outcome]:
        unique = self._request.id_property
        inputs = []
        for record in records:
            key = self.key(record) or ""
            properties = self._properties(self._reader.read(record), self._request)
            inputs.append({"idProperty": unique, "id": key, "properties": properties | {unique: key}})
        answer = await self._system.call("POST", self._path, json={"inputs": inputs})
        if errors := answer.get("errors"):
            # Some are done and some are not; asked again, those that are done change nothing.
            said = "; ".join(str(each.get("message", each)) for each in errors[:3])
            raise validation_error(f"HubSpot refuses it: {said}.")
        made = {each["properties"].get(unique): bool(each.get("new")) for each in answer["results"]}
        if missing := {each["id"] for each in inputs} - set(made):
            raise validation_error(f"HubSpot's answer says nothing of {', '.join(sorted(missing)[:3])}.")
        return ["created" if made[each["id"]] else "updated" for each in inputs]


def _kind(name: str, given: type, kind: type, key: str, properties: Callable[[Any, Any], Properties]) -> Kind:
    @asynccontextmanager
    async def opened(request: Any, connections: Connections) -> AsyncIterator[Destination]:
        async with http_system(connections, "", request.connection) as system:
            yield Objects(system, name, Reader(kind, key), properties, request)

    return Kind(f"hubspot_{name}", given, source=partial(open_records, key=key), destination=opened)


_KINDS = (
    _kind("deals", HubSpotDealSyncInput, Deal, "subscription_id", deal),
    _kind("invoices", HubSpotSyncInput, Invoice, "invoice_id", invoice),
    _kind("quotes", HubSpotSyncInput, Quote, "quote_id", quote),
)


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    return [each for kind in _KINDS for each in activities_of(kind, connections)]
