"""What identities may spend: buckets by a clock that is passed in, and tickets over them."""

from __future__ import annotations

from inspect import isawaitable
from typing import Any

import pytest

from app.access import Identity, Role, Scope
from app.api.admission import Admission, Ticket
from app.api.price import Price, Shape
from app.bounds import Bounds
from app.budgets import Balance, LocalBudgets, SharedBudgets, budgets
from app.errors import CostLimitExceeded, RateLimited
from app.gateway import Caller
from app.limits import Concurrency


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def caller(subject: str = "ada") -> Caller:
    return Caller(Identity(subject, "t", "e", frozenset({Role.ADMIN}), Scope("t", "e")), "request-1")


def test_an_identity_spends_and_gets_back() -> None:
    clock = Clock()
    spending = LocalBudgets(rate=10, capacity=100, clock=clock)
    assert spending.take("ada", 60) == Balance(40, 0, 6)
    assert spending.take("ada", 60) == Balance(40, 2, 6), "none are taken"
    assert spending.take("bob", 100) == Balance(0, 0, 10), "another one's is another"
    clock.now += 2
    assert spending.take("ada", 60) == Balance(0, 0, 10)
    assert spending.take("ada", -25) == Balance(25, 0, 7.5)
    assert spending.take("ada", -1000) == Balance(100, 0, 0), "never more than there may be"


def test_who_spends_nothing_is_forgotten() -> None:
    clock = Clock()
    spending = LocalBudgets(rate=10, capacity=100, clock=clock)
    for number in range(5000):
        spending.take(f"stranger {number}", 10)
        clock.now += 0.1
    assert len(spending._buckets) < 1100


def test_redis_keeps_budgets_where_it_is_the_bus() -> None:
    assert isinstance(budgets("redis://localhost", 1, 10), SharedBudgets)
    assert isinstance(budgets("memory://", 1, 10), LocalBudgets)
    assert isinstance(budgets(None, 1, 10), LocalBudgets)


def ticket(admission: Admission, points: float, **extensions: Any) -> Ticket:
    return admission.ticket(Price((((), points),), Shape(own=1.0)), {}, extensions)


def charged(admission: Admission, points: float, who: Caller) -> Ticket:
    found = admission.charge(ticket(admission, points), who)
    assert not isawaitable(found)
    return found


def test_one_operation_may_not_cost_more_than_one_may() -> None:
    admission = Admission(Bounds(cost=10))
    ticket(admission, 10)
    with pytest.raises(CostLimitExceeded) as caught:
        ticket(admission, 11)
    assert caught.value.retry_after is None
    assert caught.value.details["cost"] == {
        "requested": 11,
        "actual": None,
        "limit": 10,
        "remaining": None,
        "resetAt": None,
    }


def test_an_empty_budget_says_when_there_is_enough() -> None:
    clock = Clock()
    bounds = Bounds(cost=80, budget=100, refill=10)
    admission = Admission(bounds, LocalBudgets(10, 100, clock))
    charged(admission, 80, caller())
    with pytest.raises(CostLimitExceeded) as caught:
        charged(admission, 80, caller())
    assert caught.value.retry_after == 6
    cost: Any = caught.value.details["cost"]
    assert (cost["requested"], cost["limit"], cost["remaining"]) == (80, 100, 20)
    assert cost["resetAt"].endswith("Z")
    charged(admission, 80, caller("bob"))
    clock.now += 6
    charged(admission, 80, caller())


def test_nobody_is_charged_while_the_gateway_is_open() -> None:
    admission = Admission(Bounds(cost=80, budget=100), LocalBudgets(1, 100, Clock()))
    for _ in range(5):
        charged(admission, 80, caller("anonymous"))


async def test_what_was_not_needed_is_given_back() -> None:
    admission = Admission(Bounds(cost=80, budget=100), LocalBudgets(1, 100, Clock()))
    async with admission.entered(ticket(admission, 80, cost=True), caller()) as entered:
        assert entered.balance is not None
        assert entered.balance.remaining == 20
        told = await admission.settle(entered, {})
    assert told is not None
    assert {key: told[key] for key in ("requested", "actual", "limit", "remaining")} == {
        "requested": 80,
        "actual": 1,
        "limit": 100,
        "remaining": 99,
    }


async def test_nothing_is_told_to_who_did_not_ask() -> None:
    admission = Admission()
    for subject in ("ada", "anonymous"):
        async with admission.entered(ticket(admission, 80), caller(subject)) as entered:
            assert await admission.settle(entered, {}) is None


def test_operations_at_once_are_counted_by_identity() -> None:
    places = Concurrency(2)
    refused = pytest.raises(RateLimited, match="ada already has 2 operations")
    with places.entered("ada"), places.entered("ada"), places.entered(None), refused, places.entered("ada"):
        pass
    with places.entered("ada"), places.entered("ada"):
        pass
    assert not places._open
