"""Invoices to the payment services Nomod and Moyasar, where customers pay them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from app.workflows.entry import Entry
    from app.workflows.sync.checks import Problem, sync_problems
    from app.workflows.sync.model import SyncInput, SyncResult
    from app.workflows.sync.run import PHASES, Plan, synchronise


@dataclass(frozen=True)
class InvoiceSyncInput(SyncInput):
    """Bring invoices to a payment service. An invoice has invoice_id, currency, amount_due in minor units, due_date,
    customer_email, customer_name and, where there are, number and description."""

    success_url: str | None = None
    """Where a customer is led to who has paid."""


def problems(request: InvoiceSyncInput) -> Iterator[Problem]:
    yield from sync_problems(request)
    if request.success_url is not None and urlsplit(request.success_url).scheme != "https":
        yield ("success_url",), f"success_url must be an https URL; it is {request.success_url!r}."


@workflow.defn(name="NomodInvoiceSyncWorkflow", failure_exception_types=[TypeError])
class NomodInvoiceSyncWorkflow:
    """Brings invoices to Nomod, each once, with the customer made there where it is not known yet.

    An invoice that is there with another amount is refused: Nomod changes none that it has issued.
    """

    @workflow.run
    async def run(self, request: InvoiceSyncInput) -> SyncResult:
        return await synchronise(Plan("nomod_invoices", "invoices", problems), request)


@workflow.defn(name="MoyasarInvoiceSyncWorkflow", failure_exception_types=[TypeError])
class MoyasarInvoiceSyncWorkflow:
    """Brings invoices to Moyasar, each once. One that has changed and is not paid is canceled there and made anew."""

    @workflow.run
    async def run(self, request: InvoiceSyncInput) -> SyncResult:
        return await synchronise(Plan("moyasar_invoices", "invoices", problems), request)


WORKFLOWS = tuple(
    Entry(
        workflow=each,
        task_queue=queue,
        activities=f"app.workflows.sync.{queue}:activities",
        check=problems,
        phases=PHASES,
        tenant_field="tenant_id",
        environment_field="environment_id",
    )
    for each, queue in ((NomodInvoiceSyncWorkflow, "nomod"), (MoyasarInvoiceSyncWorkflow, "moyasar"))
)
