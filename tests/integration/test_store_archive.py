from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from google.protobuf.json_format import ParseDict
from temporalio.api.history.v1 import History, HistoryEvent

from app.history import project
from app.model import ChangeKind, Execution, ExecutionRef, Failure, FailureKind, Projection, WorkflowStatus
from app.store import Archive, Database, Executions, Filter

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


@pytest.fixture
async def db(database: str) -> AsyncIterator[Database]:
    db = Database(database)
    await db.connect()
    yield db
    await db.close()


async def kinds(db: Database) -> list[ChangeKind]:
    return [ChangeKind(row["kind"]) for row in await db.fetch("select kind from changes order by position")]


async def test_what_is_put_comes_back_and_shows_in_the_row(db: Database) -> None:
    executions, archive = Executions(db), Archive(db)
    await executions.record([ROW])
    assert await executions.unarchived(["default"], 10) == [REF]
    assert await archive.put(REF, FAILED, EVENTS)
    assert await archive.history(REF) == EVENTS
    assert await archive.projections([REF]) == {REF: FAILED}
    row = await executions.get(REF)
    assert row == replace(ROW, history_length=3, failure_type="Oops", failure_message="it broke�", next_run_id="run-2")
    assert await executions.unarchived(["default"], 10) == []
    assert await kinds(db) == [ChangeKind.STARTED, ChangeKind.UPDATED]


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
    assert await archive.history(REF) == EVENTS


async def test_unknown_runs_are_not_archived(db: Database) -> None:
    archive = Archive(db)
    assert await archive.history(REF) is None
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
    await db.execute("update archive set projector_version = projector_version - 1")
    assert await archive.projections([REF]) == {}
    assert await archive.history(REF) == EVENTS


async def test_a_history_is_kept_without_a_projection(db: Database) -> None:
    executions, archive = Executions(db), Archive(db)
    await executions.record([ROW])
    await archive.put(REF, None, EVENTS)
    assert await archive.projections([REF]) == {}
    assert await archive.history(REF) == EVENTS
    assert await executions.unarchived(["default"], 10) == []


async def test_deleting_a_run_deletes_its_archive(db: Database) -> None:
    executions, archive = Executions(db), Archive(db)
    await executions.record([ROW])
    await archive.put(REF, FAILED, EVENTS)
    await executions.delete(REF)
    assert await archive.history(REF) is None
    assert await executions.count(Filter()) == 0


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_projections_of_real_histories_survive_the_archive(db: Database, path: Path) -> None:
    events = recorded(path)
    projection = project(REF, events)
    archive = Archive(db)
    await archive.put(REF, projection, events)
    assert await archive.projections([REF]) == {REF: projection}
    assert await archive.history(REF) == events


async def test_large_histories_are_kept(db: Database) -> None:
    archive = Archive(db)
    events = [HistoryEvent(event_id=number, worker_may_ignore=bool(number % 3)) for number in range(1, 50_001)]
    await archive.put(REF, FAILED, events)
    stored = await db.fetchval("select history from archive")
    assert len(stored) > 32_768, "the test means to read it in a thread"
    assert len(zlib.decompress(stored)) == len(History(events=events).SerializeToString())
    assert await archive.history(REF) == events
