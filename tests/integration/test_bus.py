"""Hints across processes, over the real Postgres: delivery, loss, recovery, bounds."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.bus import MAX_BYTES, RESYNC, Bus, Listener
from app.errors import ConfigurationError
from tests.conftest import free_port
from tests.waiting import eventually

KILL = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = $1"


async def heard(listener: Listener, hint: str) -> list[str]:
    """Everything that the listener hears until the hint, which is the last."""
    hints = []
    async with asyncio.timeout(20):
        async for each in listener:
            hints.append(each)
            if each == hint:
                return hints
    raise AssertionError(f"the listener ended without {hint!r}, after {hints}")


async def refused(bus: Bus) -> None:
    async def has_failed() -> bool:
        return "cannot connect" in bus.healthy[1]

    await eventually(has_failed)


@asynccontextmanager
async def connected(url: str, ping_interval: float = 0.2) -> AsyncIterator[Bus]:
    async with Bus(url, ping_interval=ping_interval, max_backoff=0.2) as bus:
        await heard(bus.listen("runs"), RESYNC)
        yield bus


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[Any]:
    opened: Any = await asyncpg.connect(url)
    try:
        yield opened
    finally:
        await opened.close()


async def test_hint_reaches_every_process_and_only_its_channel(empty_database: str) -> None:
    async with connected(empty_database) as one, connected(empty_database) as other:
        own, far, aside = one.listen("changes"), other.listen("changes"), other.listen("runs")
        assert await one.publish("changes", "42")
        assert await heard(own, "42") == ["42"]
        assert await heard(far, "42") == ["42"]
        assert await other.publish("runs", "r1")
        assert await heard(aside, "r1") == ["r1"]
        assert one.healthy == (True, "Hints travel.")


async def test_killed_connections_are_noticed_and_replaced(empty_database: str) -> None:
    async with connected(empty_database) as one, connected(empty_database) as other:
        ears = [one.listen("changes"), other.listen("changes")]
        async with connection(empty_database) as admin:
            name = await admin.fetchval("select current_database()")
            killed = await admin.fetch(KILL, name)
        assert len(killed) == 2, "each bus has one connection"
        for ear in ears:
            assert await heard(ear, RESYNC) == [RESYNC]
        assert await one.publish("changes", "after")
        for ear in ears:
            assert (await heard(ear, "after"))[-1] == "after"


async def test_without_a_server_publish_says_so_and_the_reason_is_readable() -> None:
    async with Bus(f"postgresql://nobody@127.0.0.1:{free_port()}/none", max_backoff=0.05) as bus:
        assert await bus.publish("changes", "1") is False
        await refused(bus)
        assert bus.healthy[0] is False


async def test_first_connection_may_come_late(postgres_server: str) -> None:
    """The database appears after the bus has started."""
    name = "late_for_the_bus"
    url = postgres_server.replace("/postgres?", f"/{name}?")
    async with Bus(url, ping_interval=0.2, max_backoff=0.05) as bus, connection(postgres_server) as admin:
        ear = bus.listen("changes")
        await refused(bus)
        await admin.execute(f"create database {name}")
        assert await heard(ear, RESYNC) == [RESYNC]


async def test_concurrent_publishes_all_arrive(empty_database: str) -> None:
    async with connected(empty_database) as one, connected(empty_database) as other:
        ear = other.listen("changes")
        sent = await asyncio.gather(*(one.publish("changes", str(number)) for number in range(500)))
        assert all(sent)
        hints = {await anext(ear) for _ in range(500)}
        assert hints == {str(number) for number in range(500)}


async def test_slow_listener_holds_one_resync_instead_of_its_overflow(empty_database: str) -> None:
    async with connected(empty_database) as bus:
        slow, quick = bus.listen("changes", capacity=10), bus.listen("changes")
        for number in range(30):
            await bus.publish("changes", str(number))
        await heard(quick, "29")
        assert await anext(slow) == RESYNC
        await bus.publish("changes", "again")
        assert await heard(slow, "again") == ["again"]


async def test_waiting_hint_is_not_queued_twice() -> None:
    ear = Listener("changes", capacity=2)
    for hint in ("a", "b", "a", "b", "a"):
        ear.offer(hint)
    ear.close()
    assert [hint async for hint in ear] == ["a", "b"]


async def test_overflow_becomes_one_resync_and_hearing_goes_on() -> None:
    ear = Listener("changes", capacity=2)
    for hint in ("a", "b", "c", "d"):
        ear.offer(hint)
    assert await anext(ear) == RESYNC
    ear.offer("e")
    ear.close()
    ear.offer("too late")
    assert [hint async for hint in ear] == ["e"]


async def test_close_wakes_and_ends_listeners(empty_database: str) -> None:
    async with Bus(empty_database) as bus:
        ear = bus.listen("changes")
        await heard(ear, RESYNC)
        waiting = asyncio.create_task(anext(ear, "ended"))
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await waiting == "ended"
    assert bus.healthy == (False, "The bus is closed.")
    assert await bus.publish("changes", "1") is False


async def test_close_leaves_no_connection(empty_database: str) -> None:
    async with connected(empty_database):
        pass
    async with connection(empty_database) as admin:
        name = await admin.fetchval("select current_database()")

        async def is_alone() -> bool:
            return not await admin.fetch(KILL.replace("pg_terminate_backend(pid)", "pid"), name)

        await eventually(is_alone)


async def test_dropped_listener_is_forgotten() -> None:
    bus = Bus("memory://")
    ear = bus.listen("changes")
    assert len(bus._listeners["changes"]) == 1
    del ear
    gc.collect()
    assert len(bus._listeners["changes"]) == 0


async def test_what_is_no_hint_is_refused() -> None:
    async with connected("memory://") as bus:
        with pytest.raises(ValueError, match="ids only"):
            await bus.publish("changes", "x" * (MAX_BYTES + 1))
        with pytest.raises(ValueError, match="no channel 'gossip'"):
            await bus.publish("gossip", "1")


async def test_longest_hint_travels(empty_database: str) -> None:
    async with connected(empty_database) as bus:
        ear = bus.listen("changes")
        longest = "x" * MAX_BYTES
        assert await bus.publish("changes", longest)
        assert await heard(ear, longest) == [longest]


async def test_memory_reaches_own_listeners() -> None:
    async with connected("memory://") as bus:
        ear = bus.listen("changes")
        assert await bus.publish("changes", "1")
        assert await heard(ear, "1") == ["1"]


@pytest.mark.parametrize("url", ["kafka://localhost", "localhost", "postgresql+asyncpg://localhost/x"])
def test_unknown_backend_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="TIDELINE_BUS_URL"):
        Bus(url)


async def test_redis_delivers_and_recovers(redis_url: str) -> None:
    redis = pytest.importorskip("redis.asyncio")
    async with connected(redis_url) as one, connected(redis_url) as other:
        ear = other.listen("changes")
        assert await one.publish("changes", "1")
        await heard(ear, "1")
        admin = redis.Redis.from_url(redis_url)
        await admin.client_kill_filter(_type="pubsub")
        await admin.aclose()
        await heard(ear, RESYNC)
        await eventually(lambda: one.publish("changes", "2"))  # it has to come back as well
        await heard(ear, "2")
