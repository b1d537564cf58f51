"""One indexer leads, another takes over, and both outlive what they depend on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from app.model import ExecutionRef
from app.store import Watermarks
from tests.conftest import TEMPORAL, TemporalServer, free_port
from tests.integration.indexing import SOON, World, is_there, value_of, world_of, world_of_its_own
from tests.waiting import eventually


@pytest.fixture
async def world(temporal: TemporalServer, database: str) -> AsyncIterator[World]:
    async with world_of_its_own(temporal, database) as world:
        yield world


async def test_a_lost_lock_connection_is_noticed_and_another_takes_over(world: World) -> None:
    async with world.indexer() as first:
        await world.leads(first)
        async with world.indexer() as second:
            await eventually(lambda: _waiting(world.url))
            assert not second.is_leader
            await _terminate_holder(world.url)
            await eventually(lambda: value_of(second.is_leader), within=SOON)
            await eventually(lambda: value_of(not first.is_leader), within=SOON)
            ref = await world.start()
            await world.shows(ref)


async def test_a_leader_that_is_killed_is_replaced_at_once(world: World) -> None:
    process = await _indexer_process(world)
    try:
        await eventually(lambda: Watermarks(world.database).lag(world.namespace), is_there, within=30)
        async with world.indexer() as standby:
            await eventually(lambda: _waiting(world.url))
            process.kill()
            await eventually(lambda: value_of(standby.is_leader), within=SOON)
            await world.shows(await world.start())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_the_service_ends_cleanly_when_told(world: World) -> None:
    process = await _indexer_process(world)
    try:
        await eventually(lambda: Watermarks(world.database).lag(world.namespace), is_there, within=30)
        process.terminate()
        async with asyncio.timeout(10):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _indexer_process(world: World) -> asyncio.subprocess.Process:
    program = (
        "import asyncio, signal\n"
        "from app.indexer import run\n"
        "from app.settings import Settings\n"
        "async def main():\n"
        "    task = asyncio.ensure_future(run(Settings.load()))\n"
        "    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)\n"
        "    await asyncio.gather(task, return_exceptions=True)\n"
        "asyncio.run(main())\n"
    )
    environment = {
        "DATABASE_URL": world.url,
        "TEMPORAL_ADDRESS": world.address,
        "TEMPORAL_NAMESPACE": world.namespace,
    }
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environment)


async def _sql(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _waiting(url: str) -> bool:
    """Whether an indexer waits for the lock."""
    return bool(
        await _sql(
            url,
            "select exists (select from pg_locks l join pg_database d on d.oid = l.database"
            " where locktype = 'advisory' and not granted and d.datname = current_database())",
        )
    )


async def _terminate_holder(url: str) -> None:
    await _sql(
        url,
        "select pg_terminate_backend(pid) from pg_locks l join pg_database d on d.oid = l.database"
        " where locktype = 'advisory' and granted and d.datname = current_database()",
    )


async def test_heals_when_postgres_drops_every_connection(world: World) -> None:
    async with world.indexer() as indexer:
        await world.leads(indexer)
        for _ in range(3):
            await _sql(
                world.url,
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()",
            )
            ref = await world.start()
            await eventually(lambda ref=ref: _found(world, ref))  # type: ignore[misc]


async def _found(world: World, ref: ExecutionRef) -> bool:
    try:
        return await world.executions.get(ref) is not None
    except Exception:  # noqa: BLE001 - this connection was dropped too
        return False


async def test_waits_for_temporal_and_heals_when_itis_there(database: str, tmp_path: Path) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"

    async def server() -> WorkflowEnvironment:
        return await WorkflowEnvironment.start_local(
            port=port,
            dev_server_existing_path=TEMPORAL,
            dev_server_extra_args=["--db-filename", str(tmp_path / "temporal.db")],
        )

    client = await Client.connect(address, lazy=True)
    async with world_of(address, client, database) as world, world.indexer() as indexer:
        await eventually(lambda: value_of(indexer.is_leader))
        first = await server()
        await world.shows(await world.start(), within=20)
        await first.shutdown()
        await eventually(lambda: value_of((indexer.lag or 0) > 1))
        second = await server()
        await world.shows(await world.start(), within=20)
        await second.shutdown()
