"""Fill an index with runs that look like a busy cluster's: `python -m benchmarks.rows --help`.

The rows depend on their number and the seed alone, so that every machine measures the same ones. They go into
Postgres by COPY, past Temporal, which knows nothing of them.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import itertools
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from app.errors import TidelineError
from app.model import Execution, WorkflowStatus
from app.store.database import prepare
from app.store.migrations import migrate

COLUMNS = tuple(each.name for each in fields(Execution))
BATCH = 50_000
MANY = 50_000
"""From how many rows on it is quicker to build the indexes afterwards."""
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=90)
RUNS_A_CUSTOMER = 20

TYPES = ("PriceSync", "ImportOrders", "ExportInvoices", "SendCampaign", "RefundPayment", "ProvisionTenant",
         "RotateKeys", "ReindexCatalog", "CloseBooks", "MigrateAccount", "AuditTrail", "YearlyReport")  # fmt: skip
STATUSES = (
    (WorkflowStatus.COMPLETED, 70),
    (WorkflowStatus.FAILED, 18),
    (WorkflowStatus.TIMED_OUT, 2),
    (WorkflowStatus.RUNNING, 5),
    (WorkflowStatus.CANCELED, 2),
    (WorkflowStatus.TERMINATED, 1),
    (WorkflowStatus.CONTINUED_AS_NEW, 2),
)
FAILURES = (
    ("PaymentDeclined", "The bank declined card ending in 4242 of order %d"),
    ("UpstreamUnavailable", "503 from https://billing.example/v2/prices for page %d"),
    ("ValidationError", "amount must be positive in line %d"),
    ("QuotaExceeded", "quota of 600 requests a minute exceeded at request %d"),
)
PLANS = (("basic", 60), ("pro", 30), ("enterprise", 9), ("trial", 1))
TENANTS = 40
REGIONS = ("eu-central", "eu-west", "us-east", "us-west", "ap-south")


class Choice:
    """Picks values by their weights."""

    def __init__(self, *weighted: tuple[Any, float]) -> None:
        self._values = [value for value, _ in weighted]
        self._until = list(itertools.accumulate(weight for _, weight in weighted))

    def of(self, chance: random.Random) -> Any:
        return self._values[bisect.bisect(self._until, chance.random() * self._until[-1])]


class Rows:
    """`total` runs over the `SPAN` before `until`, in the order of their start, as records of COLUMNS."""

    def __init__(self, total: int, *, seed: int = 1, until: datetime = UNTIL) -> None:
        self.total = total
        self._until = until
        self._chance = random.Random(seed)
        # A few tenants and types have most of the runs.
        self._tenants = Choice(*((f"tenant-{n:02}", 1 / (n + 1)) for n in range(TENANTS)))
        self._types = Choice(*((name, 1 / (n + 1)) for n, name in enumerate(TYPES)))
        self._statuses = Choice(*STATUSES)
        self._plans = Choice(*PLANS)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for number in range(self.total):
            row = self._row(number)
            yield tuple(row.get(column) for column in COLUMNS)

    def _row(self, number: int) -> dict[str, Any]:
        chance = self._chance
        kind, status = self._types.of(chance), self._statuses.of(chance)
        start = self._until - SPAN * ((self.total - number) / self.total)
        run_id = f"{chance.getrandbits(128):032x}"
        run_id = f"{run_id[:8]}-{run_id[8:12]}-{run_id[12:16]}-{run_id[16:20]}-{run_id[20:]}"
        duration = timedelta(seconds=chance.lognormvariate(3.5, 1.6))
        failure = FAILURES[chance.randrange(len(FAILURES))] if status in {"FAILED", "TIMED_OUT"} else None
        tenant = self._tenants.of(chance)
        workflow_id = f"{kind.lower()}-{chance.getrandbits(40):010x}"
        return {
            "namespace": "default",
            "workflow_id": workflow_id,
            "run_id": run_id,
            "workflow_type": kind,
            "task_queue": f"{kind.lower()}-queue",
            "status": status.value,
            "start_time": start,
            "tenant": tenant,
            "environment": "production" if chance.random() < 0.8 else "staging",
            "execution_time": start,
            "close_time": start + duration if status.is_closed else None,
            "history_length": 11 + 6 * chance.randrange(20),
            "history_size_bytes": 2000 + 700 * chance.randrange(40),
            "first_run_id": run_id,
            "root_workflow_id": workflow_id,
            "root_run_id": run_id,
            "created_by": f"user-{chance.randrange(200)}@example.com",
            "metadata": {
                "customer": f"customer-{chance.randrange(max(1, self.total // RUNS_A_CUSTOMER))}",
                "plan": self._plans.of(chance),
                "campaign": f"campaign-{chance.randrange(500)}",
                "region": {"name": REGIONS[chance.randrange(len(REGIONS))], "zone": chance.randrange(4)},
            },
            "memo": {"note": f"run {number}"},
            "search_attributes": {"TenantId": tenant},
            "failure_type": failure[0] if failure else None,
            "failure_message": failure[1] % number if failure else None,
        }


async def fill(url: str, rows: Rows) -> None:
    """Add the rows to a migrated database, in one transaction, and have Postgres look at them."""
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]
    try:
        await prepare(connection)
        async with connection.transaction():
            await connection.execute("set local maintenance_work_mem = '512MB'")
            indexes = await _without_indexes(connection) if rows.total >= MANY else []
            remaining = iter(rows)
            while batch := list(itertools.islice(remaining, BATCH)):
                await connection.copy_records_to_table("executions", records=batch, columns=COLUMNS)
                _say(".")
            for index in indexes:
                await connection.execute(index)
                _say("i")
        await connection.execute("vacuum (analyze) executions, attributes, execution_counts, execution_totals")
        _say("\n")
    finally:
        await connection.close()


async def _without_indexes(connection: asyncpg.Connection) -> list[str]:
    """Drop the indexes that no constraint needs; returns the statements that make them again."""
    found = await connection.fetch(
        "select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index"
        " where indrelid = 'executions'::regclass and not indisprimary and not indisunique"
    )
    for index in found:
        await connection.execute(f"drop index {index['name']}")
    return [index["definition"] for index in found]


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


async def _main(url: str, total: int, seed: int) -> None:
    await migrate(url)
    started = time.perf_counter()
    await fill(url, Rows(total, seed=seed))
    print(f"{total:,} executions in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rows", description=__doc__)
    parser.add_argument("--database-url", required=True, help="a database, which is migrated first")
    parser.add_argument("--executions", type=int, default=1_000_000, help="how many rows to add (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another one gives other rows (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        asyncio.run(_main(arguments.database_url, arguments.executions, arguments.seed))
    except TidelineError as error:
        sys.exit(f"benchmarks.rows: {error.message}")
