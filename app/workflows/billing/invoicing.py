"""From the period that has ended to the invoice that is paid: schedule, process, calculate."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from app.workflows.billing.model import (
        BillingResult,
        CalculationInput,
        Charges,
        FailedBilling,
        Invoice,
        InvoiceResult,
        ProcessInvoiceInput,
        ProcessSubscriptionBillingInput,
        ScheduleResult,
        ScheduleSubscriptionBillingInput,
        Subscription,
    )
    from app.workflows.billing.problems import problems
    from app.workflows.billing.steps import now, reached, step, validate
    from app.workflows.entry import Entry
    from app.workflows.publishing import carried, go_on, percent_of, phase, publish_phase, publish_progress, refuse

SUBSCRIPTION_BILLING = "subscription-billing"
INVOICES = "invoices"
PAGE = 100
_MOST_FAILURES = 20


@workflow.defn(name="CalculationWorkflow", failure_exception_types=[TypeError])
class CalculationWorkflow:
    """Calculates the charges and fees of a subscription for a period, and changes nothing."""

    @workflow.run
    async def run(self, request: CalculationInput) -> Charges:
        validate(request)
        with phase("calculate"):
            charges: Charges = await step("calculate_charges", request, "", result=Charges)
        reached(2, 2, "calculate", f"{len(charges.lines)} lines, {charges.total} {charges.currency} in minor units")
        return charges


@workflow.defn(name="ProcessInvoiceWorkflow", failure_exception_types=[TypeError])
class ProcessInvoiceWorkflow:
    """Issues a draft invoice and collects its payment. An invoice that is paid stays as it is; one whose payment is
    refused stays open, with the reason in the result."""

    @workflow.run
    async def run(self, request: ProcessInvoiceInput) -> InvoiceResult:
        validate(request)
        with phase("finalise"):
            invoice: Invoice = await step("finalise_invoice", request, result=Invoice)
        reached(2, 3, "finalise", f"Invoice {invoice.invoice_id} is {invoice.status}")
        result = InvoiceResult(invoice.invoice_id, invoice.status, invoice.amount_due, invoice.currency)
        if request.payments is None or invoice.status != "open" or invoice.amount_due == 0:
            publish_phase("collect", "skipped")
        else:
            with phase("collect"):
                result = await step("collect_payment", request, invoice, result=InvoiceResult)
        reached(3, 3, "collect", f"Invoice {result.invoice_id} is {result.status}")
        return result


@workflow.defn(name="ProcessSubscriptionBillingWorkflow", failure_exception_types=[TypeError])
class ProcessSubscriptionBillingWorkflow:
    """Bills a subscription for its current period: calculates, drafts the invoice, has it processed, and goes into the
    next period. A subscription that is not active, or whose period goes on, is left alone."""

    @workflow.run
    async def run(self, request: ProcessSubscriptionBillingInput) -> BillingResult:
        validate(request)
        with phase("check"):
            held: Subscription = await step("check_subscription", request, result=Subscription)
        if reason := _not_due(held, request.as_of or now()):
            for name in ("calculate", "draft", "invoice", "advance"):
                publish_phase(name, "skipped")
            return BillingResult(request.subscription_id, billed=False, reason=reason)
        invoice_id = f"inv-{held.subscription_id}-{held.period_start:%Y%m%d}"
        period = CalculationInput(
            request.tenant_id,
            request.environment_id,
            request.books,
            request.subscription_id,
            held.period_start,
            held.period_end,
        )
        with phase("calculate"):
            charges: Charges = await step("calculate_charges", period, invoice_id, result=Charges)
        reached(3, 6, "calculate", f"{len(charges.lines)} lines")
        with phase("draft"):
            await step("create_draft_invoice", request, invoice_id, charges, result=Invoice)
        reached(4, 6, "draft", f"Invoice {invoice_id} over {charges.total} {charges.currency} in minor units")
        with phase("invoice"):
            result = await self._process(request, invoice_id)
        reached(5, 6, "invoice", f"Invoice {invoice_id} is {result.status}")
        with phase("advance"):
            await step("advance_period", request, held.period_end)
        reached(6, 6, "advance", f"Invoice {invoice_id} is {result.status}")
        return BillingResult(request.subscription_id, billed=True, invoice=result)

    async def _process(self, request: ProcessSubscriptionBillingInput, invoice_id: str) -> InvoiceResult:
        wanted = ProcessInvoiceInput(
            request.tenant_id, request.environment_id, request.books, invoice_id, request.payments, request.due_days
        )
        result: InvoiceResult = await workflow.execute_child_workflow(
            ProcessInvoiceWorkflow.run,
            wanted,
            id=f"{workflow.info().workflow_id}/{invoice_id}",
            task_queue=_queue(INVOICES, SUBSCRIPTION_BILLING),
            memo=_whose(request),
        )
        return result


@dataclass(frozen=True)
class Place:
    """What a run of the schedule hands to the next one."""

    as_of: datetime
    behind: str
    due: int
    result: ScheduleResult


@workflow.defn(name="ScheduleSubscriptionBillingWorkflow", failure_exception_types=[TypeError])
class ScheduleSubscriptionBillingWorkflow:
    """Bills every subscription whose period has ended, some at once, each in a run of its own. One that fails is told
    in the result and holds up no other."""

    @workflow.run
    async def run(self, request: ScheduleSubscriptionBillingInput) -> ScheduleResult:
        return await _schedule(request)


@workflow.defn(name="BillingWorkflow", failure_exception_types=[TypeError])
class BillingWorkflow:
    """ScheduleSubscriptionBillingWorkflow under the name and on the queue of billing by cron."""

    @workflow.run
    async def run(self, request: ScheduleSubscriptionBillingInput) -> ScheduleResult:
        return await _schedule(request)


async def _schedule(request: ScheduleSubscriptionBillingInput) -> ScheduleResult:
    place = carried(Place)
    if place is None:
        validate(request)
        as_of = request.as_of or now()
        with phase("find"):
            due = await step("count_due_subscriptions", request, as_of, result=int)
        place = Place(as_of, "", due, ScheduleResult(0, 0, 0, 0))
    else:
        refuse(problems(request))
    with phase("bill"):
        while page := await _due(request, place):
            place = await _bill(request, place, page)
            if workflow.info().is_continue_as_new_suggested():
                go_on(request, place)
    publish_progress("bill", 100.0, _said(place.result), place.result.subscriptions, place.due)
    return place.result


async def _due(request: ScheduleSubscriptionBillingInput, place: Place) -> list[Subscription]:
    args = (request, place.as_of, place.behind, PAGE)
    page: list[Subscription] = await step("list_due_subscriptions", *args, result=list[Subscription])
    return page


async def _bill(request: ScheduleSubscriptionBillingInput, place: Place, page: list[Subscription]) -> Place:
    """Bill a page of subscriptions; the first that is out of turn does not hold up the others."""
    gate, result = asyncio.Semaphore(request.concurrency), place.result

    async def bill(subscription: Subscription) -> BillingResult | FailedBilling:
        async with gate:
            return await _bill_one(request, place.as_of, subscription)

    tasks = [asyncio.ensure_future(bill(each)) for each in page]
    for done in workflow.as_completed(tasks):
        result = _with(result, await done)
        percent = percent_of(result.subscriptions, place.due)
        if result.subscriptions % max(1, len(page) // 20) == 0:
            publish_progress("bill", percent, _said(result), result.subscriptions, place.due)
    return replace(place, behind=page[-1].subscription_id, result=result)


async def _bill_one(
    request: ScheduleSubscriptionBillingInput, as_of: datetime, subscription: Subscription
) -> BillingResult | FailedBilling:
    wanted = ProcessSubscriptionBillingInput(
        request.tenant_id,
        request.environment_id,
        request.books,
        subscription.subscription_id,
        as_of,
        request.payments,
        request.due_days,
    )
    whose = f"{request.tenant_id}/{request.environment_id}/{subscription.subscription_id}"
    try:
        result: BillingResult = await workflow.execute_child_workflow(
            ProcessSubscriptionBillingWorkflow.run,
            wanted,
            # The same period is never billed by two runs at once.
            id=f"billing/{whose}/{subscription.period_end:%Y-%m-%d}",
            task_queue=_queue(SUBSCRIPTION_BILLING, "schedule-billing", "billing"),
            memo=_whose(request),
        )
    except WorkflowAlreadyStartedError:
        return BillingResult(subscription.subscription_id, billed=False, reason="Another run bills it at this moment.")
    except ChildWorkflowError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ApplicationError):
            cause = cause.__cause__
        return FailedBilling(subscription.subscription_id, str(cause or error)[:300])
    return result


def _with(result: ScheduleResult, one: BillingResult | FailedBilling) -> ScheduleResult:
    failed = isinstance(one, FailedBilling)
    return replace(
        result,
        subscriptions=result.subscriptions + 1,
        billed=result.billed + (isinstance(one, BillingResult) and one.billed),
        skipped=result.skipped + (isinstance(one, BillingResult) and not one.billed),
        failed=result.failed + failed,
        failures=(*result.failures, *([one] if isinstance(one, FailedBilling) else []))[:_MOST_FAILURES],
    )


def _said(result: ScheduleResult) -> str:
    return (
        f"{result.subscriptions} subscriptions: {result.billed} billed, {result.skipped} left alone, "
        f"{result.failed} failed"
    )


def _not_due(held: Subscription, as_of: datetime) -> str | None:
    if held.status != "active":
        return f"The subscription is {held.status}."
    if held.period_end > as_of:
        return f"Its period ends {held.period_end.isoformat()}."
    return None


def _whose(request: ProcessSubscriptionBillingInput | ScheduleSubscriptionBillingInput) -> dict[str, str]:
    """The memo of a child, so that it belongs to the tenant of its parent."""
    return {"tenant": request.tenant_id, "environment": request.environment_id}


def _queue(wanted: str, *own: str) -> str | None:
    """A child's own queue, where this run is on its usual one; else the queue that this run was given."""
    return wanted if workflow.info().task_queue in own else None


def _entry(kind: type, queue: str, *phases: str) -> Entry:
    return Entry(
        workflow=kind,
        task_queue=queue,
        activities="app.workflows.billing.activities:activities",
        check=problems,
        phases=("validate", *phases),
        tenant_field="tenant_id",
        environment_field="environment_id",
    )


WORKFLOWS = (
    _entry(ScheduleSubscriptionBillingWorkflow, "schedule-billing", "find", "bill"),
    _entry(BillingWorkflow, "billing", "find", "bill"),
    _entry(
        ProcessSubscriptionBillingWorkflow, SUBSCRIPTION_BILLING, "check", "calculate", "draft", "invoice", "advance"
    ),
    _entry(ProcessInvoiceWorkflow, INVOICES, "finalise", "collect"),
    _entry(CalculationWorkflow, "calculation", "calculate"),
)
