"""The list of runs as GraphQL clients ask for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.errors import DeadlineExceeded
from app.gateway.reading.listing import Lists
from app.store import Database, Executions, Listing
from tests.integration.gateways import ANYBODY, Host, hosted, member
from tests.integration.test_store_executions import NOON, closed, execution

# Nothing here reaches Temporal.
NO_TEMPORAL = "127.0.0.1:1"

PAGE = """query ($filter: WorkflowFilter, $orderBy: [WorkflowOrder!], $first: Int, $after: Cursor, $last: Int,
        $before: Cursor, $offset: Int) {
    workflows(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before,
        offset: $offset) {
      totalCount totalCountIsEstimate
      nodes { workflowId status durationMs }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""


@pytest.fixture
async def host(database: str) -> AsyncIterator[Host]:
    async with hosted(NO_TEMPORAL, database, "default", "second") as host:
        yield host


@pytest.fixture
async def runs(host: Host) -> Executions:
    """Ten runs, n starting n minutes after noon; the even ones closed after n seconds; 3 in another namespace, 7 of
    a tenant of its own, and 9 in a namespace that is not served."""
    runs = Executions(host.database)
    rows = []
    for n in range(10):
        row = execution(f"w-{n}", start_time=NOON + timedelta(minutes=n), metadata={"n": n, "even": n % 2 == 0})
        row = replace(row, namespace={3: "second", 9: "third"}.get(n, "default"), tenant="own" if n == 7 else "acme")
        rows.append(replace(closed(row), close_time=row.start_time + timedelta(seconds=n)) if n % 2 == 0 else row)
    await runs.record(rows)
    return runs


async def page(host: Host, **variables: Any) -> Any:
    return (await host.data(PAGE, **variables))["workflows"]


async def ids(host: Host, **variables: Any) -> list[str]:
    return [node["workflowId"] for node in (await page(host, **variables))["nodes"]]


async def error(host: Host, **variables: Any) -> Any:
    [failure] = (await host.ask(PAGE, **variables))["errors"]
    return failure["extensions"]


async def test_newest_first_in_the_namespaces_that_are_served(host: Host, runs: Executions) -> None:
    assert await ids(host) == [f"w-{n}" for n in reversed(range(9))]
    assert await ids(host, filter={"namespace": "second"}) == ["w-3"]
    assert await ids(host, filter={"namespace": ["second", "default"]}) == await ids(host)
    failure = await error(host, filter={"or": [{"namespace": ["third"]}]})
    assert failure["code"] == "BAD_USER_INPUT"
    assert failure["argument"] == ["filter", "namespace"]


async def test_filters_are_combined(host: Host, runs: Executions) -> None:
    even = {"metadataAt": {"path": ["even"], "equals": True}}
    assert await ids(host, filter=even) == ["w-8", "w-6", "w-4", "w-2", "w-0"]
    assert await ids(host, filter={"and": [even, {"metadata": {"n": 4}}]}) == ["w-4"]
    assert await ids(host, filter={**even, "not": {"workflowId": {"contains": "4"}}, "or": [{"search": "w"}]}) == [
        "w-8", "w-6", "w-2", "w-0",
    ]  # fmt: skip
    assert await ids(host, filter={"durationMs": {"min": 4000, "max": 6000}}) == ["w-6", "w-4"]
    assert await ids(host, filter={"status": ["RUNNING"], "tenant": "own"}) == ["w-7"]
    assert await ids(host, filter={"and": [{"metadata": {"n": 1}}, {"metadata": {"n": 2}}]}) == []
    assert await ids(host, filter={"metadataAt": {"path": ["not", "there"], "equals": 1}}) == []
    assert await ids(host, filter={"or": []}) == []
    assert len(await ids(host, filter={"and": []})) == 9


async def test_orders(host: Host, runs: Executions) -> None:
    longest = {"field": "DURATION", "direction": "DESC"}
    assert await ids(host, orderBy=[longest], first=7) == ["w-8", "w-6", "w-4", "w-2", "w-0", "w-7", "w-5"]
    shortest = [{"field": "STATUS"}, {"field": "DURATION"}]
    assert await ids(host, orderBy=shortest, first=3) == ["w-0", "w-2", "w-4"]
    assert (await error(host, orderBy=[longest, longest]))["argument"] == ["orderBy", 1, "field"]


async def test_pages_both_ways_and_by_number(host: Host, runs: Executions) -> None:
    order = [{"field": "CLOSE_TIME", "direction": "ASC"}]
    whole = await ids(host, orderBy=order)
    first = await page(host, orderBy=order, first=4)
    assert first["pageInfo"]["hasNextPage"]
    assert not first["pageInfo"]["hasPreviousPage"]
    after = first["pageInfo"]["endCursor"]
    # A run that starts, and one that closes ahead, shift nothing.
    await runs.record([execution("newer", start_time=NOON + timedelta(days=1), tenant="own")])
    second = await page(host, orderBy=order, first=3, after=after)
    assert [each["workflowId"] for each in second["nodes"]][:1] == whole[4:5]
    back = await page(host, orderBy=order, last=2, before=second["pageInfo"]["startCursor"])
    assert [each["workflowId"] for each in back["nodes"]] == whole[2:4]
    assert back["pageInfo"]["hasNextPage"]
    assert back["pageInfo"]["hasPreviousPage"]
    assert await ids(host, orderBy=order, first=2, offset=2) == whole[2:4]


@pytest.mark.parametrize(
    "filter_",
    [
        {"status": ["RUNNING"], "closeTime": {"from": "2026-01-01T00:00:00Z"}},
        {"tenant": "acme", "not": {"tenant": "acme"}},
        {"and": [{"workflowType": ["Order"]}, {"workflowType": ["Refund"]}]},
        {"isRoot": False, "and": [{"isRoot": True}]},
        {"metadataAt": {"path": ["n"], "equals": 1}, "not": {"metadata": {"n": 1}}},
        {"hasFailure": {}, "status": ["COMPLETED"]},
    ],
)
async def test_what_contradicts_itself_is_an_empty_page(host: Host, runs: Executions, filter_: dict[str, Any]) -> None:
    found = await page(host, filter=filter_)
    assert (found["nodes"], found["totalCount"], found["totalCountIsEstimate"]) == ([], 0, False)
    assert not found["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize("filter_", [None, {"metadata": {"even": True}}, {"search": "w"}])
async def test_a_page_of_nothing_still_counts(host: Host, runs: Executions, filter_: Any) -> None:
    nothing = await page(host, filter=filter_, first=0)
    assert nothing["nodes"] == []
    assert nothing["totalCount"] == len(await ids(host, filter=filter_))
    assert nothing["pageInfo"] == {
        "hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None,
    }  # fmt: skip
    assert (await page(host, filter=filter_, last=0))["pageInfo"]["hasPreviousPage"]


async def test_a_cursor_of_another_list_is_refused(host: Host, runs: Executions) -> None:
    cursor = (await page(host, first=1))["pageInfo"]["endCursor"]
    others: list[dict[str, Any]] = [
        {"filter": {"tenant": "acme"}},
        {"orderBy": [{"field": "TYPE"}]},
    ]
    for other in others:
        failure = await error(host, after=cursor, **other)
        assert (failure["code"], failure["argument"]) == ("BAD_USER_INPUT", ["after"])


@pytest.mark.parametrize(
    ("variables", "argument"),
    [
        ({"first": -1}, ["first"]),
        ({"offset": 10_001}, ["offset"]),
        ({"offset": 1, "last": 1}, ["offset"]),
        (
            {"filter": {"not": {"closeTime": {"from": "2026-01-02T00:00:00Z", "before": "2026-01-01T00:00:00Z"}}}},
            ["filter", "not", "closeTime"],
        ),
        ({"filter": {"or": [{"runId": "x"}] * 51}}, ["filter"]),
        ({"filter": {"not": {"not": {"not": {"not": {"not": {"isRoot": True}}}}}}}, ["filter"]),
        ({"filter": {"metadataAt": {"path": ["a"]}}}, ["filter", "metadataAt"]),
    ],
)
async def test_what_is_refused(host: Host, variables: dict[str, Any], argument: list[str | int]) -> None:
    failure = await error(host, **variables)
    assert (failure["code"], failure["argument"]) == ("BAD_USER_INPUT", argument)


async def test_a_caller_sees_the_own_tenant_only(host: Host, runs: Executions) -> None:
    own = member("own", environment="production")
    for filter_ in (None, {"or": [{"tenant": "acme"}, {"tenant": "own"}]}, {"not": {"tenant": "acme"}}):
        found = (await host.data(PAGE, own, filter=filter_))["workflows"]
        assert [each["workflowId"] for each in found["nodes"]] == ["w-7"]
        assert found["totalCount"] == 1
    hidden = (await host.data(PAGE, own, filter={"tenant": "acme"}))["workflows"]
    assert hidden["nodes"] == []
    assert hidden["totalCount"] == 0


async def test_a_page_costs_the_same_statements_whatever_it_holds(host: Host) -> None:
    await Executions(host.database).record(
        [closed(execution(f"w-{n}", start_time=NOON + timedelta(seconds=n))) for n in range(60)]
    )
    spent = []
    for first in (10, 50):
        before = host.database.statements
        found = await page(host, first=first, filter={"taskQueue": ["orders"]})
        assert len(found["nodes"]) == first
        assert (found["totalCount"], found["totalCountIsEstimate"]) == (60, False)
        spent.append(host.database.statements - before)
    assert spent[0] == spent[1] <= 6

    before = host.database.statements
    await host.data("{ workflows(first: 50) { nodes { workflowId startTime durationMs tenant metadata } } }")
    assert host.database.statements == before + 1


async def test_a_list_that_takes_too_long_says_what_to_do(host: Host, database: str) -> None:
    hurried = Database(database, statement_timeout=0.2)
    await hurried.connect()
    lists = Lists(Executions(hurried), ["default"])
    try:
        async with host.database.transaction() as connection:
            await connection.execute("lock table executions in access exclusive mode")
            with pytest.raises(DeadlineExceeded, match="Narrow it"):
                await lists.page(ANYBODY, Listing())
    finally:
        await hurried.close()
