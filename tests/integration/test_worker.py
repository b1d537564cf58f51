"""The worker process: it waits for Temporal, resumes what another one left, and leaves in order."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.datastructures import Secret
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from app import worker
from app.errors import ConfigurationError
from app.settings import Settings
from app.workflows import demo
from app.workflows.price_sync.model import PriceSyncResult
from app.workflows.price_sync.workflow import TASK_QUEUE, PriceSyncWorkflow
from tests.conftest import TEMPORAL, TemporalServer, free_port
from tests.integration.worker_process import worker_process
from tests.prices import ITEMS, LOOPBACK, PRO, PriceServer, events, from_http, heartbeat, price_server
from tests.waiting import eventually

DEADLINE = timedelta(seconds=60)


async def start(client: Client, request: Any) -> WorkflowHandle[Any, PriceSyncResult]:
    return await client.start_workflow(
        PriceSyncWorkflow.run,
        request,
        id=f"price-sync-{uuid.uuid4()}",
        task_queue=TASK_QUEUE,
        execution_timeout=DEADLINE,
    )


@asynccontextmanager
async def process(address: str, database: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker that reaches one database, and servers of this machine."""
    settings = {"TIDELINE_OUTBOUND_NETWORKS": "127.0.0.0/8", "TIDELINE_SHUTDOWN_GRACE": "3"}
    connections = f"demo={database}"
    async with worker_process(log, TEMPORAL_ADDRESS=address, TIDELINE_CONNECTIONS=connections, **settings) as started:
        yield started


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """`worker.run` as a task, cancelled and awaited afterwards."""
    task = asyncio.create_task(worker.run(settings))
    try:
        yield task
    finally:
        task.cancel()
        async with asyncio.timeout(settings.shutdown_grace + 5):
            await asyncio.wait([task])
        assert task.cancelled()


async def logged(entries: list[Any], event: str) -> Any:
    async def found() -> Any:
        return next((entry for entry in entries if entry["event"] == event), None)

    return await eventually(found, within=20)


@pytest.fixture
async def server() -> AsyncIterator[PriceServer]:
    async with price_server() as running:
        yield running


async def test_another_worker_goes_on_where_a_killed_one_was(
    temporal: TemporalServer, empty_database: str, server: PriceServer, tmp_path: Path
) -> None:
    await demo.seed(empty_database)
    reached = server.hold(30)
    handle = await start(temporal.client, from_http(server))
    async with process(temporal.address, empty_database, tmp_path / "first.log") as first:
        async with asyncio.timeout(30):
            await reached.wait()
        beat = await heartbeat(handle, 30)
        first.send_signal(signal.SIGKILL)
        await first.wait()
    assert (beat["completed"], beat["percent"], server.pages) == (30, 50.0, [0, 10, 20, 30])
    async with process(temporal.address, empty_database, tmp_path / "second.log"):
        result = await handle.result()
    assert server.pages == [0, 10, 20, 30, 30, 40, 50]
    assert (result.prices, result.total, result.created, result.unchanged) == (60, 300, 300, 0)
    failures = [
        event.activity_task_started_event_attributes.last_failure.timeout_failure_info.timeout_type
        for event in await events(handle)
        if event.activity_task_started_event_attributes.attempt == 2
    ]
    assert failures == [4], "the first attempt must end by its heartbeat timeout"


async def test_a_worker_that_leaves_hands_over(
    temporal: TemporalServer, empty_database: str, server: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await demo.seed(empty_database)
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal.address)
    settings = Settings(connections=Secret(f"demo={empty_database}"), outbound_networks=LOOPBACK, shutdown_grace=2.0)
    reached = server.hold(20)
    handle = await start(temporal.client, from_http(server))
    async with running(settings):
        await reached.wait()
    # Told though it was younger than the time between two heartbeats.
    assert (await heartbeat(handle, 20))["completed"] == 20
    async with running(settings):
        result = await handle.result()
    assert server.pages == [0, 10, 20, 20, 30, 40, 50]
    assert (result.prices, result.created, result.unchanged) == (60, 300, 0)


async def test_waits_for_temporal_and_seeds_the_demo(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{port}")
    settings = Settings(
        connections=Secret(f"demo={empty_database}"),
        demo=True,
        namespaces=("billing", "other"),
        temporal_timeout=2.0,
        shutdown_grace=2.5,
    )
    with structlog.testing.capture_logs() as entries:
        async with running(settings) as task:
            waiting = await logged(entries, "worker.waiting")
            assert waiting["waiting_for"] == f"Temporal at 127.0.0.1:{port}"
            async with await WorkflowEnvironment.start_local(
                namespace="billing", port=port, dev_server_existing_path=TEMPORAL
            ) as environment:
                handle = await start(environment.client, PRO)
                assert (await handle.result()).created == ITEMS
                assert not task.done()
                task.cancel()
                await asyncio.wait([task])
        started = await logged(entries, "worker.started")
    assert (started["task_queue"], started["namespace"]) == (TASK_QUEUE, "billing")
    assert {entry["event"] for entry in entries} >= {"worker.demo_ready", "worker.stopped"}
    assert empty_database not in str(entries)


async def test_a_namespace_that_does_not_exist_is_waited_for(
    temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal.address)
    with structlog.testing.capture_logs() as entries:
        async with running(Settings(namespaces=("absent",))):
            waiting = await logged(entries, "worker.waiting")
    assert "absent" in waiting["because"]
    assert "temporal operator namespace create" in waiting["because"]


@pytest.mark.parametrize("connections", [None, "demo=nonsense://x"])
async def test_a_demo_without_a_usable_database_is_refused(connections: str | None) -> None:
    text = Secret(connections) if connections else None
    with pytest.raises(ConfigurationError, match=r"connection.* demo"):
        await worker.run(Settings(connections=text, demo=True))
