"""Billing against a real Temporal, a real Postgres and a payment endpoint on a real socket."""

from __future__ import annotations

import asyncpg
import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests import catalog
from tests.integration.test_syncs import Room, room, vendors  # noqa: F401 - fixtures

SUBSCRIPTION = "sub-plan-pro-001"


async def priced(room: Room) -> None:  # noqa: F811
    """The line items that a price synchronisation makes."""
    connection = await asyncpg.connect(room.database)
    try:
        await connection.execute(
            """insert into demo.subscription_prices
               select s.tenant_id, s.environment_id, s.subscription_id, p.price_id, p.plan_id, p.amount, p.currency,
                   p."interval", p.updated_at
               from demo.subscriptions s join demo.plan_prices p
                   using (tenant_id, environment_id, plan_id, currency, "interval")"""
        )
    finally:
        await connection.close()


async def test_a_period_is_billed_once_and_the_next_one_follows(room: Room) -> None:  # noqa: F811
    await priced(room)
    request = catalog.billing(subscription_id=SUBSCRIPTION, as_of="2026-02-15T00:00:00+00:00")
    result = await room.result("ProcessSubscriptionBillingWorkflow", request)
    invoice = result["invoice"]
    # Twenty meters of 500 + 75 n, a hundred calls at 2 and a hundred gigabytes at 15.
    total = sum(500 + 75 * meter for meter in range(1, 21)) + 100 * 2 + 100 * 15
    assert (result["billed"], invoice["status"], invoice["amount_due"]) == (True, "paid", total)
    again = await room.result("ProcessSubscriptionBillingWorkflow", request)
    assert (again["billed"], again["reason"]) == (False, "Its period ends 2026-03-01T00:00:00+00:00.")
    assert await room.sql("select count(*) from demo.invoices") == 1
    assert len(set(room.vendors.keys)) == 1
    paid = await room.result("ProcessInvoiceWorkflow", catalog.billing(invoice_id=invoice["invoice_id"]))
    assert (paid["status"], len(room.vendors.keys)) == ("paid", 1)


async def test_a_payment_that_is_refused_leaves_the_invoice_open(room: Room) -> None:  # noqa: F811
    await room.sql(
        """insert into demo.invoices values ('default', 'default', 'i-402', 's', 'c', 'EUR', 'draft', now(), now(), 402)
           returning 1"""
    )
    result = await room.result("ProcessInvoiceWorkflow", catalog.billing(invoice_id="i-402"))
    assert (result["status"], "402" in result["declined"]) == ("open", True)


async def test_every_subscription_that_is_due_is_billed_and_one_that_fails_holds_up_none(room: Room) -> None:  # noqa: F811
    await priced(room)
    await room.sql(
        """with gone as (delete from demo.subscription_prices where subscription_id = 'sub-plan-pro-007' returning 1)
           select 1"""
    )
    request = catalog.billing(as_of="2026-02-15T00:00:00+00:00")
    result = await room.result("ScheduleSubscriptionBillingWorkflow", request)
    monthly = await room.sql("""select count(*) from demo.subscriptions where "interval" = 'month'""")
    assert (result["subscriptions"], result["billed"], result["failed"]) == (monthly, monthly - 1, 1)
    assert result["failures"][0]["subscription_id"] == "sub-plan-pro-007"
    assert "has no prices" in result["failures"][0]["message"]
    second = await room.result("BillingWorkflow", request)
    assert (second["subscriptions"], second["billed"]) == (1, 0)


async def test_charges_are_calculated_and_nothing_is_changed(room: Room) -> None:  # noqa: F811
    await priced(room)
    request = {**catalog.TENANT, "books": catalog.BOOKS, "subscription_id": SUBSCRIPTION}
    charges = await room.result("CalculationWorkflow", request)
    assert [each["kind"] for each in charges["lines"]] == ["fee"] * 20 + ["usage"] * 2
    assert charges["total"] == sum(each["amount"] for each in charges["lines"])
    assert await room.sql("select count(*) from demo.invoices") == 0


async def test_a_change_of_plan_is_settled_on_the_next_invoice(room: Room) -> None:  # noqa: F811
    await priced(room)
    change = {
        **catalog.TENANT,
        "books": catalog.BOOKS,
        "subscription_id": SUBSCRIPTION,
        "plan_id": "plan-starter",
        "at": "2026-01-16T12:00:00+00:00",
    }
    result = await room.result("SubscriptionChangeWorkflow", change)
    pro, starter = (sum(500 + 75 * meter for meter in range(1, each + 1)) for each in (20, 6))
    assert (result["credit"], result["charge"]) == (round(pro / 2), round(starter / 2))
    request = catalog.billing(subscription_id=SUBSCRIPTION, as_of="2026-02-15T00:00:00+00:00")
    billed = await room.result("ProcessSubscriptionBillingWorkflow", request)
    expected = starter + 200 + 1500 - result["credit"] + result["charge"]
    assert billed["invoice"]["amount_due"] == max(0, expected)
    carried = await room.sql("select coalesce(sum(amount), 0) from demo.adjustments where invoice_id is null")
    assert carried == min(0, expected), "what is credited beyond an invoice is for the next one"


async def test_a_customer_is_taken_on(room: Room) -> None:  # noqa: F811
    result = await room.result("CustomerOnboardingWorkflow", catalog.onboarding())
    assert result["subscription_id"] == "sub-ada-plan-pro"
    assert (
        await room.sql("select count(*) from demo.subscription_prices where subscription_id = 'sub-ada-plan-pro'") == 20
    )
    assert len(room.vendors.held("taken")) == 1


async def test_onboarding_that_fails_takes_the_customer_away_again(room: Room) -> None:  # noqa: F811
    with pytest.raises(WorkflowFailureError) as caught:
        await room.result("CustomerOnboardingWorkflow", catalog.onboarding(plan_id="plan-unknown"))
    cause: BaseException | None = caught.value
    while cause is not None and not isinstance(cause, ApplicationError):
        cause = cause.__cause__
    assert isinstance(cause, ApplicationError)
    assert cause.type == "NotFoundError"
    assert await room.sql("select count(*) from demo.customers where customer_id = 'ada'") == 0
