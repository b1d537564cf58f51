"""How many runs a list has: kept, counted, or estimated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import DatabaseUnavailable
from app.model import WorkflowStatus
from app.store import Database, Executions, Filter
from app.store.listing import Count, Counted
from benchmarks.rows import Rows, fill
from tests.integration.test_store_executions import closed, execution


async def test_kept_counts_follow_every_write(db: Database) -> None:
    runs = Executions(db)

    async def counts() -> list[int]:
        wanted = (Filter(), Filter(statuses=(WorkflowStatus.RUNNING,)), Filter(tenant="other"))
        return [(await runs.count(each)).value for each in wanted]

    row, other = execution(), execution("order-2")
    await runs.record([row, other])
    assert await counts() == [2, 2, 0]
    await runs.record([closed(row), other])
    assert await counts() == [2, 1, 0]
    await runs.record([replace(other, tenant="other")])
    assert await counts() == [2, 1, 1]
    await runs.delete(row.ref)
    assert await counts() == [1, 1, 1]


async def test_counts_of_many_rows(database: str, db: Database) -> None:
    await fill(database, Rows(60_000))
    kept = Filter(statuses=(WorkflowStatus.FAILED,), none=(Filter(tenant="tenant-00"),))
    before = db.statements
    assert await Executions(db).count(kept) == Count(
        await db.fetchval("select count(*) from executions where status = 'FAILED' and tenant <> 'tenant-00'")
    )
    assert db.statements == before + 2

    rare = Filter(metadata={"customer": "customer-7"})
    exact = await db.fetchval("select count(*) from executions where metadata->>'customer' = 'customer-7'")
    assert await Counted(db, patience_ms=5000).count(rare) == Count(exact)

    # No index finds what an id contains, and a millisecond is not enough for sixty thousand.
    before = db.statements
    estimate = await Counted(db, patience_ms=1).count(Filter(workflow_id_contains="a"))
    assert estimate.is_estimate
    assert 0 < estimate.value <= 60_000
    assert db.statements <= before + 6


async def test_a_count_without_a_database_is_no_estimate(db: Database) -> None:
    await db.close()
    with pytest.raises(DatabaseUnavailable):
        await Counted(db).count(Filter(task_queues=("q",)))
