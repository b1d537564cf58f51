"""A small billing system to try the catalog on, in the schema `demo`.

- `demo.plan_prices`: the prices of a plan, one per meter, currency and billing interval
- `demo.subscriptions`: who pays for which plan, in which currency and interval
- `demo.subscription_prices`: the line items, empty until a price synchronisation fills them
- `demo.customers`, `demo.usage_events`, `demo.adjustments`, `demo.invoices`: what billing needs beside those
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg


@dataclass(frozen=True, slots=True)
class Plan:
    plan_id: str
    meters: int
    subscriptions: int


PLANS = (Plan("plan-starter", 6, 40), Plan("plan-pro", 20, 30), Plan("plan-enterprise", 40, 8))
_MARKETS = tuple((currency, interval) for currency in ("EUR", "GBP", "USD") for interval in ("month", "year"))
_PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)

_SCHEMA = """
create schema if not exists demo;
create table if not exists demo.plan_prices (
    tenant_id text not null, environment_id text not null, plan_id text not null, price_id text not null,
    amount bigint not null, currency text not null, "interval" text not null, updated_at timestamptz not null,
    primary key (tenant_id, environment_id, plan_id, price_id)
);
create table if not exists demo.subscriptions (
    tenant_id text not null, environment_id text not null, subscription_id text not null,
    plan_id text not null, currency text not null, "interval" text not null, status text not null,
    primary key (tenant_id, environment_id, subscription_id)
);
create index if not exists subscriptions_of_plan on demo.subscriptions (tenant_id, environment_id, plan_id);
create table if not exists demo.subscription_prices (
    tenant_id text not null, environment_id text not null, subscription_id text not null,
    price_id text not null, plan_id text not null,
    amount bigint not null, currency text not null, "interval" text not null,
    updated_at timestamptz not null,
    primary key (tenant_id, environment_id, subscription_id, price_id)
);
create index if not exists subscription_prices_of_plan
    on demo.subscription_prices (tenant_id, environment_id, plan_id);
alter table demo.subscriptions add column if not exists customer_id text,
    add column if not exists period_start timestamptz, add column if not exists period_end timestamptz;
create table if not exists demo.customers (
    tenant_id text not null, environment_id text not null, customer_id text not null,
    name text not null, email text not null, created_at timestamptz not null default now(),
    primary key (tenant_id, environment_id, customer_id)
);
create table if not exists demo.usage_events (
    tenant_id text not null, environment_id text not null, event_id text not null,
    subscription_id text not null, meter text not null, quantity numeric not null, unit_amount bigint not null,
    occurred_at timestamptz not null, status text not null default 'processed',
    attempts integer not null default 0, last_error text,
    primary key (tenant_id, environment_id, event_id)
);
create index if not exists usage_of_subscription
    on demo.usage_events (tenant_id, environment_id, subscription_id, occurred_at);
create table if not exists demo.adjustments (
    tenant_id text not null, environment_id text not null, adjustment_id text not null,
    subscription_id text not null, description text not null, amount bigint not null, invoice_id text,
    primary key (tenant_id, environment_id, adjustment_id)
);
create table if not exists demo.invoices (
    tenant_id text not null, environment_id text not null, invoice_id text not null,
    subscription_id text not null, customer_id text, currency text not null, status text not null,
    period_start timestamptz not null, period_end timestamptz not null,
    amount_due bigint not null, lines jsonb not null default '[]', due_date date,
    finalized_at timestamptz, paid_at timestamptz, payment_reference text,
    primary key (tenant_id, environment_id, invoice_id)
);
"""


async def seed(connection_url: str, tenant: str = "default", environment: str = "default") -> None:
    """Create what is absent and leave the rest alone; safe for any number at once.

    Raises asyncpg's errors and OSError.
    """
    connection = await asyncpg.connect(  # type: ignore[no-untyped-call]
        connection_url, timeout=10, command_timeout=30
    )
    try:
        async with connection.transaction():
            # `create ... if not exists` of two sessions at once can fail; the lock ends with the transaction.
            await connection.execute("select pg_advisory_xact_lock(hashtext('demo'))")
            # A table that exists is told by a notice each; nobody needs to hear it.
            await connection.execute("set local client_min_messages = warning")
            await connection.execute(_SCHEMA)
            await connection.executemany(
                "insert into demo.plan_prices values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
                [(tenant, environment, *row) for plan in PLANS for row in _prices(plan)],
            )
            await connection.executemany(
                """insert into demo.subscriptions (tenant_id, environment_id, subscription_id, plan_id, currency,
                   "interval", status, customer_id, period_start, period_end)
                   values ($1, $2, $3, $4, $5, $6, 'active', $7, $8::timestamptz,
                       $8::timestamptz + ('1 ' || $6::text)::interval)
                   on conflict (tenant_id, environment_id, subscription_id) do update
                   set customer_id = excluded.customer_id, period_start = excluded.period_start,
                       period_end = excluded.period_end
                   where subscriptions.period_end is null""",
                [(tenant, environment, *row) for plan in PLANS for row in _subscriptions(plan)],
            )
            await connection.executemany(
                "insert into demo.customers values ($1, $2, $3, $4, $5) on conflict do nothing",
                [(tenant, environment, *row) for plan in PLANS for row in _customers(plan)],
            )
            await connection.executemany(
                "insert into demo.usage_events values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
                [(tenant, environment, *row) for plan in PLANS for row in _events(plan)],
            )
    finally:
        await connection.close(timeout=5)


def _prices(plan: Plan) -> Iterator[tuple[str, str, int, str, str, datetime]]:
    for meter in range(1, plan.meters + 1):
        for currency, interval in _MARKETS:
            price_id = f"{plan.plan_id}-meter-{meter:02}-{currency}-{interval}".lower()
            amount = (500 + 75 * meter) * (10 if interval == "year" else 1)
            yield plan.plan_id, price_id, amount, currency, interval, _PUBLISHED


def _subscriptions(plan: Plan) -> Iterator[tuple[str, str, str, str, str, datetime]]:
    for number in range(plan.subscriptions):
        currency, interval = _MARKETS[number % len(_MARKETS)]
        customer = f"cust-{plan.plan_id}-{number + 1:03}"
        yield f"sub-{plan.plan_id}-{number + 1:03}", plan.plan_id, currency, interval, customer, _PUBLISHED


def _customers(plan: Plan) -> Iterator[tuple[str, str, str]]:
    for number in range(plan.subscriptions):
        customer = f"cust-{plan.plan_id}-{number + 1:03}"
        yield customer, f"Customer {number + 1} of {plan.plan_id}", f"{customer}@example.com"


def _events(plan: Plan) -> Iterator[tuple[str, str, str, int, int, datetime, str]]:
    """Two meters for each subscription in its first month; every tenth event was not taken at its time."""
    for number in range(plan.subscriptions):
        for meter, (name, unit) in enumerate((("api-calls", 2), ("storage-gb", 15))):
            status = "failed" if (2 * number + meter) % 10 == 9 else "processed"
            event = f"event-{plan.plan_id}-{number + 1:03}-{name}"
            occurred = _PUBLISHED + timedelta(days=3 + number % 20)
            yield event, f"sub-{plan.plan_id}-{number + 1:03}", name, 100 + number, unit, occurred, status
