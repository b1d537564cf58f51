from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.model import Execution, ExecutionRef, WorkflowStatus
from app.store import Database, Executions, Filter, Listing, Position
from app.store.listing import Count
from tests.integration.test_store_executions import NOON, closed, execution


async def ids(runs: Executions, **fields: Any) -> set[str]:
    filter_ = Filter(**fields)
    page = await runs.page(Listing(filter_))
    assert await runs.count(filter_) == Count(len(page.items))
    return {each.workflow_id for each in page.items}


async def test_filters(runs: Executions) -> None:
    hour = timedelta(hours=1)
    parent = ExecutionRef("default", "a%b", "run-of-parent")
    a = execution("a%b", run_id=parent.run_id, first_run_id="chain", metadata={"customer": "x", "tags": ["p", "q"]})
    b = execution("a_b", workflow_type="Refund", tenant="other", start_time=NOON + hour)
    c = closed(execution("axb", task_queue="slow", environment="staging", metadata={"customer": "y"}))
    d = execution(
        "b",
        namespace="second",
        status=WorkflowStatus.PAUSED,
        parent_workflow_id="a%b",
        parent_run_id=parent.run_id,
    )
    e = execution("child", parent_workflow_id="a%b", parent_run_id=parent.run_id, first_run_id="chain")
    await runs.record([a, b, c, d, e])
    everything = {"a%b", "a_b", "axb", "b", "child"}
    assert await ids(runs) == everything
    assert await ids(runs, tenant="acme") == everything - {"a_b"}
    assert await ids(runs, tenant="acme", environment="staging") == {"axb"}
    assert await ids(runs, namespaces=("second",)) == {"b"}
    assert await ids(runs, workflow_types=("Refund",)) == {"a_b"}
    assert await ids(runs, workflow_types=("Refund", "Order")) == everything
    assert await ids(runs, statuses=(WorkflowStatus.COMPLETED, WorkflowStatus.PAUSED)) == {"axb", "b"}
    assert await ids(runs, task_queues=("slow",)) == {"axb"}
    assert await ids(runs, workflow_id="a_b") == {"a_b"}
    assert await ids(runs, workflow_id_prefix="a") == {"a%b", "a_b", "axb"}
    assert await ids(runs, workflow_id_prefix="a_") == {"a_b"}
    assert await ids(runs, workflow_id_prefix="a%") == {"a%b"}
    assert await ids(runs, workflow_id_contains="%") == {"a%b"}
    assert await ids(runs, workflow_id_contains="il") == {"child"}
    assert await ids(runs, workflow_id_contains="\\") == set()
    assert await ids(runs, run_id=b.run_id) == {"a_b"}
    assert await ids(runs, first_run_id="chain") == {"a%b", "child"}
    assert await ids(runs, parent=parent) == {"child"}
    assert await ids(runs, started_after=NOON + hour) == {"a_b"}
    assert await ids(runs, started_before=NOON + hour) == everything - {"a_b"}
    assert await ids(runs, closed_after=NOON) == {"axb"}
    assert await ids(runs, closed_before=NOON) == set()
    assert await ids(runs, metadata={"customer": "x"}) == {"a%b"}
    assert await ids(runs, metadata={"tags": ["q"]}) == {"a%b"}
    assert await ids(runs, metadata={"customer": "x' or true --"}) == set()


async def test_pages_walk_the_list_both_ways(runs: Executions, db: Database) -> None:
    # Four runs share each start, so that only the run id orders them.
    rows = [execution(f"order-{n}", start_time=NOON + timedelta(seconds=n // 4)) for n in range(22)]
    await runs.record(rows)
    expected = sorted(rows, key=lambda row: (row.start_time, row.run_id), reverse=True)
    before = db.statements

    walked: list[Execution] = []
    after: Position | None = None
    while True:
        page = await runs.page(Listing(limit=5, after=after))
        assert page.has_previous == (after is not None)
        walked += page.items
        after = Position(page.items[-1].start_time, page.items[-1].run_id)
        if not page.has_next:
            break
    assert walked == expected
    assert db.statements == before + 5

    backwards: list[Execution] = []
    ahead: Position | None = None
    while True:
        page = await runs.page(Listing(limit=5, before=ahead, from_end=True))
        assert page.has_next == (ahead is not None)
        backwards = [*page.items, *backwards]
        ahead = Position(page.items[0].start_time, page.items[0].run_id)
        if not page.has_previous:
            break
    assert backwards == expected


async def test_a_page_does_not_shift_when_runs_start_meanwhile(runs: Executions) -> None:
    rows = [execution(f"order-{n}", start_time=NOON + timedelta(seconds=n)) for n in range(6)]
    await runs.record(rows)
    first = await runs.page(Listing(limit=3))
    await runs.record([execution("newer", start_time=NOON + timedelta(hours=1))])
    last = first.items[-1]
    second = await runs.page(Listing(limit=3, after=Position(last.start_time, last.run_id)))
    assert [each.workflow_id for each in second.items] == ["order-2", "order-1", "order-0"]
    between = await runs.page(
        Listing(
            limit=10,
            after=Position(rows[5].start_time, rows[5].run_id),
            before=Position(rows[1].start_time, rows[1].run_id),
        )
    )
    assert [each.workflow_id for each in between.items] == ["order-4", "order-3", "order-2"]


async def test_a_scoped_list_reads_an_index_in_order(runs: Executions, db: Database) -> None:
    await runs.record([execution(f"order-{n}", start_time=NOON + timedelta(seconds=n)) for n in range(3000)])
    await db.execute("analyze executions")
    plan = await db.fetch(
        "explain select * from executions where tenant = 'acme' and environment = 'production'"
        " and status = 'RUNNING' and (start_time, run_id) < (now(), 'x') order by start_time desc, run_id desc limit 51"
    )
    text = "\n".join(row[0] for row in plan)
    assert "Index Scan" in text
    assert "Sort" not in text
