"""The activities of billing, bound to the connections of their worker."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from app.workflows.beating import beats
from app.workflows.billing.books import open_books
from app.workflows.billing.model import (
    CalculationInput,
    ChangeResult,
    Charges,
    CustomerOnboardingInput,
    Invoice,
    InvoiceResult,
    OnboardingResult,
    ProcessInvoiceInput,
    ProcessSubscriptionBillingInput,
    ScheduleSubscriptionBillingInput,
    Subscription,
    SubscriptionChangeInput,
    SubscriptionCreationInput,
)
from app.workflows.billing.proration import remaining
from app.workflows.failures import validation_error
from app.workflows.outbound import Connections
from app.workflows.systems import http_system


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    """What a worker registers."""
    bound = BillingActivities(connections)
    return [
        getattr(bound, name) for name in dir(bound) if hasattr(getattr(bound, name), "__temporal_activity_definition")
    ]


class BillingActivities:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @activity.defn
    @beats
    async def count_due_subscriptions(self, request: ScheduleSubscriptionBillingInput, as_of: datetime) -> int:
        async with open_books(request, self._connections) as books:
            return await books.count_due(as_of)

    @activity.defn
    @beats
    async def list_due_subscriptions(
        self, request: ScheduleSubscriptionBillingInput, as_of: datetime, behind: str, limit: int
    ) -> list[Subscription]:
        """Those behind the subscription `behind`."""
        async with open_books(request, self._connections) as books:
            return await books.due(as_of, behind, limit)

    @activity.defn
    @beats
    async def check_subscription(self, request: ProcessSubscriptionBillingInput) -> Subscription:
        async with open_books(request, self._connections) as books:
            return await books.subscription(request.subscription_id)

    @activity.defn
    @beats
    async def calculate_charges(self, request: CalculationInput, invoice_id: str) -> Charges:
        """With the adjustments that are on that invoice or on none."""
        async with open_books(request, self._connections) as books:
            subscription = await books.subscription(request.subscription_id)
            start, end = request.start or subscription.period_start, request.end or subscription.period_end
            if start >= end:
                raise validation_error(f"The period begins {start.isoformat()} and must end after that.")
            return await books.charges(subscription, start, end, invoice_id)

    @activity.defn
    @beats
    async def create_draft_invoice(
        self, request: ProcessSubscriptionBillingInput, invoice_id: str, charges: Charges
    ) -> Invoice:
        async with open_books(request, self._connections) as books:
            return await books.draft(invoice_id, charges)

    @activity.defn
    @beats
    async def advance_period(self, request: ProcessSubscriptionBillingInput, period_end: datetime) -> None:
        async with open_books(request, self._connections) as books:
            await books.advance(request.subscription_id, period_end)

    @activity.defn
    @beats
    async def finalise_invoice(self, request: ProcessInvoiceInput) -> Invoice:
        async with open_books(request, self._connections) as books:
            return await books.finalise(request.invoice_id, request.due_days)

    @activity.defn
    @beats
    async def collect_payment(self, request: ProcessInvoiceInput, invoice: Invoice) -> InvoiceResult:
        """Ask for the payment, by a key that asks once, and note that it was made.

        The endpoint is posted `{"invoice_id", "customer_id", "amount", "currency"}` and answers `{"reference"}`; a
        refusal of the payment is 402.
        """
        assert request.payments is not None
        body = {
            "invoice_id": invoice.invoice_id,
            "customer_id": invoice.customer_id,
            "amount": invoice.amount_due,
            "currency": invoice.currency,
        }
        try:
            answer = await self._post(request, request.payments.url, request.payments.connection, "payment", body)
        except ApplicationError as error:
            if error.type == "PaymentRequiredError":
                return _result(invoice, declined=error.message)
            raise
        if not isinstance(answer, dict) or not isinstance(answer.get("reference"), str):
            raise validation_error("The payment endpoint must answer reference, a string.")
        async with open_books(request, self._connections) as books:
            return _result(await books.paid(invoice.invoice_id, answer["reference"]))

    @activity.defn
    @beats
    async def create_customer(self, request: CustomerOnboardingInput) -> bool:
        """Whether it was not there before."""
        async with open_books(request, self._connections) as books:
            return await books.enter(request.customer)

    @activity.defn
    @beats
    async def compensate_customer(self, request: CustomerOnboardingInput) -> None:
        """Take the customer away again that has no subscription."""
        async with open_books(request, self._connections) as books:
            await books.remove(request.customer.customer_id)

    @activity.defn
    @beats
    async def create_subscription(self, request: SubscriptionCreationInput, start: datetime) -> Subscription:
        async with open_books(request, self._connections) as books:
            return await books.subscribe(request, start)

    @activity.defn
    @beats
    async def notify_onboarded(self, request: CustomerOnboardingInput, result: OnboardingResult) -> None:
        assert request.notify is not None
        body = asdict(request.customer) | {
            "subscription_id": result.subscription_id,
            "period_end": result.period_end.isoformat(),
        }
        await self._post(request, request.notify.url, request.notify.connection, "onboarded", body)

    @activity.defn
    @beats
    async def quote_change(self, request: SubscriptionChangeInput, at: datetime) -> ChangeResult:
        """What the change will credit and charge."""
        async with open_books(request, self._connections) as books:
            held = await books.subscription(request.subscription_id)
            if not held.period_start <= at <= held.period_end:
                raise validation_error(f"{at.isoformat()} is not within the current period of the subscription.")
            if held.plan_id == request.plan_id:
                raise validation_error(
                    f"Subscription {request.subscription_id!r} is on plan {request.plan_id!r} already."
                )
            old = await books.fees(held.plan_id, held.currency, held.interval)
            new = await books.fees(request.plan_id, held.currency, held.interval)
        credit, charge = (
            remaining(fee, held.period_start, held.period_end, at) if request.prorate else 0 for fee in (old, new)
        )
        return ChangeResult(request.subscription_id, held.plan_id, request.plan_id, credit, charge)

    @activity.defn
    @beats
    async def apply_change(self, request: SubscriptionChangeInput, change: ChangeResult, change_id: str) -> None:
        async with open_books(request, self._connections) as books:
            await books.change(change, change_id)

    async def _post(self, request: Any, url: str, connection: str | None, what: str, body: dict[str, Any]) -> Any:
        """Post once, however often it is tried."""
        subject = body.get("invoice_id") or body["customer_id"]
        identity = "\n".join((what, request.tenant_id, request.environment_id, subject))
        headers = {"Idempotency-Key": str(uuid.uuid5(uuid.NAMESPACE_OID, identity))}
        async with http_system(self._connections, url, connection) as system:
            response = await system.answer("POST", json=body, headers=headers)
            return system.json(response) if response.content else None


def _result(invoice: Invoice, declined: str | None = None) -> InvoiceResult:
    return InvoiceResult(invoice.invoice_id, invoice.status, invoice.amount_due, invoice.currency, declined)
