"""Whether a change is of a filter is decided as its list is, also where the run is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.model import ChangeCursor, ChangeKind, Execution, WorkflowStatus
from app.store import Database, Executions, Filter, Listing
from app.store.listing import Column, JsonValue, Match
from app.store.matching import Matching
from tests.integration.change_log import entries
from tests.integration.test_store_executions import NOON, closed, execution

ROWS = (
    execution("order-1", metadata={"customer": {"id": 7}, "tags": ["a", "b"]}, created_by="tom"),
    closed(execution("order-2", start_time=NOON + timedelta(minutes=1), memo={"note": None})),
    replace(
        closed(execution("refund-1", workflow_type="RefundWorkflow", task_queue="refunds")),
        status=WorkflowStatus.FAILED,
        failure_type="Oops",
        failure_message="The supplier does not answer",
    ),
    execution("child-1", parent_workflow_id="order-1", parent_run_id="r", tenant="beta", namespace="second"),
    execution("attr-1", search_attributes={"Region": "eu"}, start_time=NOON - timedelta(days=400)),
)
FILTERS = (
    Filter(),
    Filter(any=()),
    Filter(tenant="acme", environment="production"),
    Filter(namespaces=("second",)),
    Filter(workflow_types=("Order", "Other"), statuses=(WorkflowStatus.RUNNING,)),
    Filter(workflow_id_prefix="order"),
    Filter(workflow_id_contains="und"),
    Filter(words="refund workflow"),
    Filter(words="supplier"),
    Filter(failed=True),
    Filter(failed=False, is_root=True),
    Filter(failure_message_contains="SUPPLIER"),
    Filter(created_by=("tom",)),
    Filter(started_after=NOON, closed_before=NOON + timedelta(hours=1)),
    Filter(longer_than=90),
    Filter(shorter_than=90),
    Filter(metadata={"customer": {"id": 7}}),
    Filter(values=(JsonValue(Column.METADATA, ("tags",), Match.CONTAINS, "b"),)),
    Filter(values=(JsonValue(Column.MEMO, ("note",), Match.EXISTS),)),
    Filter(values=(JsonValue(Column.SEARCH_ATTRIBUTES, ("Region",), Match.EQUALS, "eu"),)),
    Filter(none=(Filter(longer_than=1),)),
    Filter(any=(Filter(tenant="beta"), Filter(every=(Filter(failed=True), Filter(task_queues=("refunds",)))))),
    Filter(alerted=False),
    Filter(workflow_id="order\0-1"),
)


async def deleted(db: Database) -> dict[ChangeCursor, Execution]:
    by_ref = {each.ref: each for each in ROWS}
    return {each.cursor: by_ref[each.ref] for each in await entries(db) if each.kind is ChangeKind.DELETED}


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
async def test_the_same_runs_as_in_the_list(wanted: Filter, db: Database, runs: Executions) -> None:
    await runs.record(ROWS)
    listed = {each.ref for each in (await runs.page(Listing(wanted))).items}
    matching = Matching(db)
    found = await matching.of(wanted, [each.ref for each in ROWS], [])
    assert set(found.runs) == listed
    assert all(found.runs[each.ref] == each for each in ROWS if each.ref in listed)
    for row in ROWS:
        await runs.delete(row.ref)
    gone = await deleted(db)
    assert len(gone) == len(ROWS)
    found = await matching.of(wanted, [each.ref for each in ROWS], list(gone))
    assert found.runs == {}
    assert {gone[each].ref for each in found.gone} == listed


async def test_of_a_run_that_moved_the_entry_says_what_it_was_for_its_first_tenant(
    db: Database, runs: Executions
) -> None:
    row = ROWS[0]
    await runs.record([row])
    await runs.record([replace(row, tenant="beta", metadata={})])
    [cursor] = await deleted(db)
    matching = Matching(db)
    assert (await matching.of(Filter(tenant="beta"), [], [cursor])).gone == frozenset()
    was = Filter(tenant="acme", metadata={"customer": {"id": 7}})
    assert (await matching.of(was, [], [cursor])).gone == {cursor}


async def test_an_entry_that_does_not_say_what_the_run_was_is_of_no_filter_with_a_condition(
    db: Database, runs: Executions
) -> None:
    await runs.record(ROWS[:1])
    await runs.delete(ROWS[0].ref)
    await db.execute("update changes set gone = null")
    assert (await Matching(db).of(Filter(tenant="acme"), [], list(await deleted(db)))).gone == frozenset()
