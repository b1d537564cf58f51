"""A case for every workflow type of the catalog: an input that it can be started with and does its work on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg

from tests.vendors import Vendors

TENANT = {"tenant_id": "default", "environment_id": "default"}
BOOKS = {"connection": "demo", "schema": "demo"}
INVOICES = {"kind": "http", "connection": "lists", "url": "/cursor", "pagination": "cursor"}

INVOICE: dict[str, Any] = {
    "invoice_id": "i-1",
    "currency": "EUR",
    "amount_due": 1250,
    "status": "open",
    "due_date": "2026-03-01",
    "customer_email": "ada@example.com",
    "customer_name": "Ada Lovelace",
}


def invoices(count: int) -> list[dict[str, Any]]:
    return [{**INVOICE, "invoice_id": f"i-{number:03}", "amount_due": 1000 + number} for number in range(count)]


def quotes(count: int) -> list[dict[str, Any]]:
    quote = {"title": "A quote", "currency": "EUR", "status": "draft", "expires_at": "2026-03-01"}
    return [{**quote, "quote_id": f"q-{number:03}"} for number in range(count)]


def prices(**changes: Any) -> dict[str, Any]:
    source = {"kind": "postgres", "connection": "demo", "table": "demo.plan_prices"}
    return {**TENANT, "source": source, "connection": "quickbooks", **changes}


def deals(**changes: Any) -> dict[str, Any]:
    source = {"kind": "postgres", "connection": "demo", "table": "demo.subscriptions"}
    return {**TENANT, "source": source, "connection": "hubspot", **changes}


def listed(connection: str, **changes: Any) -> dict[str, Any]:
    """Records of the list, to a vendor."""
    return {**TENANT, "source": INVOICES, "connection": connection, **changes}


def task(**changes: Any) -> dict[str, Any]:
    return {
        **TENANT,
        "file": {"format": "csv", "connection": "files", "path": "customers.csv"},
        "target": {"kind": "table", "connection": "demo", "table": "demo.customers", "key": ["customer_id"]},
        "report": {"connection": "files", "path": "reports/customers.jsonl"},
        **changes,
    }


def export(**changes: Any) -> dict[str, Any]:
    return {
        **TENANT,
        "query": "prices",
        "parameters": [{"name": "plan_id", "value": "plan-pro"}],
        "file": {"connection": "files", "path": "out/prices.csv"},
        **changes,
    }


def reprocess(**changes: Any) -> dict[str, Any]:
    return {
        **TENANT,
        "events": {"connection": "demo", "table": "demo.usage_events"},
        "target": {"connection": "lists", "url": "/take"},
        **changes,
    }


def onboarding(**changes: Any) -> dict[str, Any]:
    return {
        **TENANT,
        "books": BOOKS,
        "customer": {"customer_id": "ada", "name": "Ada Lovelace", "email": "ada@example.com"},
        "plan_id": "plan-pro",
        "notify": {"connection": "lists", "url": "/take"},
        **changes,
    }


def billing(**changes: Any) -> dict[str, Any]:
    return {**TENANT, "books": BOOKS, "payments": {"connection": "lists", "url": "/take"}, **changes}


CUSTOMERS = "customer_id,name,email\n" + "".join(
    f"new-{number:03},Customer {number},new-{number}@example.com\n" for number in range(250)
)

SUBSCRIPTION = {**TENANT, "books": BOOKS, "subscription_id": "sub-plan-enterprise-001"}
CASES: dict[str, dict[str, Any]] = {
    "QuickBooksPriceSyncWorkflow": prices(ids=[f"plan-pro-meter-{n:02}-eur-month" for n in range(1, 21)], page_size=5),
    "HubSpotDealSyncWorkflow": deals(page_size=3),
    "HubSpotInvoiceSyncWorkflow": listed("hubspot", page_size=5),
    "HubSpotQuoteSyncWorkflow": listed("hubspot", page_size=5, source={**INVOICES, "url": "/cursor/quotes"}),
    "NomodInvoiceSyncWorkflow": listed("nomod", page_size=5),
    "MoyasarInvoiceSyncWorkflow": listed("moyasar", page_size=5),
    "TaskProcessingWorkflow": task(page_size=50),
    "TaskProcessingWithProgressWorkflow": task(
        page_size=50,
        target={"kind": "http", "connection": "lists", "url": "/take/rows", "key": ["customer_id"]},
        report={"connection": "files", "path": "reports/posted.jsonl"},
    ),
    "ExecuteExportWorkflow": export(page_size=20),
    "ReprocessEventsWorkflow": reprocess(target={"connection": "lists", "url": "/take/events"}, page_size=5),
    "CustomerOnboardingWorkflow": onboarding(notify={"connection": "lists", "url": "/take/onboarded"}),
    "SubscriptionCreationWorkflow": {
        **SUBSCRIPTION,
        "subscription_id": "sub-new",
        "customer_id": "cust-plan-pro-001",
        "plan_id": "plan-pro",
    },
    "SubscriptionChangeWorkflow": {
        **SUBSCRIPTION,
        "subscription_id": "sub-plan-starter-002",
        "plan_id": "plan-pro",
        "at": "2026-01-16T12:00:00+00:00",
    },
    "CalculationWorkflow": SUBSCRIPTION,
    "ProcessSubscriptionBillingWorkflow": billing(**SUBSCRIPTION, as_of="2026-02-15T00:00:00+00:00"),
    "ProcessInvoiceWorkflow": billing(invoice_id="inv-draft", payments={"connection": "lists", "url": "/take/payment"}),
    "ScheduleSubscriptionBillingWorkflow": billing(as_of="2026-02-15T00:00:00+00:00", concurrency=4),
    "BillingWorkflow": billing(as_of="2026-02-15T00:00:00+00:00", concurrency=4),
}
"""An input of each type on which its work is done in several steps, where `furnish` has been."""


async def furnish(database: str, folder: Path, vendors: Vendors) -> None:
    """What the cases need beside the demo: line items, a draft invoice, a file of rows, lists of records."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            """insert into demo.subscription_prices
               select s.tenant_id, s.environment_id, s.subscription_id, p.price_id, p.plan_id, p.amount, p.currency,
                   p."interval", p.updated_at
               from demo.subscriptions s join demo.plan_prices p
                   using (tenant_id, environment_id, plan_id, currency, "interval")
               where s.plan_id <> 'plan-starter' on conflict do nothing"""
        )
        await connection.execute(
            """delete from demo.subscriptions where plan_id = 'plan-pro' and subscription_id > 'sub-plan-pro-003'
               or plan_id = 'plan-starter' and subscription_id <> 'sub-plan-starter-002'"""
        )
        await connection.execute(
            """insert into demo.invoices
               values ('default', 'default', 'inv-draft', 's', 'c', 'EUR', 'draft', now(), now(), 9)"""
        )
    finally:
        await connection.close()
    (folder / "customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    vendors.records = [{**one, **other} for one, other in zip(invoices(20), quotes(20), strict=True)]
