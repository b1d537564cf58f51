"""The tables of the billing system. Every statement can be done twice and is then as if done once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from app.workflows.billing import model
from app.workflows.billing.model import Charges, Customer, Invoice, Line, Subscription
from app.workflows.failures import not_found_error, validation_error
from app.workflows.outbound import Connections
from app.workflows.systems import PostgresSystem, postgres_system, quoted

_SUBSCRIPTION = """subscription_id, customer_id, plan_id, currency, "interval", status, period_start, period_end"""
_INVOICE = "invoice_id, status, currency, amount_due, customer_id, payment_reference"

_LINES = """
select kind, description, quantity, amount from (
    select 1 as place, 'fee' as kind, price_id as description, 1::float8 as quantity, amount
    from {s}.subscription_prices where tenant_id = $1 and environment_id = $2 and subscription_id = $3
    union all
    select 2, 'usage', meter, sum(quantity)::float8, round(sum(quantity * unit_amount))::bigint
    from {s}.usage_events where tenant_id = $1 and environment_id = $2 and subscription_id = $3
        and occurred_at >= $4 and occurred_at < $5
    group by meter
    union all
    select 3, 'adjustment', description, 1, amount
    from {s}.adjustments where tenant_id = $1 and environment_id = $2 and subscription_id = $3
        and (invoice_id is null or invoice_id = $6) and adjustment_id <> $6::text || '/carried'
) line order by place, description
"""
# A draft is brought up to date, an invoice that was issued is left as it is; adjustments go on one invoice only, and
# what they credit beyond its amount is for the next one.
_DRAFT = """
with held as (
    insert into {s}.invoices as held (tenant_id, environment_id, invoice_id, subscription_id, customer_id, currency,
        status, period_start, period_end, amount_due, lines)
    select $1, $2, $3, subscription_id, customer_id, $5, 'draft', $6, $7, $8, $9
    from {s}.subscriptions where tenant_id = $1 and environment_id = $2 and subscription_id = $4
    on conflict (tenant_id, environment_id, invoice_id) do update
        set amount_due = case held.status when 'draft' then excluded.amount_due else held.amount_due end,
            lines = case held.status when 'draft' then excluded.lines else held.lines end
    returning {invoice}
), settled as (
    update {s}.adjustments set invoice_id = $3
    where tenant_id = $1 and environment_id = $2 and subscription_id = $4 and invoice_id is null
        and adjustment_id <> $3::text || '/carried' and exists (select 1 from held where status = 'draft')
), carried as (
    insert into {s}.adjustments (tenant_id, environment_id, adjustment_id, subscription_id, description, amount)
    select $1, $2, $3::text || '/carried', $4, 'Credit of ' || $3::text, $10::bigint
    from held where $10::bigint < 0 and status = 'draft'
    on conflict (tenant_id, environment_id, adjustment_id) do update set amount = excluded.amount
)
select {invoice} from held
"""
_CREATE = """
with subscribed as (
    insert into {s}.subscriptions (tenant_id, environment_id, subscription_id, customer_id, plan_id, currency,
        "interval", status, period_start, period_end)
    values ($1, $2, $3, $4, $5, $6, $7, 'active', $8::timestamptz, $8::timestamptz + ('1 ' || $7::text)::interval)
    on conflict do nothing returning 1
), priced as (
    insert into {s}.subscription_prices (tenant_id, environment_id, subscription_id, price_id, plan_id, amount,
        currency, "interval", updated_at)
    select tenant_id, environment_id, $3, price_id, plan_id, amount, currency, "interval", updated_at
    from {s}.plan_prices
    where tenant_id = $1 and environment_id = $2 and plan_id = $5 and currency = $6 and "interval" = $7
    on conflict do nothing
)
select count(*) from subscribed
"""
# The change has an id: its adjustments are there once, and done again it changes nothing.
_CHANGE = """
with noted as (
    insert into {s}.adjustments (tenant_id, environment_id, adjustment_id, subscription_id, description, amount)
    values ($1, $2, $5::text || '/credit', $3, $6, $7), ($1, $2, $5::text || '/charge', $3, $8, $9)
    on conflict do nothing
), dropped as (
    delete from {s}.subscription_prices
    where tenant_id = $1 and environment_id = $2 and subscription_id = $3 and plan_id <> $4
), priced as (
    insert into {s}.subscription_prices (tenant_id, environment_id, subscription_id, price_id, plan_id, amount,
        currency, "interval", updated_at)
    select price.tenant_id, price.environment_id, $3, price.price_id, price.plan_id, price.amount, price.currency,
        price."interval", price.updated_at
    from {s}.plan_prices price join {s}.subscriptions subscription
        using (tenant_id, environment_id, currency, "interval")
    where tenant_id = $1 and environment_id = $2 and price.plan_id = $4 and subscription_id = $3
    on conflict do nothing
)
update {s}.subscriptions set plan_id = $4
where tenant_id = $1 and environment_id = $2 and subscription_id = $3
"""


@asynccontextmanager
async def open_books(request: Any, connections: Connections) -> AsyncIterator[Ledger]:
    """The books of a tenant's environment. Raises ApplicationError."""
    async with postgres_system(connections, request.books.connection) as system:
        yield Ledger(system, request.books, request.tenant_id, request.environment_id)


class Ledger:
    def __init__(self, system: PostgresSystem, books: model.Books, tenant: str, environment: str) -> None:
        self._system = system
        self._schema = quoted(books.schema)
        self._tenant = (tenant, environment)

    async def subscription(self, subscription_id: str) -> Subscription:
        rows = await self._rows(f"select {_SUBSCRIPTION} from {{s}}.subscriptions where {_OWN} = $3", subscription_id)
        if not rows:
            raise not_found_error(f"There is no subscription {subscription_id!r} in {self._whose()}.")
        if rows[0]["period_start"] is None or rows[0]["period_end"] is None:
            raise validation_error(f"Subscription {subscription_id!r} has no billing period.")
        return Subscription(*rows[0])

    async def due(self, as_of: datetime, behind: str, limit: int) -> list[Subscription]:
        """Active subscriptions whose period has ended, in the order of their ids."""
        rows = await self._rows(
            f"""select {_SUBSCRIPTION} from {{s}}.subscriptions where {_OWN} > $3 and status = 'active'
                and period_end <= $4 order by subscription_id limit $5""",
            behind,
            as_of,
            limit,
        )
        return [Subscription(*row) for row in rows]

    async def count_due(self, as_of: datetime) -> int:
        rows = await self._rows(
            """select count(*) from {s}.subscriptions where tenant_id = $1 and environment_id = $2
               and status = 'active' and period_end <= $3""",
            as_of,
        )
        count: int = rows[0][0]
        return count

    async def charges(self, subscription: Subscription, start: datetime, end: datetime, invoice_id: str) -> Charges:
        rows = await self._rows(_LINES, subscription.subscription_id, start, end, invoice_id)
        lines = tuple(Line(*row) for row in rows)
        if not any(each.kind == "fee" for each in lines):
            raise validation_error(
                f"Subscription {subscription.subscription_id!r} has no prices: synchronise those of its plan "
                f"{subscription.plan_id!r} first."
            )
        total = sum(each.amount for each in lines)
        return Charges(subscription.subscription_id, subscription.currency, start, end, lines, total)

    async def fees(self, plan_id: str, currency: str, interval: str) -> int:
        """The fees of a plan for a whole period. Raises NotFoundError for a plan without prices."""
        rows = await self._rows(
            """select sum(amount)::bigint from {s}.plan_prices where tenant_id = $1 and environment_id = $2
               and plan_id = $3 and currency = $4 and "interval" = $5""",
            plan_id,
            currency,
            interval,
        )
        if rows[0][0] is None:
            raise not_found_error(f"Plan {plan_id!r} has no prices in {currency} a {interval} in {self._whose()}.")
        total: int = rows[0][0]
        return total

    async def draft(self, invoice_id: str, charges: Charges) -> Invoice:
        rows = await self._rows(
            _DRAFT.replace("{invoice}", _INVOICE),
            invoice_id,
            charges.subscription_id,
            charges.currency,
            charges.period_start,
            charges.period_end,
            max(0, charges.total),
            json.dumps([asdict(each) for each in charges.lines]),
            min(0, charges.total),
        )
        return Invoice(*rows[0])

    async def finalise(self, invoice_id: str, due_days: int) -> Invoice:
        """A draft is issued; one that is issued already stays as it is."""
        await self._rows(
            """update {s}.invoices set status = 'open', finalized_at = now(), due_date = current_date + $4::int
               where tenant_id = $1 and environment_id = $2 and invoice_id = $3 and status = 'draft'""",
            invoice_id,
            due_days,
        )
        return await self.invoice(invoice_id)

    async def invoice(self, invoice_id: str) -> Invoice:
        rows = await self._rows(
            f"""select {_INVOICE} from {{s}}.invoices
                where tenant_id = $1 and environment_id = $2 and invoice_id = $3""",
            invoice_id,
        )
        if not rows:
            raise not_found_error(f"There is no invoice {invoice_id!r} in {self._whose()}.")
        return Invoice(*rows[0])

    async def paid(self, invoice_id: str, reference: str) -> Invoice:
        await self._rows(
            """update {s}.invoices set status = 'paid', paid_at = now(), payment_reference = $4
               where tenant_id = $1 and environment_id = $2 and invoice_id = $3 and status = 'open'""",
            invoice_id,
            reference,
        )
        return await self.invoice(invoice_id)

    async def advance(self, subscription_id: str, period_end: datetime) -> None:
        """Into the next period, out of the one that ends then."""
        await self._rows(
            f"""update {{s}}.subscriptions set period_start = period_end,
                period_end = period_end + ('1 ' || "interval")::interval where {_OWN} = $3 and period_end = $4""",
            subscription_id,
            period_end,
        )

    async def enter(self, customer: Customer) -> bool:
        """Whether it was not there before. Raises ValidationError when another one has its id."""
        made = await self._rows(
            """insert into {s}.customers (tenant_id, environment_id, customer_id, name, email)
               values ($1, $2, $3, $4, $5) on conflict do nothing returning 1""",
            customer.customer_id,
            customer.name,
            customer.email,
        )
        if not made:
            (held,) = await self._rows(
                """select email from {s}.customers
                   where tenant_id = $1 and environment_id = $2 and customer_id = $3""",
                customer.customer_id,
            )
            if held["email"] != customer.email:
                raise validation_error(f"Customer {customer.customer_id!r} is there already, with another address.")
        return bool(made)

    async def remove(self, customer_id: str) -> None:
        await self._rows(
            """delete from {s}.customers customer
               where tenant_id = $1 and environment_id = $2 and customer_id = $3 and not exists (
                   select 1 from {s}.subscriptions subscription where subscription.customer_id = customer.customer_id
                   and subscription.tenant_id = $1 and subscription.environment_id = $2)""",
            customer_id,
        )

    async def subscribe(self, request: model.SubscriptionCreationInput, start: datetime) -> Subscription:
        """Make the subscription, with its line items; one that is there already must be the same."""
        await self.fees(request.plan_id, request.currency, request.interval)
        await self._rows(
            _CREATE,
            request.subscription_id,
            request.customer_id,
            request.plan_id,
            request.currency,
            request.interval,
            start,
        )
        held = await self.subscription(request.subscription_id)
        if (held.customer_id, held.plan_id) != (request.customer_id, request.plan_id):
            raise validation_error(f"Subscription {request.subscription_id!r} is there already, and is another one.")
        return held

    async def change(self, change: model.ChangeResult, change_id: str) -> None:
        await self._rows(
            _CHANGE,
            change.subscription_id,
            change.to_plan,
            change_id,
            f"Unused time of {change.from_plan}",
            -change.credit,
            f"Remaining time of {change.to_plan}",
            change.charge,
        )

    async def _rows(self, query: str, *values: Any) -> Sequence[Any]:
        return await self._system.rows(query.replace("{s}", self._schema), *self._tenant, *values)

    def _whose(self) -> str:
        return f"environment {self._tenant[1]!r} of tenant {self._tenant[0]!r}"


_OWN = "tenant_id = $1 and environment_id = $2 and subscription_id"
