"""Invoices at Nomod, each known by its number. The connection is `nomod=https://x-api-key:SECRET@api.nomod.com`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from app.workflows.failures import validation_error
from app.workflows.outbound import Connections
from app.workflows.payments import InvoiceSyncInput
from app.workflows.sync.activities import Kind, activities_of
from app.workflows.sync.model import Outcome
from app.workflows.sync.sources import open_records
from app.workflows.sync.vendors import major, opening
from app.workflows.systems import HttpSystem

_LONGEST_NUMBER = 30


@dataclass(frozen=True)
class Invoice:
    invoice_id: str
    currency: str
    amount_due: int
    due_date: date
    customer_email: str
    customer_name: str
    number: str | None = None
    description: str | None = None


class Invoices:
    def __init__(self, success_url: str | None) -> None:
        self._success_url = success_url

    async def upsert(self, system: HttpSystem, record: Invoice) -> Outcome:
        number = record.number or record.invoice_id
        if len(number) > _LONGEST_NUMBER:
            raise validation_error(
                f"Nomod takes no invoice number of more than {_LONGEST_NUMBER} characters: {number}."
            )
        amount = major(record.amount_due, record.currency)
        if held := await self._held(system, number):
            if (_decimal(held.get("amount")), held.get("currency")) == (amount, record.currency):
                return "unchanged"
            raise validation_error(
                f"Nomod has invoice {number} already, over {held.get('amount')} {held.get('currency')} and not "
                f"{amount} {record.currency}: cancel it there, and give this one another number."
            )
        body: dict[str, Any] = {
            "invoice_number": number,
            "title": (record.description or f"Invoice {number}")[:50],
            "currency": record.currency,
            "due_date": record.due_date.isoformat(),
            "customer": await self._customer(system, record),
            "items": [{"name": record.description or f"Invoice {number}", "amount": str(amount), "quantity": 1}],
        }
        await system.call("POST", "v1/invoices", json=body | _given(success_url=self._success_url))
        return "created"

    async def _held(self, system: HttpSystem, number: str) -> dict[str, Any] | None:
        answer = await system.call("GET", "v1/invoices", params={"invoice_number": number, "page_size": "100"})
        wanted = (
            each
            for each in answer.get("results", [])
            if each.get("invoice_number") == number and each.get("status") != "cancelled"
        )
        return next(wanted, None)

    async def _customer(self, system: HttpSystem, record: Invoice) -> str:
        answer = await system.call("GET", "v1/customers", params={"search": record.customer_email})
        for each in answer.get("results", []):
            if str(each.get("email")).lower() == record.customer_email.lower():
                return str(each["id"])
        first, _, last = record.customer_name.partition(" ")
        customer = {"first_name": first, "last_name": last, "email": record.customer_email}
        return str((await system.call("POST", "v1/customers", json=customer))["id"])


def _decimal(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    kind = Kind(
        "nomod_invoices",
        InvoiceSyncInput,
        source=partial(open_records, key="invoice_id"),
        destination=opening(lambda request: Invoices(request.success_url), Invoice, "invoice_id"),
    )
    return activities_of(kind, connections)
