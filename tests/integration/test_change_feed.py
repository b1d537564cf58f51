"""The change feed as GraphQL clients follow it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from app.bus import Bus
from app.model import Execution
from app.settings import Settings
from app.store import Changes
from app.store.retention import Retention
from tests.integration.change_log import entries
from tests.integration.gateways import Host, hosted, member
from tests.integration.live import FEED, Counting, Ear, Writer, listening, writer_of
from tests.integration.test_store_executions import NOON, closed, execution
from tests.waiting import eventually

NO_TEMPORAL = "127.0.0.1:1"
NEVER = Settings(fallback_interval=3600)


@pytest.fixture
async def host(database: str) -> AsyncIterator[Host]:
    async with hosted(NO_TEMPORAL, database, settings=NEVER) as host:
        yield host


@pytest.fixture
def writer(host: Host) -> Writer:
    return writer_of(host)


def run(n: int, **fields: Any) -> Execution:
    return execution(f"w-{n}", **{"start_time": NOON + timedelta(minutes=n), "environment": "default", **fields})


async def told(ear: Ear) -> tuple[str, str, str | None]:
    """Kind, workflow id, and the status of the run as it is."""
    update = await ear.next()
    assert update["gap"] is None
    return update["kind"], update["workflowId"], (update["execution"] or {}).get("status")


async def place_now(host: Host, writer: Writer) -> str:
    """A cursor behind everything that there is."""
    marker = execution("marker")
    async with listening(host, FEED, filter={"workflowId": {"equals": "marker"}}) as ear:
        await eventually(lambda: following(host))
        await writer.record(marker)
        cursor: str = (await ear.next())["cursor"]
    return cursor


async def following(host: Host) -> bool:
    return host.gateway.feeds._feed.head.xid > 0


async def travels(bus: Bus) -> bool:
    return bus.healthy[0]


async def test_each_kind_of_change_with_the_run_as_it_is(host: Host, writer: Writer) -> None:
    place = await place_now(host, writer)
    row = run(1)
    async with listening(host, FEED, after=place) as ear:
        await writer.record(row)
        assert await told(ear) == ("STARTED", "w-1", "RUNNING")
        await writer.record(replace(row, history_length=5))
        assert await told(ear) == ("UPDATED", "w-1", "RUNNING")
        await writer.record(closed(row))
        assert await told(ear) == ("CLOSED", "w-1", "COMPLETED")
        await writer.delete(row)
        assert await told(ear) == ("DELETED", "w-1", None)


async def test_it_resumes_on_any_process_exactly_behind_its_cursor(host: Host, writer: Writer, database: str) -> None:
    place = await place_now(host, writer)
    await writer.record(run(1))
    await writer.record(run(2))
    async with listening(host, FEED, after=place) as ear:
        first = await ear.next()
        assert first["workflowId"] == "w-1"
    await writer.record(run(3))
    async with hosted(NO_TEMPORAL, database, settings=NEVER) as other:
        for gateway in (host, other):
            async with listening(gateway, FEED, after=first["cursor"]) as ear:
                assert [(await told(ear))[1] for _ in range(2)] == ["w-2", "w-3"]


async def test_the_filter_is_of_the_run_now_and_of_a_deleted_one_as_it_was(host: Host, writer: Writer) -> None:
    place = await place_now(host, writer)
    mine, other = run(1, metadata={"customer": {"id": 7}}), run(2, metadata={"customer": {"id": 8}})
    await writer.record(mine, other)
    await writer.record(closed(mine), closed(other))
    await writer.delete(other)
    await writer.delete(mine)
    await writer.record(run(3, metadata={"customer": {"id": 7}}))
    wanted = {"metadataAt": {"path": ["customer", "id"], "equals": 7}}
    async with listening(host, FEED, after=place, filter=wanted) as ear:
        assert await told(ear) == ("DELETED", "w-1", None)
        assert await told(ear) == ("STARTED", "w-3", "RUNNING")
    async with listening(
        host, FEED, after=place, filter={"and": [wanted], "search": "w", "status": ["RUNNING"]}
    ) as ear:
        assert await told(ear) == ("STARTED", "w-3", "RUNNING")


async def test_retention_tells_of_what_it_forgets(host: Host, writer: Writer) -> None:
    old = closed(run(1))
    await writer.record(old)
    place = await place_now(host, writer)
    async with listening(host, FEED, after=place, filter={"workflowType": ["Order"]}) as ear:
        assert await Retention(host.database).prune(1) == [old.ref]
        await writer.tell()
        assert await told(ear) == ("DELETED", "w-1", None)


async def test_tenants_are_told_of_their_own_and_of_what_leaves_them(host: Host, writer: Writer) -> None:
    place = await place_now(host, writer)
    row, beta_row = run(1), run(2, tenant="beta")
    await writer.record(row, beta_row)
    await writer.record(replace(row, tenant="beta"))
    await writer.record(replace(beta_row, environment="elsewhere"))
    await writer.record(run(3), run(4, tenant="beta"))
    async with (
        listening(host, FEED, member("acme"), after=place) as acme,
        listening(host, FEED, member("beta"), after=place) as beta,
        listening(host, FEED, member("acme"), after=place, filter={"tenant": "beta"}) as prying,
    ):
        # Its start is no longer told: the run is beta's now.
        assert await told(acme) == ("DELETED", "w-1", None)
        assert await told(acme) == ("STARTED", "w-3", "RUNNING")
        assert await told(beta) == ("UPDATED", "w-1", "RUNNING")
        assert await told(beta) == ("DELETED", "w-2", None)
        assert await told(beta) == ("STARTED", "w-4", "RUNNING")
        assert prying.heard.empty()


async def test_many_who_ask_the_same_are_answered_by_one_statement(
    host: Host, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await place_now(host, writer)
    matching = host.gateway.feeds._matches._matching
    monkeypatch.setattr(matching, "of", decided := Counting(matching.of))
    async with (
        listening(host, FEED, after=place) as one,
        listening(host, FEED, after=place) as two,
        listening(host, FEED.replace("namespace", ""), after=place) as three,
    ):
        ears = (one, two, three)
        for number, rows in enumerate(([run(1)], [run(n) for n in range(2, 30)]), 1):
            await writer.record(*rows)
            for ear in ears:
                assert [(await told(ear))[0] for _ in rows] == ["STARTED"] * len(rows)
            assert decided.calls == number


async def test_a_cursor_whose_log_is_gone_begins_with_a_gap(host: Host, writer: Writer) -> None:
    place = await place_now(host, writer)
    await writer.record(run(1))
    await writer.record(run(2))
    await host.database.execute("update changes set at = now() - interval '8 days'")
    assert len(await entries(host.database)) == 3
    assert await Changes(host.database).cut(timedelta(days=7)) == 3
    async with listening(host, FEED, after=place) as ear:
        gap = await ear.next()
        assert (gap["kind"], gap["workflowId"], gap["execution"]) == (None, None, None)
        assert "is gone" in gap["gap"]["reason"]
        assert gap["gap"]["resumedAt"] == gap["cursor"]
        await writer.record(run(3))
        assert await told(ear) == ("STARTED", "w-3", "RUNNING")
    async with listening(host, FEED, after=gap["cursor"]) as ear:
        assert await told(ear) == ("STARTED", "w-3", "RUNNING")


@pytest.mark.parametrize("cursor", ["", "nonsense", "A" * 9000])
async def test_a_damaged_cursor_is_refused(host: Host, cursor: str) -> None:
    async with listening(host, FEED, after=cursor) as ear:
        [failure] = (await ear.raw())["errors"]
        assert (failure["extensions"]["code"], await ear.raw()) == ("BAD_USER_INPUT", None)


async def test_writer_and_reader_are_two_processes(database: str) -> None:
    async with (
        hosted(NO_TEMPORAL, database, settings=NEVER, bus_url=database) as here,
        hosted(NO_TEMPORAL, database, settings=NEVER, bus_url=database) as there,
    ):
        for each in (here, there):
            await eventually(partial(travels, each.bus))
        async with listening(there, FEED) as ear:
            await eventually(lambda: following(there))
            for n in range(5):
                await writer_of(here).record(run(n))
                assert (await told(ear))[1] == f"w-{n}"
