from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from google.protobuf.json_format import ParseDict
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import History, HistoryEvent

from app.errors import NotFound
from app.history import project
from app.model import ChangeKind, Execution, ExecutionRef, Failure, FailureKind, Projection, WorkflowStatus
from app.store import Archive, Database, Executions, Filter
from tests.integration.indexing import kept_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REF = ExecutionRef("default", "order-1", "run-1")
ROW = Execution(
    namespace=REF.namespace,
    workflow_id=REF.workflow_id,
    run_id=REF.run_id,
    workflow_type="Order",
    task_queue="orders",
    status=WorkflowStatus.FAILED,
    start_time=NOON,
    close_time=NOON + timedelta(minutes=1),
    tenant="acme",
    environment="production",
)
FAILED = Projection(
    last_event_id=3,
    status=WorkflowStatus.FAILED,
    failure=Failure("it broke\0", FailureKind.APPLICATION, "Oops"),
    next_run_id="run-2",
)
HISTORIES = sorted((Path(__file__).parents[1] / "histories").glob("*.json"))
EVENTS = [HistoryEvent(event_id=number) for number in (1, 2, 3)]


def recorded(path: Path) -> list[HistoryEvent]:
    return list(ParseDict(orjson.loads(path.read_bytes()), History()).events)


async def kinds(db: Database) -> list[ChangeKind]:
    return [ChangeKind(row["kind"]) for row in await db.fetch("select kind from changes order by position")]


async def test_what_is_put_comes_back_and_shows_in_the_row(db: Database) -> None:
    executions, archive = Executions(db), Archive(db)
    await executions.record([ROW])
    assert await executions.unarchived(["default"], 10) == [REF]
    assert await archive.put(REF, FAILED, EVENTS)
    assert await kept_of(archive, REF) == EVENTS
    assert await archive.projections([REF]) == {REF: FAILED}
    row = await executions.get(REF)
    assert row == replace(ROW, history_length=3, failure_type="Oops", failure_message="it broke�", next_run_id="run-2")
    assert await executions.unarchived(["default"], 10) == []
    assert await kinds(db) == [ChangeKind.STARTED, ChangeKind.UPDATED]


async def test_what_the_history_alone_tells_comes_into_the_row(db: Database) -> None:
    executions = Executions(db)
    await executions.record([replace(ROW, root_workflow_id="top", root_run_id="top-run")])
    parent, other = ExecutionRef("default", "parent", "parent-run"), ExecutionRef("default", "other", "other-run")
    told = Projection(first_run_id="run-0", summary="pays\0", details="all of it", parent=parent, root=other)
    assert await Archive(db).put(REF, told, EVENTS)
    row = await executions.get(REF)
    assert row == replace(
        ROW, history_length=3, first_run_id="run-0", summary="pays\ufffd", details="all of it",
        parent_workflow_id="parent", parent_run_id="parent-run", root_workflow_id="top", root_run_id="top-run",
    )  # fmt: skip
    assert await executions.record([ROW]) == [], "visibility takes nothing of it away"


async def test_that_a_run_is_the_first_of_its_chain_is_no_change(db: Database) -> None:
    executions, archive = Executions(db), Archive(db)
    await executions.record([replace(ROW, history_length=3)])
    assert not await archive.put(REF, Projection(first_run_id=REF.run_id), EVENTS)
    row = await executions.get(REF)
    assert row is not None
    assert row.first_run_id == REF.run_id
    assert await kinds(db) == [ChangeKind.STARTED]


async def test_the_run_that_continues_it_learns_its_chain(db: Database) -> None:
    executions, archive = Executions(db), Archive(db)
    following = replace(ROW, run_id="run-2", status=WorkflowStatus.RUNNING, close_time=None)
    await executions.record([ROW, following])
    assert await archive.put(REF, replace(FAILED, first_run_id="run-0"), EVENTS)
    assert await executions.get(following.ref) == replace(following, first_run_id="run-0")
    assert await kinds(db) == [ChangeKind.STARTED] * 2 + [ChangeKind.UPDATED] * 2
    assert not await archive.put(REF, replace(FAILED, first_run_id="run-0"), EVENTS)


async def test_putting_again_changes_nothing_visible(db: Database) -> None:
    archive = Archive(db)
    await Executions(db).record([ROW])
    await archive.put(REF, FAILED, EVENTS)
    assert not await archive.put(REF, FAILED, EVENTS)
    assert await kinds(db) == [ChangeKind.STARTED, ChangeKind.UPDATED]


async def test_a_row_recorded_again_keeps_what_the_archive_added(db: Database) -> None:
    executions = Executions(db)
    await executions.record([ROW])
    await Archive(db).put(REF, FAILED, EVENTS)
    assert await executions.record([ROW]) == []
    row = await executions.get(REF)
    assert row is not None
    assert row.failure_type == "Oops"


async def test_a_run_that_is_not_indexed_can_be_archived(db: Database) -> None:
    archive = Archive(db)
    assert not await archive.put(REF, FAILED, EVENTS)
    assert await kept_of(archive, REF) == EVENTS


async def test_unknown_runs_are_not_archived(db: Database) -> None:
    archive = Archive(db)
    assert await archive.length(REF) is None
    with pytest.raises(NotFound):
        await kept_of(archive, REF)
    assert await archive.projections([REF]) == {}
    assert await archive.projections([]) == {}


async def test_many_projections_are_one_statement(db: Database) -> None:
    archive = Archive(db)
    refs = [replace(REF, run_id=f"run-{number}") for number in range(20)]
    for ref in refs:
        await archive.put(ref, FAILED, EVENTS)
    before = db.statements
    assert set(await archive.projections([*refs, replace(REF, run_id="unknown")])) == set(refs)
    assert db.statements == before + 1


async def test_a_projection_of_another_version_is_left_to_its_history(db: Database) -> None:
    archive = Archive(db)
    await archive.put(REF, FAILED, EVENTS)
    assert await archive.outdated(["default"], 10) == []
    await db.execute("update archive set projector_version = projector_version - 1")
    assert await archive.projections([REF]) == {REF: None}
    assert await kept_of(archive, REF) == EVENTS
    assert await archive.outdated(["default"], 10) == [REF]
    assert await archive.outdated(["default"], 10, besides=[REF.run_id]) == []
    assert await archive.outdated(["elsewhere"], 10) == []


async def test_a_history_is_kept_without_a_projection(db: Database) -> None:
    executions, archive = Executions(db), Archive(db)
    await executions.record([ROW])
    await archive.put(REF, None, EVENTS)
    assert await archive.projections([REF]) == {REF: None}
    assert await kept_of(archive, REF) == EVENTS
    assert await executions.unarchived(["default"], 10) == []


async def test_deleting_a_run_deletes_its_archive(db: Database) -> None:
    executions, archive = Executions(db), Archive(db)
    await executions.record([ROW])
    await archive.put(REF, FAILED, EVENTS)
    await executions.delete(REF)
    assert await archive.length(REF) is None
    with pytest.raises(NotFound):
        await kept_of(archive, REF)
    assert (await executions.count(Filter())).value == 0


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_projections_of_real_histories_survive_the_archive(db: Database, path: Path) -> None:
    events = recorded(path)
    projection = project(REF, events)
    archive = Archive(db)
    await archive.put(REF, projection, events)
    assert await archive.projections([REF]) == {REF: projection}
    assert await kept_of(archive, REF) == events


def signals(count: int) -> Iterator[HistoryEvent]:
    """A history of about 500 bytes an event, made as it is read."""
    for number in range(1, count + 1):
        event = HistoryEvent(event_id=number, event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
        signaled = event.workflow_execution_signaled_event_attributes
        signaled.signal_name = f"signal-{number % 7}"
        signaled.input.payloads.add(metadata={"encoding": b"json/plain"}, data=b'"%s"' % (b"%d" % number * 80))
        yield event


async def test_large_histories_are_kept_in_pieces(db: Database) -> None:
    archive = Archive(db)
    await archive.put(REF, FAILED, signals(50_000))
    assert await archive.length(REF) == 50_000
    assert await db.fetchval("select count(*) from archive_events") >= 50
    before = db.statements
    newest = [event.event_id async for page in archive.pages(REF, 49_990) for event in page]
    assert newest == list(range(49_991, 50_001))
    assert db.statements == before + 2, "one piece, and the word that there is no more"


@pytest.mark.parametrize("position", [0, 1, 999, 1000, 1001, 1500, 2500])
async def test_pages_begin_behind_any_place_in_both_directions(db: Database, position: int) -> None:
    archive = Archive(db)
    await archive.put(REF, FAILED, signals(2500))
    forwards = [event.event_id async for page in archive.pages(REF, position) for event in page]
    assert forwards == list(range(position + 1, 2501))
    backwards = [event.event_id async for page in archive.pages(REF, position, reverse=True) for event in page]
    assert backwards == list(range((position or 2501) - 1, 0, -1))


async def test_reading_a_long_history_takes_the_memory_of_a_piece(db: Database) -> None:
    archive = Archive(db)
    await archive.put(REF, FAILED, signals(50_000))
    tracemalloc.start()
    try:
        count = 0
        async with aclosing(archive.pages(REF)) as pages:
            async for page in pages:
                count += len(page)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 50_000
    assert peak < 8_000_000, "a piece has about half a megabyte, the history twenty"


async def test_large_events_make_small_pieces(db: Database) -> None:
    archive = Archive(db)
    large = list(signals(6))
    for event in large:
        event.workflow_execution_signaled_event_attributes.input.payloads[0].data = os.urandom(400_000)
    await archive.put(REF, FAILED, large)
    rows = await db.fetch("select first_event_id, last_event_id from archive_events order by first_event_id")
    assert [tuple(row) for row in rows] == [(1, 3), (4, 6)]
    assert await kept_of(archive, REF) == large


async def test_activities_become_rows_for_statistics(db: Database) -> None:
    history = recorded(next(path for path in HISTORIES if path.stem == "sync"))
    projection = project(REF, history)
    await Executions(db).record([ROW])
    archive = Archive(db)
    await archive.put(REF, projection, history)
    await archive.put(REF, projection, history)
    rows = await db.fetch("select * from activities order by scheduled_event_id")
    assert len(rows) == len(projection.activities) > 1
    for row, activity in zip(rows, projection.activities, strict=True):
        assert (row["tenant"], row["environment"], row["workflow_type"]) == ("acme", "production", "Order")
        assert row["activity_type"] == activity.activity_type
        assert row["status"] == activity.status
        assert (row["scheduled_time"], row["start_time"], row["close_time"]) == (
            activity.scheduled_time,
            activity.start_time,
            activity.close_time,
        )
        assert (row["queue_ms"], row["duration_ms"]) == (activity.queue_ms, activity.duration_ms)
        assert (row["failure_type"] is None) == (activity.failure is None)


async def test_a_run_that_is_not_indexed_has_no_activity_rows(db: Database) -> None:
    history = recorded(next(path for path in HISTORIES if path.stem == "sync"))
    await Archive(db).put(REF, project(REF, history), history)
    assert await db.fetchval("select count(*) from activities") == 0


async def test_deleting_a_run_deletes_its_pieces_and_activities(db: Database) -> None:
    history = recorded(next(path for path in HISTORIES if path.stem == "sync"))
    executions = Executions(db)
    await executions.record([ROW])
    await Archive(db).put(REF, project(REF, history), history)
    await executions.delete(REF)
    for table in ("archive", "archive_events", "activities"):
        assert await db.fetchval(f"select count(*) from {table}") == 0
