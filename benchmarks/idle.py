"""What a connection costs that nothing happens on: `python -m benchmarks.idle` rewrites their table in README.md.

Each kind is measured in a gateway process of its own, since a second one would find what the first has let go of.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil
from temporalio.client import Client

from benchmarks.fanout.servers import backends, gateway
from benchmarks.sockets import Socket, connect
from benchmarks.table import Row, machine, versions, write

CONNECTIONS, AT_ONCE, SECONDS = 1000, 50, 6.0
EVENTS = "subscription ($id: String!) { workflowEvents(workflowId: $id) { cursor event { eventId eventType } } }"
FIRST_EVENTS = 2
"""That a run begins with, each an update."""
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """Where to connect to, and the run to subscribe to."""

    port: int
    workflow_id: str


async def http(place: Place) -> object:
    """Kept alive after a request."""
    return await _asked(place, {"query": "{ __typename }"}, "application/json", b"Query")


async def sse(place: Place) -> object:
    """A stream of server-sent events, after the first ones."""
    body = {"query": EVENTS, "variables": {"id": place.workflow_id}}
    return await _asked(place, body, "text/event-stream", b"event: next", FIRST_EVENTS)


async def _asked(place: Place, body: object, accept: str, awaited: bytes, times: int = 1) -> asyncio.StreamWriter:
    """A connection on which `awaited` has come as many times."""
    reader, writer = await asyncio.open_connection(HOST, place.port)
    sent = orjson.dumps(body)
    head = f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nAccept: {accept}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
    found = b""
    async with asyncio.timeout(60):
        while found.count(awaited) < times:
            found += await reader.read(65536)
    return writer


async def socket(place: Place) -> Socket:
    """Acknowledged, with nothing subscribed."""
    return await connect(HOST, place.port, lambda *_: None)


async def subscriber(place: Place) -> Socket:
    """On the events of a run, after the first ones."""
    there = asyncio.Event()

    def message(found: Socket, _: bytes) -> None:
        if found.received >= FIRST_EVENTS:
            there.set()

    found = await connect(HOST, place.port, message)
    found.subscribe(EVENTS, {"id": place.workflow_id})
    async with asyncio.timeout(60):
        await there.wait()
    return found


KINDS: dict[str, Callable[[Place], Awaitable[object]]] = {
    "HTTP, kept alive": http,
    "WebSocket, nothing subscribed": socket,
    "WebSocket, one subscription": subscriber,
    "server-sent events": sse,
}


async def measured(name: str, url: str, client: Client) -> Row:
    handle = await client.start_workflow("Idle", id=f"idle-{uuid.uuid4().hex[:10]}", task_queue="nobody")
    async with gateway(url, client) as (child, port):
        place, process = Place(port, handle.id), psutil.Process(child.pid)
        warm = [await KINDS[name](place) for _ in range(AT_ONCE)]
        before = process.memory_info().rss
        held = []
        for _ in range(0, CONNECTIONS, AT_ONCE):
            held += await asyncio.gather(*(KINDS[name](place) for _ in range(AT_ONCE)))
        grown = process.memory_info().rss - before
        spent = process.cpu_times()
        await asyncio.sleep(SECONDS)
        now = process.cpu_times()
        busy = now.user + now.system - spent.user - spent.system
        for each in (*warm, *held):
            _closed(each)
    figures = (
        f"{grown / CONNECTIONS / 1024:.1f}",
        f"{busy / len([*warm, *held]) * 60 / SECONDS * 1000:.2f}",
        f"{100 * busy / SECONDS:.1f}",
    )
    return Row(name, figures)


def _closed(connection: object) -> None:
    if isinstance(connection, (Socket, asyncio.StreamWriter)):
        connection.close()


async def main(folder: Path) -> None:
    async with backends(folder) as (url, client):
        rows = [await measured(name, url, client) for name in KINDS]
    conditions = [
        f"Machine: {machine()}.",
        f"Versions: {versions('uvicorn', 'websockets', 'strawberry-graphql')}.",
        f"{CONNECTIONS:,} connections to one gateway process, beside {AT_ONCE} to warm up: the resident memory that"
        f" they add, and then {SECONDS:.0f} s in which nothing happens but pings and heartbeats.",
    ]
    headings = ("an idle connection", "KiB", "CPU ms a minute", "% of a core for all")
    write("idle", headings, rows, conditions)


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m benchmarks.idle", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary)))
