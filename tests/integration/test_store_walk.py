"""Lists that are walked first: the same runs as without the walk, whether it fills the window or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.model import Execution, WorkflowStatus
from app.store import Database, Executions, Filter, Listing, Position
from app.store.listing import Column, Count, Direction, JsonValue, Match, Order, OrderField
from tests.integration.test_store_executions import NOON, closed, execution

MANY = 2600
"""More than a walk goes by."""


def row(number: int) -> Execution:
    made = execution(
        f"job-{number:05}-{'even' if number % 2 == 0 else 'odd'}{'-first' if number < 4 else ''}",
        start_time=NOON + timedelta(seconds=number // 3),
        metadata={"plan": "pro", "batch": number % 1000, "rank": float(number % 4), "deep": {"n": 1}},
        search_attributes={"Region": "eu" if number % 3 else "us", "TenantId": "acme"},
        tenant="acme" if number % 5 else "other",
    )
    if number in {5, 6, 7, 2000}:
        return closed(made, failure_message="Seldom declined")
    return made


ROWS = [row(number) for number in range(MANY)]


def having(name: str, value: Any, column: Column = Column.METADATA) -> dict[str, Any]:
    return {"values": (JsonValue(column, (name,), Match.EQUALS, value),)}


CASES: dict[str, tuple[dict[str, Any], Callable[[Execution], bool]]] = {
    "of everybody": ({"metadata": {"plan": "pro"}}, lambda _: True),
    "of few": ({"metadata": {"batch": 7}}, lambda each: each.metadata["batch"] == 7),
    "of nobody": ({"metadata": {"batch": "7"}}, lambda _: False),
    "a number is a number": (having("rank", 2), lambda each: each.metadata["rank"] == 2),
    "two values": (
        {"metadata": {"plan": "pro", "batch": 3}},
        lambda each: each.metadata["batch"] == 3,
    ),
    "an object": (having("deep", {"n": 1}), lambda _: True),
    "in a part": (
        {"every": (Filter(**having("rank", 1)),)},
        lambda each: each.metadata["rank"] == 1,
    ),
    "a search attribute": (
        having("Region", "us", Column.SEARCH_ATTRIBUTES),
        lambda each: each.search_attributes["Region"] == "us",
    ),
    "a tenant's name": (having("TenantId", "acme", Column.SEARCH_ATTRIBUTES), lambda _: True),
    "beyond the walk": (
        {"metadata": {"plan": "pro"}, "statuses": (WorkflowStatus.COMPLETED,)},
        lambda each: each.status.is_closed,
    ),
    "in scope": (
        {"metadata": {"rank": 1}, "tenant": "other", "environment": "production"},
        lambda each: each.metadata["rank"] == 1 and each.tenant == "other",
    ),
    "of a tenant": (
        {"metadata": {"rank": 1}, "tenant": "other"},
        lambda each: each.metadata["rank"] == 1 and each.tenant == "other",
    ),
    "since": (
        {"metadata": {"plan": "pro"}, "started_after": NOON, "started_before": NOON + timedelta(seconds=2)},
        lambda each: each.start_time < NOON + timedelta(seconds=2),
    ),
    "a word of many": ({"words": "even"}, lambda each: "even" in each.workflow_id),
    "a word of few": ({"words": "declined"}, lambda each: each.failure_message is not None),
    "words together": (
        {"words": "seld even", "tenant": "acme", "environment": "production"},
        lambda each: each.failure_message is not None and "even" in each.workflow_id and each.tenant == "acme",
    ),
    "a part of many ids": ({"workflow_id_contains": "eve"}, lambda each: "even" in each.workflow_id),
    "a part of few ids": ({"workflow_id_contains": "d-first"}, lambda each: each.workflow_id.endswith("odd-first")),
    "a short part": ({"workflow_id_contains": "st"}, lambda each: each.workflow_id.endswith("first")),
    "a part of no id": ({"workflow_id_contains": "first-"}, lambda _: False),
    "a failure's text": ({"failure_message_contains": "DECL"}, lambda each: each.failure_message is not None),
}


@pytest.mark.parametrize("direction", Direction)
async def test_a_walk_finds_what_the_whole_list_has(runs: Executions, direction: Direction) -> None:
    for start in range(0, MANY, 500):
        await runs.record(ROWS[start : start + 500])
    order = (Order(OrderField.START_TIME, direction),)
    newest = sorted(ROWS, key=lambda each: (each.start_time, each.run_id), reverse=direction is Direction.DESC)
    for name, (fields, holds) in CASES.items():
        filter_ = Filter(namespaces=("default",), **fields)
        expected = [each.workflow_id for each in newest if holds(each)]
        assert await runs.count(filter_) == Count(len(expected)), name
        for limit in (1, 50):
            listing = Listing(filter_, limit=limit, order=order)
            page = await runs.page(listing)
            assert [each.workflow_id for each in page.items] == expected[:limit], name
            assert page.has_next is (len(expected) > limit), name
            last = await runs.page(replace(listing, from_end=True))
            assert [each.workflow_id for each in last.items] == expected[-limit:], name
            if page.has_next:
                place = Position.of(page.items[-1])
                behind = await runs.page(replace(listing, after=place))
                assert [each.workflow_id for each in behind.items] == expected[limit : 2 * limit], name
                ahead = await runs.page(replace(listing, before=place, from_end=True))
                assert [each.workflow_id for each in ahead.items] == expected[: limit - 1], name
        offset = await runs.page(Listing(filter_, limit=3, order=order, offset=2))
        assert [each.workflow_id for each in offset.items] == expected[2:5], name


async def numbers(db: Database) -> list[tuple[int, str]]:
    """What `attributes` holds, without the numbers themselves."""
    found = await db.fetch("select run_id, count(*) as rows from attributes group by run_id order by run_id")
    return [(each["rows"], each["run_id"]) for each in found]


async def test_attributes_follow_every_write(runs: Executions, db: Database) -> None:
    wanted = Filter(metadata={"stage": "new"}, tenant="acme", environment="production")
    moved = replace(wanted, tenant="other")

    async def counts() -> list[int]:
        return [(await runs.count(each)).value for each in (wanted, moved, Filter(metadata={"stage": "new"}))]

    a = execution("a", run_id="a", metadata={"stage": "new", "n": 1, "list": [1]}, search_attributes={"TenantId": "x"})
    b = execution("b", run_id="b", metadata={"stage": "new"}, search_attributes={"Region": None})
    await runs.record([a, b])
    assert await counts() == [2, 0, 2]
    assert await numbers(db) == [(2, "a"), (2, "b")]
    await runs.record([closed(a), replace(b, memo={"progress": 1})])
    assert await counts() == [2, 0, 2]
    await runs.record([replace(b, metadata={"stage": "old", "more": True})])
    assert await counts() == [1, 0, 1]
    assert await numbers(db) == [(2, "a"), (3, "b")]
    await runs.record([replace(b, metadata={"stage": "new"}, tenant="other")])
    assert await counts() == [1, 1, 2]
    await runs.record([replace(b, metadata={"stage": "new"}, tenant="other", start_time=NOON + timedelta(hours=1))])
    assert await counts() == [1, 1, 2]
    assert await numbers(db) == [(2, "a"), (2, "b")]
    await runs.delete(a.ref)
    await runs.delete(b.ref)
    assert await numbers(db) == []


async def test_namespaces_are_counted_apart(runs: Executions) -> None:
    await runs.record([execution("a", metadata={"n": 1}), execution("b", namespace="second", metadata={"n": 1})])
    assert await runs.count(Filter(namespaces=("second",), metadata={"n": 1})) == Count(1)
    assert await runs.count(Filter(metadata={"n": 1.0})) == Count(2)
    assert await runs.count(Filter(namespaces=("second",))) == Count(1)


async def test_nobodys_scope_is_a_scope_too(runs: Executions) -> None:
    await runs.record([execution("a", metadata={"n": 1}), execution("b", metadata={"n": 1}, tenant="")])
    assert await runs.count(Filter(metadata={"n": 1}, tenant="", environment="production")) == Count(1)
