from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.model import ChangeKind, Execution, ExecutionRef, WorkflowStatus
from app.store import Database, Executions
from tests.integration.change_log import entries

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def execution(workflow_id: str = "order-1", **fields: Any) -> Execution:
    values: dict[str, Any] = {
        "namespace": "default",
        "run_id": str(uuid.uuid4()),
        "workflow_type": "Order",
        "task_queue": "orders",
        "status": WorkflowStatus.RUNNING,
        "start_time": NOON,
        "tenant": "acme",
        "environment": "production",
    }
    return Execution(workflow_id=workflow_id, **{**values, **fields})


def closed(row: Execution, **fields: Any) -> Execution:
    return replace(row, status=WorkflowStatus.COMPLETED, close_time=row.start_time + timedelta(seconds=90), **fields)


async def kinds(db: Database) -> list[ChangeKind]:
    rows = await db.fetch("select kind from changes order by position")
    return [ChangeKind(row["kind"]) for row in rows]


async def test_a_row_comes_back_as_it_was_recorded(runs: Executions) -> None:
    row = execution(
        execution_time=NOON + timedelta(seconds=5, microseconds=123456),
        close_time=NOON + timedelta(minutes=1),
        status=WorkflowStatus.FAILED,
        history_length=11,
        history_size_bytes=2**40,
        first_run_id="first",
        previous_run_id="previous",
        next_run_id="next",
        parent_workflow_id="parent",
        parent_run_id="parent-run",
        root_workflow_id="root",
        root_run_id="root-run",
        created_by="tom",
        metadata={"customer": {"id": 7}},
        memo={"note": "ü", "list": [1, None]},
        search_attributes={"TenantId": "acme"},
        summary="summary",
        details="details",
        failure_type="Oops",
        failure_message="it broke",
    )
    assert await runs.record([row]) == [(row.ref, ChangeKind.STARTED)]
    assert await runs.get(row.ref) == row


async def test_what_is_not_indexed_is_none(runs: Executions) -> None:
    assert await runs.get(ExecutionRef("default", "x", "y")) is None
    assert await runs.latest("default", "x") is None
    assert await runs.many([]) == {}


async def test_recording_the_same_again_changes_nothing(runs: Executions, db: Database) -> None:
    row = execution()
    await runs.record([row])
    assert await runs.record([row, row]) == []
    assert await kinds(db) == [ChangeKind.STARTED]


async def test_each_change_is_told_and_logged_with_its_kind(runs: Executions, db: Database) -> None:
    row = execution()
    other = execution("order-2")
    told = await runs.record([row, other])
    assert sorted(told, key=lambda each: each[0].workflow_id) == sorted(
        [(row.ref, ChangeKind.STARTED), (other.ref, ChangeKind.STARTED)], key=lambda each: each[0].workflow_id
    )
    noted = replace(row, memo={"note": "x"})
    assert await runs.record([noted, other]) == [(row.ref, ChangeKind.UPDATED)]
    assert await runs.record([closed(noted)]) == [(row.ref, ChangeKind.CLOSED)]
    assert await runs.delete(row.ref)
    assert not await runs.delete(row.ref)
    assert await kinds(db) == [
        ChangeKind.STARTED,
        ChangeKind.STARTED,
        ChangeKind.UPDATED,
        ChangeKind.CLOSED,
        ChangeKind.DELETED,
    ]


async def test_a_batch_is_one_statement(runs: Executions, db: Database) -> None:
    before = db.statements
    await runs.record([execution(f"order-{n}") for n in range(500)])
    assert db.statements == before + 1


async def test_a_closed_run_never_opens_again(runs: Executions) -> None:
    row = execution()
    done = closed(row)
    await runs.record([done])
    assert await runs.record([replace(row, memo={"late": True})]) == []
    assert await runs.get(row.ref) == done
    in_one_batch = execution("order-2")
    await runs.record([closed(in_one_batch), in_one_batch])
    stored = await runs.get(in_one_batch.ref)
    assert stored is not None
    assert stored.status is WorkflowStatus.COMPLETED


async def test_what_a_source_does_not_know_keeps_its_value(runs: Executions) -> None:
    known = closed(
        execution(),
        summary="s",
        created_by="tom",
        failure_type="Oops",
        failure_message="it broke",
        next_run_id="next",
        history_length=20,
    )
    await runs.record([known])
    unknowing = replace(
        known,
        summary=None,
        created_by=None,
        failure_type=None,
        failure_message=None,
        next_run_id=None,
        history_length=0,
        task_queue="",
    )
    assert await runs.record([unknowing]) == []
    assert await runs.get(known.ref) == known


async def test_sources_that_round_differently_do_not_move_a_row(runs: Executions) -> None:
    row = execution()
    await runs.record([row])
    assert await runs.record([replace(row, start_time=NOON + timedelta(microseconds=1))]) == []


async def test_text_that_postgres_cannot_hold_is_stored_without_it(runs: Executions) -> None:
    row = execution(summary="a\0b", memo={"k\0": "v\0"})
    await runs.record([row])
    stored = await runs.get(row.ref)
    assert stored is not None
    assert (stored.summary, stored.memo) == ("a�b", {"k�": "v�"})


async def test_a_run_whose_names_are_too_long_does_not_keep_the_others_out(runs: Executions) -> None:
    too_long = "".join(uuid.uuid4().hex for _ in range(200))
    good = execution("order-2")
    assert await runs.record([execution(tenant=too_long), good]) == [(good.ref, ChangeKind.STARTED)]


async def test_writers_of_the_same_runs_in_other_orders_do_not_block_each_other(runs: Executions) -> None:
    rows = [execution(f"order-{n}") for n in range(200)]
    await runs.record(rows)

    async def write(attempt: int) -> None:
        batch = [replace(row, memo={"attempt": attempt}) for row in rows]
        await runs.record(batch[::-1] if attempt % 2 else batch)

    await asyncio.gather(*(write(attempt) for attempt in range(8)))


async def test_the_latest_run_of_a_workflow_id(runs: Executions) -> None:
    rows = [execution(start_time=NOON + timedelta(hours=n)) for n in range(3)]
    await runs.record([rows[1], rows[2], rows[0]])
    assert await runs.latest("default", "order-1") == rows[2]
    assert await runs.latest("other", "order-1") is None


async def test_many_is_one_statement(runs: Executions, db: Database) -> None:
    rows = [execution(f"order-{n}") for n in range(3)]
    await runs.record(rows)
    before = db.statements
    found = await runs.many([rows[2].ref, ExecutionRef("default", "x", "y"), rows[0].ref])
    assert found == {rows[2].ref: rows[2], rows[0].ref: rows[0]}
    assert db.statements == before + 1


async def test_open_and_unarchived_runs(runs: Executions) -> None:
    running = execution("a")
    paused = execution("b", status=WorkflowStatus.PAUSED)
    seen = execution("c")
    late = execution("d", start_time=NOON + timedelta(hours=1))
    done = closed(execution("e"))
    done_later = closed(execution("f", start_time=NOON + timedelta(hours=1)))
    await runs.record([running, paused, seen, late, done, done_later])
    until = NOON + timedelta(minutes=1)
    unseen = await runs.open_runs("default", started_before=until, besides=[seen.run_id])
    assert {ref.workflow_id for ref in unseen} == {"a", "b"}
    assert await runs.open_runs("other", started_before=until) == []
    assert await runs.unarchived(["default"], 10) == [done_later.ref, done.ref]
    assert await runs.unarchived(["default"], 10, besides=[done_later.run_id]) == [done.ref]
    assert await runs.unarchived(["other"], 10) == []


async def test_a_run_that_moves_to_another_tenant_leaves_the_first_one(runs: Executions, db: Database) -> None:
    row = execution(tenant="default")
    await runs.record([row])
    assert await runs.record([replace(row, tenant="acme")]) == [(row.ref, ChangeKind.UPDATED)]
    await runs.record([replace(row, tenant="acme", memo={"a": 1})])
    log = await entries(db)
    assert sorted((each.tenant, each.kind) for each in log) == [
        ("acme", ChangeKind.UPDATED),
        ("acme", ChangeKind.UPDATED),
        ("default", ChangeKind.DELETED),
        ("default", ChangeKind.STARTED),
    ]


async def test_changes_carry_the_scope_of_a_deleted_row(runs: Executions, db: Database) -> None:
    row = execution()
    await runs.record([row])
    await runs.delete(row.ref)
    log = await entries(db)
    assert [(each.kind, each.tenant, each.environment) for each in log] == [
        (ChangeKind.STARTED, "acme", "production"),
        (ChangeKind.DELETED, "acme", "production"),
    ]
