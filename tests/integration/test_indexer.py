"""The indexer against a real Temporal and a real Postgres: what it must show, and how soon."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import workflow
from temporalio.api.workflowservice.v1 import (
    PauseWorkflowExecutionRequest,
)
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from app import metrics
from app.errors import NotFound
from app.indexer.hints import hint_of
from app.indexer.origins import Origins
from app.indexer.writer import Writer
from app.model import ChangeKind, Execution, ExecutionRef, WorkflowStatus
from app.store import Archive
from app.store.sources import Sources
from app.temporal.connection import Temporal
from tests.conftest import TEMPORAL, TemporalServer
from tests.integration.indexing import SOON, World, is_there, kept_of, value_of, world_of_its_own
from tests.integration.recorded import put
from tests.waiting import eventually


@workflow.defn
class Noted:
    """Writes what it is told into its memo, until it is told to end."""

    def __init__(self) -> None:
        self._ends = False

    @workflow.run
    async def run(self, fails: bool = False) -> str:
        await workflow.wait_condition(lambda: self._ends)
        if fails:
            raise ApplicationError("the till is empty", type="EmptyTill")
        return "done"

    @workflow.signal
    def note(self, text: str) -> None:
        workflow.upsert_memo({"note": text})

    @workflow.signal
    def end(self) -> None:
        self._ends = True


@pytest.fixture
async def world(temporal: TemporalServer, database: str) -> AsyncIterator[World]:
    async with world_of_its_own(temporal, database) as world:
        yield world


async def test_a_run_started_by_the_command_line_shows_at_once(world: World) -> None:
    async with world.indexer() as indexer:
        await world.leads(indexer)
        command = await asyncio.create_subprocess_exec(
            TEMPORAL, "workflow", "start", "--address", world.address, "--namespace", world.namespace,
            "--type", "Order", "--task-queue", "nobody", "--workflow-id", "by-hand",
            "--memo", 'tenant="acme"', "--memo", 'environment="staging"', "--memo", 'metadata={"customer": 7}',
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await command.wait() == 0
        row = await eventually(lambda: world.executions.latest(world.namespace, "by-hand"), is_there, within=SOON)
    assert row is not None
    assert (row.workflow_type, row.task_queue, row.status) == ("Order", "nobody", WorkflowStatus.RUNNING)
    assert (row.tenant, row.environment, row.metadata) == ("acme", "staging", {"customer": 7})


async def test_a_start_and_a_close_show_in_time_again_and_again(world: World) -> None:
    async with world.indexer() as indexer:
        await world.leads(indexer)
        for _ in range(4):
            ref = await world.start()
            await world.shows(ref, within=SOON)
            await world.handle(ref).terminate("enough")
            row = await world.shows_status(ref, WorkflowStatus.TERMINATED, within=SOON)
            assert row.close_time is not None
            assert (await world.kinds(ref))[:2] == [ChangeKind.STARTED, ChangeKind.CLOSED]


async def test_what_changes_while_a_run_is_open_shows(world: World, task_queue: str) -> None:
    worker = Worker(world.client, task_queue=task_queue, workflows=[Noted], workflow_runner=UnsandboxedWorkflowRunner())
    async with worker, world.indexer() as indexer:
        await world.leads(indexer)
        handle = await world.client.start_workflow(Noted.run, id="noted", task_queue=task_queue)
        ref = world.ref(handle)
        await world.shows(ref)
        await handle.signal(Noted.note, "hello")
        await eventually(world.row(ref), lambda row: row is not None and row.memo == {"note": "hello"})
        await world.client.workflow_service.pause_workflow_execution(
            PauseWorkflowExecutionRequest(namespace=ref.namespace, workflow_id=ref.workflow_id, request_id="1")
        )
        await world.shows_status(ref, WorkflowStatus.PAUSED)
        await handle.terminate()
        await world.shows_status(ref, WorkflowStatus.TERMINATED, within=SOON)


async def test_a_closed_run_is_archived_and_its_failure_shows(world: World, task_queue: str) -> None:
    worker = Worker(world.client, task_queue=task_queue, workflows=[Noted], workflow_runner=UnsandboxedWorkflowRunner())
    async with worker, world.indexer() as indexer:
        await world.leads(indexer)
        handle = await world.client.start_workflow(Noted.run, True, id="fails", task_queue=task_queue)
        ref = world.ref(handle)
        await handle.signal(Noted.end)
        row = await eventually(world.row(ref), lambda found: found is not None and found.failure_message is not None)
    assert row is not None
    assert (row.status, row.failure_type, row.failure_message) == (
        WorkflowStatus.FAILED,
        "EmptyTill",
        "the till is empty",
    )
    archive = Archive(world.database)
    events = await kept_of(archive, ref)
    live = [event async for event in handle.fetch_history_events()]
    assert events == live
    assert row.history_length == len(live)
    projection = (await archive.projections([ref]))[ref]
    assert projection is not None
    assert projection.last_event_id == len(live)
    assert projection.failure is not None


async def test_the_archive_outlives_the_deletion_of_a_closed_run(world: World) -> None:
    async with world.indexer() as indexer:
        await world.leads(indexer)
        ref = await world.start()
        await world.handle(ref).terminate()
        await world.archived(ref)
        await world.delete(ref)
        # A whole sweep begins and ends after the deletion: another deleted run has been noticed by one.
        witness = await world.start()
        await world.shows(witness)
        await world.delete(witness)
        await eventually(world.row(witness), lambda row: row is None, within=20)
        assert await world.executions.get(ref) is not None
    assert await Archive(world.database).length(ref)


async def test_an_open_run_deleted_in_temporal_leaves_the_index(world: World) -> None:
    async with world.indexer() as indexer:
        await world.leads(indexer)
        ref = await world.start()
        await world.shows(ref)
        await world.delete(ref)
        await eventually(world.row(ref), lambda row: row is None, within=20)
        assert (await world.kinds(ref))[-1] is ChangeKind.DELETED


async def test_an_empty_index_is_filled_with_everything(world: World) -> None:
    refs = [await world.start() for _ in range(12)]
    for ref in refs[::2]:
        await world.handle(ref).terminate()
    async with world.indexer(page_size=5) as indexer:
        for ref in refs:
            await world.shows(ref)
        await world.leads(indexer)
        for ref in refs[::2]:
            await world.archived(ref)


async def test_after_a_downtime_it_catches_up(world: World) -> None:
    async with world.indexer() as indexer:
        await world.leads(indexer)
        stays, closes, goes = [await world.start() for _ in range(3)]
        for ref in (stays, closes, goes):
            await world.shows(ref)
    await world.handle(closes).terminate()
    await world.delete(goes)
    new = await world.start()
    brief = await world.start()
    await world.handle(brief).terminate()
    async with world.indexer() as indexer:
        await world.shows(new)
        await world.shows_status(brief, WorkflowStatus.TERMINATED)
        await world.shows_status(closes, WorkflowStatus.TERMINATED)
        await world.archived(closes)
        await eventually(world.row(goes), lambda row: row is None, within=20)
        assert (await world.shows(stays)).status is WorkflowStatus.RUNNING


async def test_a_hint_is_followed_at_once(world: World) -> None:
    async with world.indexer() as indexer:
        await world.leads(indexer)
        ref = await world.start()
        await world.bus.publish("runs", hint_of(ref))
        await world.shows(ref, within=SOON)
        await world.bus.publish("runs", "*")
        await world.bus.publish("runs", hint_of(ExecutionRef(world.namespace, "no-such", str(uuid.uuid4()))))
        await world.handle(ref).terminate()
        await world.bus.publish("runs", hint_of(ref))
        await world.shows_status(ref, WorkflowStatus.TERMINATED, within=SOON)


async def test_every_write_is_hinted(world: World) -> None:
    hints = world.bus.listen("changes")
    async with world.indexer() as indexer:
        await world.leads(indexer)
        ref = await world.start()
        async with asyncio.timeout(SOON):
            while await world.executions.get(ref) is None:
                await anext(hints)


async def test_visibility_is_asked_at_most_four_times_a_second(world: World) -> None:
    def asked() -> float:
        return float(metrics.VISIBILITY_REQUESTS.labels(world.namespace)._value.get())

    for _ in range(30):
        await world.start()
    async with world.indexer(page_size=2) as indexer:  # far more pages than the rate allows
        await eventually(lambda: value_of(indexer.is_leader))
        before, began = asked(), time.monotonic()
        await eventually(lambda: value_of(asked() >= before + 12))
        assert (asked() - before - 1) / (time.monotonic() - began) <= 4.1


async def test_a_closed_run_whose_archiving_was_cut_off_is_archived_by_the_next(world: World) -> None:
    ref = await world.start()
    await world.handle(ref).terminate()
    # What a leader leaves behind that died right after it had indexed the close.
    described = await world.handle(ref).describe()
    await world.executions.record(
        [
            Execution(
                namespace=ref.namespace,
                workflow_id=ref.workflow_id,
                run_id=ref.run_id,
                workflow_type="Nobody",
                task_queue="nobody",
                status=WorkflowStatus.TERMINATED,
                start_time=described.start_time,
                close_time=described.close_time,
                tenant="default",
                environment="default",
            )
        ]
    )
    assert await world.executions.unarchived([world.namespace], 10) == [ref]
    async with world.indexer():
        await world.archived(ref)
    assert await world.executions.unarchived([world.namespace], 10) == []


async def test_a_namespace_that_is_not_there_costs_no_row(world: World) -> None:
    stranger = Execution(
        namespace="no-such-namespace",
        workflow_id="order-1",
        run_id=str(uuid.uuid4()),
        workflow_type="Nobody",
        task_queue="nobody",
        status=WorkflowStatus.RUNNING,
        start_time=datetime.now(UTC),
        tenant="default",
        environment="default",
    )
    await world.executions.record([stranger])
    temporal = Temporal({"target_host": world.address}, (stranger.namespace,))
    writer = Writer(world.executions, temporal, Origins(temporal, Sources(world.database)), world.bus.publish)
    with pytest.raises(NotFound):
        await writer.refresh(stranger.ref)
    await temporal.close()
    assert await world.executions.get(stranger.ref) == stranger


async def test_closed_runs_past_their_retention_are_forgotten(world: World) -> None:
    ref = ExecutionRef(world.namespace, "old", str(uuid.uuid4()))
    long_ago = datetime.now(UTC) - timedelta(days=3)
    archive = Archive(world.database)
    await put(world.executions, archive, ref, "terminated", start_time=long_ago, close_time=long_ago)
    async with world.indexer(kept_days=2) as indexer:
        await world.leads(indexer)
        kept = await world.start()
        await world.handle(kept).terminate()
        await eventually(world.row(ref), lambda row: row is None)
        await world.archived(kept)
    assert await archive.length(ref) is None
    assert (await world.kinds(ref))[-1] is ChangeKind.DELETED
    assert metrics.PRUNED.labels(world.namespace)._value.get() == 1


async def test_what_an_older_version_folded_is_folded_again(world: World) -> None:
    archive = Archive(world.database)
    async with world.indexer() as indexer:
        await world.leads(indexer)
        ref = await world.start()
        await world.handle(ref).terminate()
        await world.archived(ref)
        before = await archive.projections([ref])
        await world.database.execute("update archive set projector_version = 1, projection = ''")

        async def folded() -> object:
            return await archive.projections([ref])

        assert await eventually(folded, lambda found: found == before) == before
