"""Each condition of a filter against real rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.model import ExecutionRef, WorkflowStatus
from app.store import Database, Executions, Filter, Listing
from app.store.listing import Column, Count, JsonValue, Match
from tests.integration.test_store_executions import NOON, closed, execution

EVERY = {"a", "b", "c", "d"}


@pytest.fixture
async def runs(database: str) -> AsyncIterator[Executions]:
    db = Database(database)
    await db.connect()
    runs = Executions(db)
    now = datetime.now(UTC)
    a = execution(
        "a",
        run_id="run-a",
        workflow_type="PriceSync",
        metadata={"customer": {"id": 7, "tags": ["p", "q"]}, "note": None},
        search_attributes={"Region": "eu", "Labels": ["x", "y"]},
        start_time=now - timedelta(hours=1),
        execution_time=NOON,
    )
    b = closed(
        execution(
            "b",
            created_by="tom",
            metadata={"customer": {"id": "7"}},
            memo={"note": "x"},
            failure_type="Oops",
            failure_message="Card of Jürgen DECLINED at 'shop'",
            root_workflow_id="a",
            root_run_id="run-a",
            parent_workflow_id="a",
            parent_run_id="run-a",
        )
    )
    c = closed(execution("c", created_by="ann", metadata={"customer": [7]}, failure_message="without a type"))
    d = execution("d", search_attributes={"Region": None}, start_time=now - timedelta(seconds=1))
    await runs.record([a, b, c, d])
    yield runs
    await db.close()


async def ids(runs: Executions, **fields: Any) -> set[str]:
    filter_ = Filter(**fields)
    page = await runs.page(Listing(filter_))
    assert await runs.count(filter_) == Count(len(page.items))
    return {each.workflow_id for each in page.items}


def at(*path: str, match: Match = Match.EQUALS, value: Any = None, column: Column = Column.METADATA) -> Any:
    return (JsonValue(column, path, match, value),)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (at("customer", "id", value=7), {"a"}),
        (at("customer", "id", value="7"), {"b"}),
        (at("customer", value={"id": "7"}), {"b"}),
        (at("customer", value={}), set()),
        (at("customer", "tags", value=["p"]), set()),
        (at("customer", "tags", value=["p", "q"]), {"a"}),
        (at("note", value=None), {"a"}),
        (at("unknown", "path", value=None), set()),
        (at("customer", "\0", value=1), set()),
        (at("customer", value="\0"), set()),
        (at("customer", "tags", match=Match.CONTAINS, value="p"), {"a"}),
        (at("customer", "tags", match=Match.CONTAINS, value=["q", "p"]), {"a"}),
        (at("customer", "tags", match=Match.CONTAINS, value="r"), set()),
        (at("customer", match=Match.CONTAINS, value={"id": 7}), {"a"}),
        (at("customer", match=Match.CONTAINS, value=7), {"c"}),
        (at("note", match=Match.EXISTS), {"a"}),
        (at("customer", "id", match=Match.EXISTS), {"a", "b"}),
        (at("customer", match=Match.ABSENT), {"d"}),
        (at("\0", match=Match.ABSENT), EVERY),
        (at("note", value="x", column=Column.MEMO), {"b"}),
        (at("Region", value="eu", column=Column.SEARCH_ATTRIBUTES), {"a"}),
        (at("Labels", match=Match.CONTAINS, value="y", column=Column.SEARCH_ATTRIBUTES), {"a"}),
        (at("Region", match=Match.EXISTS, column=Column.SEARCH_ATTRIBUTES), {"a", "d"}),
    ],
)
async def test_values_in_json(runs: Executions, values: Any, found: set[str]) -> None:
    assert await ids(runs, values=values) == found


LISTED = {"a": {"b": [1, 2, {"c": "x", "d": 1}, [3, 4]], "0": {"b": 5}}}


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        (at("a", "b", match=Match.CONTAINS, value={"c": "x"}), True),
        (at("a", "b", match=Match.CONTAINS, value={"c": "y"}), False),
        (at("a", "b", match=Match.CONTAINS, value=[2, {"d": 1}]), True),
        (at("a", "b", match=Match.CONTAINS, value=[3, 4]), True),
        (at("a", "b", match=Match.CONTAINS, value=[3]), True),
        (at("a", "b", match=Match.CONTAINS, value=3), False),
        (at("a", match=Match.CONTAINS, value={"b": [1]}), True),
        (at("a", "b", match=Match.EXISTS), True),
        (at("a", "b", "0", match=Match.EXISTS), False),
        (at("a", "b", "0", match=Match.ABSENT), True),
        (at("a", "b", "0", value=1), False),
        (at("a", "b", "-1", match=Match.EXISTS), False),
        (at("a", "b", " +2", "c", match=Match.EXISTS), False),
        (at("a", "b", "2", "c", match=Match.ABSENT), True),
        (at("a", "0", "b", match=Match.EXISTS), True),
        (at("a", "0", "b", match=Match.ABSENT), False),
        (at("a", "0", "b", value=5), True),
        (at("a", "1", match=Match.ABSENT), True),
    ],
)
async def test_a_path_leads_through_objects_and_a_list_has_its_values(db: Database, values: Any, holds: bool) -> None:
    runs = Executions(db)
    await runs.record([execution("listed", metadata=LISTED)])
    assert await ids(runs, values=values) == ({"listed"} if holds else set())


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("price", {"a"}),
        ("SYNC price", {"a"}),
        ("pricesync", {"a"}),
        ("rice", set()),
        ("declined card", {"b"}),
        ("jürgen", {"b"}),
        ("decl shop'", {"b"}),
        ("declined type", set()),
        ("  ", EVERY),
        ("' | !x & (", {"c"} - {"c"}),
        ("\0", EVERY),
    ],
)
async def test_words(runs: Executions, words: str, found: set[str]) -> None:
    assert await ids(runs, words=words) == found


async def test_a_word_longer_than_an_index_holds_is_found_by_its_beginning(runs: Executions) -> None:
    await runs.record([closed(execution("long", failure_message="z" * 10_000))])
    assert await ids(runs, words="z" * 9_000) == {"long"}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"created_by": ("tom", "eve")}, {"b"}),
        ({"failed": True}, {"b", "c"}),
        ({"failed": False}, {"a", "d"}),
        ({"failure_type": "Oops"}, {"b"}),
        ({"failure_message_contains": "declined AT"}, {"b"}),
        ({"is_root": True}, {"a", "c", "d"}),
        ({"is_root": False}, {"b"}),
        ({"root": ExecutionRef("default", "a", "run-a")}, {"a", "b"}),
        ({"root": ExecutionRef("other", "a", "run-a")}, set()),
        ({"executed_after": NOON, "executed_before": NOON + timedelta(seconds=1)}, {"a"}),
        # b and c took 90 s; a is open for an hour, d for a second.
        ({"longer_than": 90.0}, {"a", "b", "c"}),
        ({"longer_than": 90.1}, {"a"}),
        ({"shorter_than": 90.0}, {"b", "c", "d"}),
        ({"longer_than": 60.0, "shorter_than": 89.0}, set()),
        ({"workflow_id": "a\0"}, set()),
        ({"workflow_types": ("Order\0",)}, set()),
        ({"workflow_types": ("Order", "x\0")}, {"b", "c", "d"}),
        ({"any": ()}, set()),
        ({"every": ()}, EVERY),
        ({"any": (Filter(workflow_id="a"), Filter(failed=True))}, {"a", "b", "c"}),
        ({"any": (Filter(workflow_id="a"), Filter())}, EVERY),
        ({"every": (Filter(failed=True), Filter(created_by=("ann",)))}, {"c"}),
        ({"every": (Filter(workflow_id="a"), Filter(workflow_id="b"))}, set()),
        ({"none": (Filter(closed_after=NOON),)}, {"a", "d"}),
        ({"none": (Filter(failure_type="Oops"),)}, {"a", "c", "d"}),
        ({"none": (Filter(any=(Filter(workflow_id="a"), Filter(statuses=(WorkflowStatus.COMPLETED,)))),)}, {"d"}),
        ({"none": (Filter(),)}, set()),
    ],
)
async def test_conditions(runs: Executions, fields: dict[str, Any], found: set[str]) -> None:
    assert await ids(runs, **fields) == found
