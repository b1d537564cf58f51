"""A case for every workflow type of the catalog: an input that it can be started with and does its work on."""

from __future__ import annotations

from typing import Any

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
