"""Lists that stay as a query would show them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from app import metrics
from app.alerting import AlertKind, Finding, Rule
from app.api.engine import Operation
from app.errors import DatabaseUnavailable
from app.gateway import Caller
from app.model import Execution
from app.settings import Settings
from app.store import Executions
from app.store.alerts import AlertFilter, Alerts
from tests.integration.gateways import ANYBODY, Host, hosted, member
from tests.integration.live import COUNTED, FEED, LIST, Counting, Writer, ids, listening, shown, writer_of
from tests.integration.test_store_executions import NOON, closed, execution
from tests.waiting import eventually

NO_TEMPORAL = "127.0.0.1:1"
NEVER = Settings(fallback_interval=3600)
"""Whoever hears something has heard of it by a hint."""


@pytest.fixture
async def host(database: str) -> AsyncIterator[Host]:
    async with hosted(NO_TEMPORAL, database, settings=NEVER) as host:
        yield host


@pytest.fixture
def writer(host: Host) -> Writer:
    return writer_of(host)


def run(n: int, **fields: Any) -> Execution:
    return execution(f"w-{n}", **{"start_time": NOON + timedelta(minutes=n), "environment": "default", **fields})


async def queried(host: Host, **variables: Any) -> list[str]:
    """What a query of the same arguments shows."""
    query = """query ($filter: WorkflowFilter, $orderBy: [WorkflowOrder!], $first: Int) {
      workflows(filter: $filter, orderBy: $orderBy, first: $first) { nodes { workflowId } } }"""
    return shown((await host.data(query, **variables))["workflows"])


async def test_enter_change_and_leave(host: Host, writer: Writer) -> None:
    one, two = run(1), run(2)
    await writer.record(one)
    async with listening(host, LIST, filter={"status": ["RUNNING"]}) as ear:
        snapshot = await ear.next()
        assert (snapshot["kind"], shown(snapshot)) == ("SNAPSHOT", ["w-1"])
        assert (snapshot["entered"], snapshot["changed"], snapshot["left"]) == ([], [], [])
        await writer.record(two)
        entered = await ear.next()
        assert (entered["kind"], shown(entered), ids(entered["entered"])) == ("CHANGE", ["w-2", "w-1"], ["w-2"])
        await writer.record(replace(two, history_length=7))
        changed = await ear.next()
        assert (shown(changed), ids(changed["changed"]), changed["entered"]) == (["w-2", "w-1"], ["w-2"], [])
        await writer.record(closed(one))
        left = await ear.next()
        assert (shown(left), left["left"]) == (["w-2"], [snapshot["nodes"][0]["id"]])
        await writer.delete(two)
        assert await ear.shown() == []


async def test_the_window_moves_and_is_always_what_a_query_shows(host: Host, writer: Writer) -> None:
    rows = [run(n) for n in range(6)]
    await writer.record(*rows)
    asked: dict[str, Any] = {"orderBy": [{"field": "CLOSE_TIME", "direction": "DESC"}], "first": 3}
    async with listening(host, LIST, **asked) as ear:
        assert await ear.shown() == await queried(host, **asked) == ["w-5", "w-4", "w-3"]
        for n, expected in ((1, ["w-1", "w-5", "w-4"]), (4, ["w-4", "w-1", "w-5"]), (0, ["w-4", "w-1", "w-0"])):
            await writer.record(closed(rows[n]))
            update = await ear.next()
            assert shown(update) == expected == await queried(host, **asked)
        assert (ids(update["entered"]), update["changed"], len(update["left"])) == (["w-0"], [], 1)
        # It moves to the front: its row has changed, and the order tells where it stands.
        await writer.record(replace(closed(rows[0]), close_time=NOON + timedelta(days=1)))
        update = await ear.next()
        assert (shown(update), ids(update["changed"])) == (["w-0", "w-4", "w-1"], ["w-0"])
        assert (update["entered"], update["left"]) == ([], [])


async def test_a_list_is_not_read_for_what_does_not_concern_it(
    host: Host, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.record(run(1))
    executions = host.gateway.live_lists._executions
    monkeypatch.setattr(executions, "page", read := Counting(executions.page))
    async with listening(host, LIST, filter={"workflowType": ["Order"]}, first=1) as ear:
        assert await ear.shown() == ["w-1"]
        await writer.record(run(2, workflow_type="Other"))
        await writer.record(run(2, tenant="beta", workflow_type="Other"))
        await writer.record(run(3))
        assert await ear.shown() == ["w-3"]
        assert read.calls == 2


async def test_a_count_alone_is_told_where_it_is_selected_and_nowhere_else(host: Host, writer: Writer) -> None:
    await writer.record(*(run(n) for n in range(3)))
    running: dict[str, Any] = {"filter": {"status": ["RUNNING"]}, "first": 1}
    async with listening(host, LIST, **running) as plain, listening(host, COUNTED, **running) as counting:
        assert await plain.shown() == ["w-2"]
        snapshot = await counting.next()
        assert (snapshot["totalCount"], snapshot["totalCountIsEstimate"]) == (3, False)
        await writer.record(closed(run(0, run_id="other")))  # never ran for this list, nor is counted
        await writer.record(run(-1))
        assert (await counting.next())["totalCount"] == 4
        oldest = run(-2)
        await writer.record(oldest)
        assert (await counting.next())["totalCount"] == 5
        await writer.record(closed(oldest))
        update = await counting.next()
        assert (update["kind"], update["totalCount"], shown(update)) == ("CHANGE", 4, ["w-2"])
        await writer.record(run(9))
        assert await plain.shown() == ["w-9"], "the window has not changed until now"
        assert (await counting.next())["totalCount"] == 5


async def test_tenants_see_their_own_and_what_moves_away_leaves(host: Host, writer: Writer) -> None:
    row = run(1)
    await writer.record(row, run(2, tenant="beta"))
    acme, beta = member("acme"), member("beta")
    async with (
        listening(host, LIST, acme) as ours,
        listening(host, LIST, beta) as theirs,
        listening(host, COUNTED, beta, filter={"tenant": "acme"}) as prying,
    ):
        assert await ours.shown() == ["w-1"]
        assert await theirs.shown() == ["w-2"]
        assert (await prying.next())["totalCount"] == 0
        await writer.record(replace(row, tenant="beta"))
        left, entered = await ours.next(), await theirs.next()
        assert (shown(left), len(left["left"])) == ([], 1)
        assert (shown(entered), ids(entered["entered"])) == (["w-2", "w-1"], ["w-1"])
        await writer.record(run(3))
        assert await ours.shown() == ["w-3"]
        assert theirs.heard.empty()
        assert prying.heard.empty()


async def test_many_followers_of_one_list_cost_one_reading(
    host: Host, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.record(run(1))
    executions = host.gateway.live_lists._executions
    monkeypatch.setattr(executions, "page", read := Counting(executions.page))
    async with (
        listening(host, LIST) as one,
        listening(host, LIST) as two,
        listening(host, LIST.replace("kind", "kind kind")) as other_document,
    ):
        ears = (one, two, other_document)
        for ear in ears:
            assert await ear.shown() == ["w-1"]
        assert (metrics.LIVE_LISTS._value.get(), read.calls) == (1, 1)
        await writer.record(run(2))
        assert [await ear.shown() for ear in ears] == [["w-2", "w-1"]] * 3
        assert read.calls == 2


async def test_a_rate_leaves_out_states_but_never_the_last(host: Host, writer: Writer) -> None:
    row = run(1)
    await writer.record(row)
    async with listening(host, LIST, maxRate=2.0) as slow, listening(host, LIST) as quick:
        await slow.next()
        await quick.next()
        rows = [replace(row, history_length=n) for n in range(10, 15)]
        for each in rows:
            await writer.record(each)
            assert (await quick.next())["changed"], "a slow one delays nobody"
        await writer.record(closed(row, history_length=99))
        assert (await quick.next())["nodes"][0]["status"] == "COMPLETED"
        updates = [await slow.next()]
        while updates[-1]["nodes"][0]["status"] != "COMPLETED":
            updates.append(await slow.next())
        assert len(updates) <= 3
        assert [ids(each["changed"]) for each in updates] == [["w-1"]] * len(updates)


async def test_a_consumer_that_does_not_read_delays_nobody_and_skips_to_the_latest(host: Host, writer: Writer) -> None:
    row = run(1)
    await writer.record(row)
    caller = Caller(ANYBODY, "request-1")
    async with (
        aclosing(host.engine.stream(Operation(LIST, {}), caller)) as idle,
        listening(host, LIST) as quick,
    ):
        await anext(idle)
        await quick.next()
        for length in range(10, 20):
            await writer.record(replace(row, history_length=length))
            await quick.next()
        await writer.record(closed(row, history_length=20))
        assert (await quick.next())["nodes"][0]["status"] == "COMPLETED"
        [update] = orjson.loads((await anext(idle)).body)["data"].values()
        assert update["nodes"][0]["status"] == "COMPLETED"


async def test_a_list_goes_on_when_postgres_has_crashed(database: str) -> None:
    async with hosted(NO_TEMPORAL, database, settings=Settings(fallback_interval=0.1)) as host:
        await writer_of(host).record(run(1))
        async with listening(host, LIST) as ear:
            assert await ear.shown() == ["w-1"]
            os.kill(await host.database.fetchval("select pg_backend_pid()"), signal.SIGKILL)

            async def recorded() -> bool:
                try:
                    return bool(await Executions(host.database).record([run(2)]))
                except DatabaseUnavailable:
                    return False

            await eventually(recorded, within=30)
            assert await ear.shown() == ["w-2", "w-1"]


async def test_a_list_that_cannot_be_read_says_why() -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    async with hosted(NO_TEMPORAL, url) as host, listening(host, LIST) as ear:
        [failure] = (await ear.raw())["errors"]
        assert failure["extensions"]["code"] == "DATABASE_UNAVAILABLE"


async def test_a_burst_becomes_few_readings_and_ends_right(host: Host, writer: Writer) -> None:
    async with listening(host, LIST, first=100) as ear:
        await ear.next()
        for n in range(60):
            await writer.record(run(n))
        before = 1
        while len(update := await ear.shown()) < 60:
            before += 1
        assert update == await queried(host, first=100)
        assert before < 60, "what came together was read together"


async def test_a_list_by_duration_moves_with_the_clock(database: str) -> None:
    async with hosted(NO_TEMPORAL, database, settings=Settings(fallback_interval=0.1)) as host:
        row = run(1, start_time=datetime.now(UTC) - timedelta(seconds=1))
        await writer_of(host).record(row)
        async with listening(host, LIST, filter={"durationMs": {"min": 2500}}) as ear:
            assert await ear.shown() == []
            assert await ear.shown() == ["w-1"]


async def test_a_list_by_duration_moves_also_while_much_else_happens(database: str) -> None:
    async with hosted(NO_TEMPORAL, database, settings=Settings(fallback_interval=0.4)) as host:
        writer = writer_of(host)
        await writer.record(run(1, start_time=datetime.now(UTC) - timedelta(seconds=1)))
        wanted = {"durationMs": {"min": 2000}, "workflowType": ["Order"]}
        async with listening(host, LIST, filter=wanted) as ear:
            assert await ear.shown() == []

            async def moved() -> bool:
                await writer.record(run(2, workflow_type="Other"))
                return not ear.heard.empty()

            await eventually(moved)
            assert await ear.shown() == ["w-1"]


async def test_a_lost_hint_costs_the_fallback_interval(database: str) -> None:
    often = Settings(fallback_interval=0.1)
    async with hosted(NO_TEMPORAL, database, settings=often) as host, listening(host, LIST) as ear:
        assert await ear.shown() == []
        await Executions(host.database).record([run(1)])
        assert await ear.shown() == ["w-1"]


async def test_a_list_of_runs_with_alerts_follows_the_alerts(host: Host, writer: Writer) -> None:
    row = run(1)
    await writer.record(row)
    async with listening(host, LIST, filter={"hasAlert": True}) as ear:
        assert await ear.shown() == []
        await raised(host, row)
        await writer.tell()
        assert await ear.shown() == ["w-1"]


async def raised(host: Host, row: Execution) -> None:
    finding = Finding(row.run_id, row.workflow_id, "late", 2.0, row.namespace, row.tenant, row.environment)
    finding = replace(finding, workflow_id=row.workflow_id, run_id=row.run_id)
    alerts = Alerts(host.database)
    assert await alerts.settle(Rule("late", AlertKind.RUN_OVERDUE, 1.5), [finding]) == 1
    assert await alerts.count(AlertFilter(is_open=True)) == 1


async def test_its_cursor_goes_on_in_the_change_feed(host: Host, writer: Writer) -> None:
    await writer.record(run(1))
    async with listening(host, LIST) as ear:
        await ear.next()
        await writer.record(run(2))
        place = (await ear.next())["cursor"]
    await writer.record(run(3))
    async with listening(host, FEED, after=place) as feed:
        assert (await feed.next())["workflowId"] == "w-3"


async def test_nothing_lives_on_after_its_followers(host: Host, writer: Writer) -> None:
    tasks = len(asyncio.all_tasks())
    for _ in range(3):
        async with listening(host, LIST) as one, listening(host, COUNTED) as two, listening(host, FEED):
            await one.next()
            await two.next()
            assert metrics.SUBSCRIPTIONS.labels("workflows")._value.get() == 2

    async def left() -> int:
        return len(asyncio.all_tasks())

    await eventually(left, lambda count: count <= tasks)
    assert metrics.SUBSCRIPTIONS.labels("workflows")._value.get() == 0
    assert metrics.SUBSCRIPTIONS.labels("workflowChanges")._value.get() == 0
    assert metrics.LIVE_LISTS._value.get() == 0
    assert metrics.FEED_FOLLOWERS._value.get() == 0


@pytest.mark.parametrize(
    ("variables", "argument"),
    [({"first": 101}, "first"), ({"maxRate": 0.0}, "maxRate"), ({"filter": {"namespace": "strange"}}, "namespace")],
)
async def test_what_cannot_be_asked_is_refused(host: Host, variables: dict[str, Any], argument: str) -> None:
    async with listening(host, LIST, **variables) as ear:
        [failure] = (await ear.raw())["errors"]
        assert failure["extensions"]["code"] == "BAD_USER_INPUT"
        assert argument in failure["message"]
        assert await ear.raw() is None


async def test_a_browsers_reconnect_begins_with_a_snapshot(host: Host, writer: Writer) -> None:
    await writer.record(run(1))
    async with listening(host, LIST) as ear:
        cursor = (await ear.next())["cursor"]
    operation = Operation(LIST, {}, resume=cursor)
    async with aclosing(host.engine.stream(operation, Caller(ANYBODY, "request-1"))) as stream:
        first = await anext(stream)
    assert orjson.loads(first.body)["data"]["workflows"]["kind"] == "SNAPSHOT"
    assert first.cursor is not None
