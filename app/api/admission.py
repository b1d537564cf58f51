"""Whether an operation may begin: what it may cost at most, what its caller has left, and how many run already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from typing import Any

from app.api.price import Price
from app.bounds import Bounds
from app.budgets import Balance, Budgets, LocalBudgets
from app.errors import CostLimitExceeded
from app.gateway import Caller
from app.limits import Concurrency

WORTH_COUNTING = 20.0
"""Points from which on an operation's true cost is found, and the rest of what it was charged given back."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an operation was charged. `subject` is None where nobody is charged."""

    price: Price
    requested: float
    limit: float
    subject: str | None = None
    balance: Balance | None = None
    is_told: bool = False
    """Whether the client asked what it cost."""

    def cost(self, actual: float | None = None) -> dict[str, Any]:
        """For a client: points, and when its budget is full again, or when a refused operation will fit."""
        balance = self.balance
        at = None
        if balance is not None:
            at = datetime.now(UTC) + timedelta(seconds=balance.wait or balance.full_in)
        return {
            "requested": _points(self.requested),
            "actual": None if actual is None else _points(actual),
            "limit": _points(self.limit),
            "remaining": None if balance is None else _points(balance.remaining),
            "resetAt": None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }


def _points(value: float) -> float:
    return round(value, 1)


class Admission:
    def __init__(self, bounds: Bounds | None = None, budgets: Budgets | None = None) -> None:
        self.bounds = bounds or Bounds()
        self._budgets = budgets or LocalBudgets(self.bounds.refill, self.bounds.budget)
        self._concurrency = Concurrency(self.bounds.concurrency)

    def ticket(self, price: Price, variables: Mapping[str, Any] | None, extensions: Mapping[str, Any] | None) -> Ticket:
        """What the operation would be charged. Raises CostLimitExceeded for more than one may cost."""
        requested = price.requested(variables)
        ticket = Ticket(price, requested, self.bounds.cost, is_told=(extensions or {}).get("cost") is True)
        if requested > self.bounds.cost:
            raise CostLimitExceeded(
                f"The operation may cost {requested:,.0f} points, and one may cost {self.bounds.cost:,} at most (limit"
                " 'cost'). Ask for shorter lists (first), or for less within them.",
                details={"cost": ticket.cost()},
            )
        return ticket

    def charge(self, ticket: Ticket, caller: Caller) -> Ticket | Awaitable[Ticket]:
        """Take the cost from the caller's budget. Raises CostLimitExceeded where it has too little left."""
        subject = caller.identity.named
        if subject is None:
            return ticket
        taken = self._budgets.take(subject, ticket.requested)
        return self._awaited(ticket, subject, taken) if isawaitable(taken) else self._charged(ticket, subject, taken)

    async def _awaited(self, ticket: Ticket, subject: str, taken: Awaitable[Balance]) -> Ticket:
        return self._charged(ticket, subject, await taken)

    def _charged(self, ticket: Ticket, subject: str, balance: Balance) -> Ticket:
        ticket = replace(ticket, subject=subject, balance=balance, limit=float(self.bounds.budget))
        if balance.wait:
            raise CostLimitExceeded(
                f"The operation may cost {ticket.requested:,.0f} points, and {subject} has {balance.remaining:,.0f}"
                f" left (limits 'budget', 'refill'). Try again in {balance.wait:.1f} s.",
                retry_after=balance.wait,
                details={"cost": ticket.cost()},
            )
        return ticket

    @asynccontextmanager
    async def entered(self, ticket: Ticket, caller: Caller) -> AsyncIterator[Ticket]:
        """The charged ticket, as long as the operation runs. Raises RateLimited where it may not."""
        with self._concurrency.entered(caller.identity.named):
            charged = self.charge(ticket, caller)
            yield await charged if isawaitable(charged) else charged

    async def settle(self, ticket: Ticket, data: Any) -> dict[str, Any] | None:
        """Give back what was not needed. What to tell the client, where it asked."""
        if not ticket.is_told and (ticket.subject is None or ticket.requested < WORTH_COUNTING):
            return None
        actual = min(ticket.price.actual(data), ticket.requested)
        if ticket.subject is not None and ticket.requested - actual >= 1:
            returned = self._budgets.take(ticket.subject, actual - ticket.requested)
            ticket = replace(ticket, balance=await returned if isawaitable(returned) else returned)
        return ticket.cost(actual) if ticket.is_told else None
