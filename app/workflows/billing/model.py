"""What billing is asked and what it answers. Amounts are in minor units, and those of a credit are below 0."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Books:
    """The billing system: a schema of Postgres with the tables plan_prices, customers, subscriptions,
    subscription_prices, usage_events, adjustments and invoices, as `tideline dev` makes them in `demo`."""

    connection: str
    """The name under which the worker knows the database."""
    schema: str


@dataclass(frozen=True)
class Endpoint:
    """Where something is sent: a URL, or with `connection` a path below the connection's URL."""

    url: str
    connection: str | None = None


@dataclass(frozen=True)
class Customer:
    customer_id: str
    name: str
    email: str


@dataclass(frozen=True)
class CustomerOnboardingInput:
    """Take a customer on: enter it, subscribe it to a plan, and tell of it."""

    tenant_id: str
    environment_id: str
    books: Books
    customer: Customer
    plan_id: str
    currency: str = "EUR"
    interval: str = "month"
    """How often it is billed: month or year."""
    notify: Endpoint | None = None
    """Is posted the customer and its subscription when all is done."""


@dataclass(frozen=True)
class SubscriptionCreationInput:
    """Subscribe a customer to a plan, at the plan's prices."""

    tenant_id: str
    environment_id: str
    books: Books
    subscription_id: str
    customer_id: str
    plan_id: str
    currency: str = "EUR"
    interval: str = "month"
    """How often it is billed: month or year."""
    start: datetime | None = None
    """When its first period begins; else now."""


@dataclass(frozen=True)
class SubscriptionChangeInput:
    """Put a subscription on another plan, and settle what is left of its period."""

    tenant_id: str
    environment_id: str
    books: Books
    subscription_id: str
    plan_id: str
    at: datetime | None = None
    """When it changes, within the current period; else now."""
    prorate: bool = True
    """Whether the unused part of the old plan is credited and that of the new one charged, on the next invoice."""


@dataclass(frozen=True)
class CalculationInput:
    """Calculate the charges and fees of a subscription."""

    tenant_id: str
    environment_id: str
    books: Books
    subscription_id: str
    start: datetime | None = None
    """The beginning of the period; else that of the current one."""
    end: datetime | None = None
    """The end of the period, which is not in it; else that of the current one."""


@dataclass(frozen=True)
class ProcessSubscriptionBillingInput:
    """Bill a subscription for its current period, if that has ended."""

    tenant_id: str
    environment_id: str
    books: Books
    subscription_id: str
    as_of: datetime | None = None
    """Periods that have ended by then are billed; else by now."""
    payments: Endpoint | None = None
    """Where payments are collected; else the invoice stays open."""
    due_days: int = 14
    """Days from the invoice to its due date."""


@dataclass(frozen=True)
class ProcessInvoiceInput:
    """Finalise an invoice and collect its payment."""

    tenant_id: str
    environment_id: str
    books: Books
    invoice_id: str
    payments: Endpoint | None = None
    """Where payments are collected; else the invoice stays open."""
    due_days: int = 14
    """Days from the invoice to its due date."""


@dataclass(frozen=True)
class ScheduleSubscriptionBillingInput:
    """Bill every subscription whose period has ended."""

    tenant_id: str
    environment_id: str
    books: Books
    as_of: datetime | None = None
    """Periods that have ended by then are billed; else by now."""
    payments: Endpoint | None = None
    """Where payments are collected; else invoices stay open."""
    due_days: int = 14
    """Days from an invoice to its due date."""
    concurrency: int = 10
    """Subscriptions billed at once, 1 to 100."""


@dataclass(frozen=True)
class Subscription:
    subscription_id: str
    customer_id: str | None
    plan_id: str
    currency: str
    interval: str
    status: str
    period_start: datetime
    period_end: datetime


@dataclass(frozen=True)
class Line:
    """One line of an invoice: a fee of the plan, a charge for usage, or an adjustment."""

    kind: str
    description: str
    quantity: float
    amount: int


@dataclass(frozen=True)
class Charges:
    subscription_id: str
    currency: str
    period_start: datetime
    period_end: datetime
    lines: tuple[Line, ...]
    total: int


@dataclass(frozen=True)
class Invoice:
    invoice_id: str
    status: str
    """draft, open, paid or void."""
    currency: str
    amount_due: int
    customer_id: str | None = None
    payment_reference: str | None = None


@dataclass(frozen=True)
class InvoiceResult:
    invoice_id: str
    status: str
    amount_due: int
    currency: str
    declined: str | None = None
    """Why the payment was refused; the invoice is then open."""


@dataclass(frozen=True)
class BillingResult:
    """What became of one subscription."""

    subscription_id: str
    billed: bool
    reason: str | None = None
    """Why it was not billed."""
    invoice: InvoiceResult | None = None


@dataclass(frozen=True)
class FailedBilling:
    subscription_id: str
    message: str


@dataclass(frozen=True)
class ScheduleResult:
    """Of `subscriptions` so many were billed, left alone, or failed; a failed one is tried again by the next run."""

    subscriptions: int
    billed: int
    skipped: int
    failed: int
    failures: tuple[FailedBilling, ...] = ()
    """The first twenty."""


@dataclass(frozen=True)
class ChangeResult:
    subscription_id: str
    from_plan: str
    to_plan: str
    credit: int
    charge: int


@dataclass(frozen=True)
class OnboardingResult:
    customer_id: str
    subscription_id: str
    period_end: datetime
