"""Invoices at Moyasar, each known by `invoice_id` in its metadata. The connection is
`moyasar=https://SECRET:@api.moyasar.com`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from app.workflows.failures import validation_error
from app.workflows.outbound import Connections
from app.workflows.payments import InvoiceSyncInput
from app.workflows.sync.activities import Kind, activities_of
from app.workflows.sync.model import Outcome
from app.workflows.sync.sources import open_records
from app.workflows.sync.vendors import opening
from app.workflows.systems import HttpSystem

# One that was ended stands in nobody's way.
_ENDED = {"canceled", "expired", "voided", "failed"}
_OPEN = "initiated"


@dataclass(frozen=True)
class Invoice:
    invoice_id: str
    currency: str
    amount_due: int
    due_date: date | None = None
    number: str | None = None
    description: str | None = None


class Invoices:
    def __init__(self, success_url: str | None) -> None:
        self._success_url = success_url

    async def upsert(self, system: HttpSystem, record: Invoice) -> Outcome:
        held = await self._held(system, record.invoice_id)
        if held is not None:
            if (held.get("amount"), held.get("currency")) == (record.amount_due, record.currency):
                return "unchanged"
            if held.get("status") != _OPEN:
                raise validation_error(
                    f"Moyasar has invoice {record.invoice_id} as {held.get('status')}, over {held.get('amount')} "
                    f"{held.get('currency')} and not {record.amount_due} {record.currency}."
                )
            await system.call("PUT", f"v1/invoices/{held['id']}/cancel")
        body = {
            "amount": record.amount_due,
            "currency": record.currency,
            "description": record.description or f"Invoice {record.number or record.invoice_id}",
            "metadata": {"invoice_id": record.invoice_id},
            "expired_at": None if record.due_date is None else record.due_date.isoformat(),
            "success_url": self._success_url,
        }
        await system.call("POST", "v1/invoices", json={name: each for name, each in body.items() if each is not None})
        return "created" if held is None else "updated"

    async def _held(self, system: HttpSystem, invoice_id: str) -> dict[str, Any] | None:
        page: int | None = 1
        while page is not None:
            parameters = {"metadata[invoice_id]": invoice_id, "page": str(page)}
            answer = await system.call("GET", "v1/invoices", params=parameters)
            for each in answer.get("invoices", []):
                if (each.get("metadata") or {}).get("invoice_id") == invoice_id and each.get("status") not in _ENDED:
                    found: dict[str, Any] = each
                    return found
            following = (answer.get("meta") or {}).get("next_page")
            page = following if isinstance(following, int) and following > page else None
        return None


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    kind = Kind(
        "moyasar_invoices",
        InvoiceSyncInput,
        source=partial(open_records, key="invoice_id"),
        destination=opening(lambda request: Invoices(request.success_url), Invoice, "invoice_id"),
    )
    return activities_of(kind, connections)
