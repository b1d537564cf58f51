from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from app.model import ChangeKind, Execution, Projection, WorkflowStatus
from app.store import Archive, Database, Executions, Filter
from app.store.retention import Retention

NOW = datetime.now(UTC)


def closed(run_id: str, tenant: str, days: float) -> Execution:
    """A run that closed so many days ago."""
    return Execution(
        namespace="default",
        workflow_id=f"order-{run_id}",
        run_id=run_id,
        workflow_type="Order",
        task_queue="orders",
        status=WorkflowStatus.COMPLETED,
        start_time=NOW - timedelta(days=days, hours=1),
        close_time=NOW - timedelta(days=days),
        tenant=tenant,
        environment="production",
    )


async def test_each_tenant_keeps_its_runs_as_long_as_it_says(db: Database) -> None:
    executions, archive, retention = Executions(db), Archive(db), Retention(db)
    rows = [
        closed(f"{tenant}-{days}", tenant, days)
        for tenant in ("acme", "eternal", "globex", "usual")
        for days in (1, 10, 100)
    ]
    running = Execution(
        "default", "w", "r", "Order", "q", WorkflowStatus.RUNNING, NOW - timedelta(days=400), "acme", "production"
    )
    await executions.record([*rows, running])
    for row in rows:
        await archive.put(row.ref, Projection(), [])
    await retention.keep("acme", 5)
    await retention.keep("eternal", math.inf)
    await retention.keep("globex", 50)
    await retention.keep("globex", 500)
    gone = {ref.run_id for ref in await retention.prune(30)}
    assert gone == {"acme-10", "acme-100", "usual-100"}
    assert await retention.prune(30) == []
    assert (await executions.count(Filter())).value == 10
    for row in rows:
        assert (await archive.length(row.ref) is None) == (row.run_id in gone)
    kinds = await db.fetch("select run_id from changes where kind = $1", ChangeKind.DELETED)
    assert {row["run_id"] for row in kinds} == gone


async def test_without_a_setting_only_those_tenants_forget_that_say_so(db: Database) -> None:
    await Executions(db).record([closed("a", "acme", 1000), closed("b", "globex", 1000)])
    retention = Retention(db)
    assert await retention.prune(None) == []
    await retention.keep("globex", 30)
    assert [ref.run_id for ref in await retention.prune(None)] == ["b"]
    await retention.keep("acme", 30)
    await retention.keep("acme", None)
    assert await retention.prune(None) == []


async def test_pruning_goes_in_small_batches_oldest_first(db: Database) -> None:
    await Executions(db).record([closed(f"r{days}", "acme", days) for days in range(40, 50)])
    retention = Retention(db)
    assert {ref.run_id for ref in await retention.prune(30, limit=4)} == {"r46", "r47", "r48", "r49"}
    assert len(await retention.prune(30, limit=4)) == 4
    assert len(await retention.prune(30, limit=4)) == 2
