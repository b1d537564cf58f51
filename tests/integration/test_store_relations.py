from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.model import Execution, WorkflowStatus
from app.store import Database, Executions
from app.store.relations import Relations, Window

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run(run_id: str, workflow_id: str = "order-1", minute: int = 0, **more: object) -> Execution:
    row = Execution(
        namespace="default",
        workflow_id=workflow_id,
        run_id=run_id,
        workflow_type="Order",
        task_queue="orders",
        status=WorkflowStatus.RUNNING,
        start_time=NOON + timedelta(minutes=minute),
        tenant="acme",
        environment="production",
    )
    return replace(row, **more)  # type: ignore[arg-type]


async def test_either_end_of_a_link_may_know_it(db: Database) -> None:
    rows = [
        run("a", next_run_id="b"),
        run("b"),
        run("c", previous_run_id="b"),
        run("b", workflow_id="other", previous_run_id="a"),
    ]
    await Executions(db).record(rows)
    before = db.statements
    named, found = await Relations(db).near([rows[3].ref, rows[0].ref], rows[:3])
    assert db.statements == before + 1
    names = [tuple(each and each.run_id for each in pair) for pair in found]
    assert named == {rows[3].ref: rows[3], rows[0].ref: rows[0]}
    assert names == [(None, "b"), ("a", "c"), ("b", None)]


async def test_children_come_in_the_order_of_their_start_window_by_window(db: Database) -> None:
    parent, other = run("p", "parent"), run("q", "parent")
    children = [
        run(f"c{number}", f"child-{number}", number, parent_workflow_id="parent", parent_run_id="p")
        for number in range(5)
    ]
    stranger = run("s", "child-s", 9, parent_workflow_id="parent", parent_run_id="p", tenant="globex")
    await Executions(db).record([parent, other, *children, stranger])
    relations = Relations(db)
    windows = [
        Window(parent.ref, 2),
        Window(other.ref, 2, counted=True),
        Window(parent.ref, 9, counted=True, after=(children[1].start_time, "c1")),
    ]
    before = db.statements
    found = await relations.children(windows, "acme", None)
    assert db.statements == before + 1
    assert [each.runs for each in found] == [tuple(children[:2]), (), tuple(children[2:])]
    assert [each.count for each in found] == [None, 0, 5]
    [everything] = await relations.children([Window(parent.ref, 9, counted=True)], None, None)
    assert (len(everything.runs), everything.count) == (6, 6)
