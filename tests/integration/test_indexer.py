"""The indexer against a real Temporal and a real Postgres: what it must show, and how soon."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    PauseWorkflowExecutionRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from app import metrics
from app.bus import Bus
from app.errors import NotFound
from app.indexer import Indexer
from app.indexer.hints import hint_of
from app.indexer.writer import Writer
from app.model import ChangeCursor, ChangeKind, Execution, ExecutionRef, WorkflowStatus
from app.store import Archive, Changes, Database, Executions, Watermarks
from app.temporal.connection import Temporal
from tests.conftest import TEMPORAL, TemporalServer, free_port
from tests.waiting import eventually

SOON = 1.5
"""Within how many seconds a start and a close must show."""


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


@dataclass
class World:
    """One namespace, one database, and as many indexers as a test starts."""

    address: str
    client: Client
    url: str
    database: Database
    executions: Executions
    bus: Bus

    @property
    def namespace(self) -> str:
        return self.client.namespace

    async def start(self, workflow_id: str | None = None) -> ExecutionRef:
        """Start a run that no worker will ever work on."""
        handle = await self.client.start_workflow(
            "Nobody", id=workflow_id or f"w-{uuid.uuid4().hex[:8]}", task_queue="nobody"
        )
        return self.ref(handle)

    def ref(self, handle: WorkflowHandle[object, object]) -> ExecutionRef:
        assert handle.first_execution_run_id is not None
        return ExecutionRef(self.namespace, handle.id, handle.first_execution_run_id)

    def handle(self, ref: ExecutionRef) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(ref.workflow_id, run_id=ref.run_id)

    async def delete(self, ref: ExecutionRef) -> None:
        await self.client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(
                namespace=ref.namespace,
                workflow_execution=WorkflowExecution(workflow_id=ref.workflow_id, run_id=ref.run_id),
            )
        )

    def row(self, ref: ExecutionRef) -> Callable[[], Awaitable[Execution | None]]:
        return lambda: self.executions.get(ref)

    async def shows(self, ref: ExecutionRef, within: float = 10.0) -> Execution:
        row = await eventually(self.row(ref), lambda found: found is not None, within=within)
        assert row is not None
        return row

    async def shows_status(self, ref: ExecutionRef, status: WorkflowStatus, within: float = 10.0) -> Execution:
        row = await eventually(self.row(ref), lambda found: found is not None and found.status is status, within=within)
        assert row is not None
        return row

    async def archived(self, ref: ExecutionRef) -> None:
        archive = Archive(self.database)
        await eventually(lambda: archive.history(ref), lambda events: events is not None)

    @asynccontextmanager
    async def indexer(self, page_size: int = 1000) -> AsyncIterator[Indexer]:
        temporal = Temporal({"target_host": self.address}, (self.namespace,), timeout=2)
        indexer = Indexer(
            self.url,
            self.database,
            temporal,
            self.bus.publish,
            lambda: self.bus.listen("runs"),
            page_size=page_size,
        )
        task = asyncio.create_task(indexer.run())
        try:
            yield indexer
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await temporal.close()

    async def leads(self, indexer: Indexer) -> None:
        """The indexer leads and has caught up with the past."""
        watermarks = Watermarks(self.database)
        await eventually(lambda: _value(indexer.is_leader))
        await eventually(lambda: watermarks.lag(self.namespace), lambda lag: lag is not None and lag < 2)

    async def kinds(self, ref: ExecutionRef) -> list[ChangeKind]:
        changes = await Changes(self.database).after(ChangeCursor(0, 0), 10_000)
        return [each.kind for each in changes if each.ref == ref]


def _is_there(value: object) -> bool:
    return value is not None


async def _value(value: bool) -> bool:
    return value


async def register(client: Client) -> str:
    namespace = f"n-{uuid.uuid4().hex[:12]}"
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=Duration(seconds=86400))
    )
    return namespace


@asynccontextmanager
async def world_of(address: str, client: Client, url: str) -> AsyncIterator[World]:
    database = Database(url, acquire_timeout=1)
    await database.connect()
    async with Bus("memory://") as bus:
        yield World(address, client, url, database, Executions(database), bus)
    await database.close()


@pytest.fixture
async def world(temporal: TemporalServer, database: str) -> AsyncIterator[World]:
    namespace = await register(temporal.client)
    client = await Client.connect(temporal.address, namespace=namespace)
    async with world_of(temporal.address, client, database) as world:
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
        row = await eventually(lambda: world.executions.latest(world.namespace, "by-hand"), _is_there, within=SOON)
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
    events = await archive.history(ref)
    live = [event async for event in handle.fetch_history_events()]
    assert events == live
    assert row.history_length == len(live)
    projection = (await archive.projections([ref]))[ref]
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
    assert await Archive(world.database).history(ref)


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
        return metrics.VISIBILITY_REQUESTS.labels(world.namespace)._value.get()

    for _ in range(30):
        await world.start()
    async with world.indexer(page_size=2) as indexer:  # far more pages than the rate allows
        await eventually(lambda: _value(indexer.is_leader))
        before, began = asked(), time.monotonic()
        await eventually(lambda: _value(asked() >= before + 12))
        assert (asked() - before - 1) / (time.monotonic() - began) <= 4.1


async def test_a_lost_lock_connection_is_noticed_and_another_takes_over(world: World) -> None:
    async with world.indexer() as first:
        await world.leads(first)
        async with world.indexer() as second:
            await eventually(lambda: _waiting(world.url))
            assert not second.is_leader
            await _terminate_holder(world.url)
            await eventually(lambda: _value(second.is_leader), within=SOON)
            await eventually(lambda: _value(not first.is_leader), within=SOON)
            ref = await world.start()
            await world.shows(ref)


async def test_a_leader_that_is_killed_is_replaced_at_once(world: World) -> None:
    process = await _indexer_process(world)
    try:
        await eventually(lambda: Watermarks(world.database).lag(world.namespace), _is_there, within=30)
        async with world.indexer() as standby:
            await eventually(lambda: _waiting(world.url))
            process.kill()
            await eventually(lambda: _value(standby.is_leader), within=SOON)
            await world.shows(await world.start())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_the_service_ends_cleanly_when_told(world: World) -> None:
    process = await _indexer_process(world)
    try:
        await eventually(lambda: Watermarks(world.database).lag(world.namespace), _is_there, within=30)
        process.terminate()
        async with asyncio.timeout(10):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _indexer_process(world: World) -> asyncio.subprocess.Process:
    program = (
        "import asyncio, signal\n"
        "from app.indexer import run\n"
        "from app.settings import Settings\n"
        "async def main():\n"
        "    task = asyncio.ensure_future(run(Settings.load()))\n"
        "    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)\n"
        "    await asyncio.gather(task, return_exceptions=True)\n"
        "asyncio.run(main())\n"
    )
    environment = {
        "DATABASE_URL": world.url,
        "TEMPORAL_ADDRESS": world.address,
        "TEMPORAL_NAMESPACE": world.namespace,
    }
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environment)


async def _sql(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _waiting(url: str) -> bool:
    """Whether an indexer waits for the lock."""
    return bool(
        await _sql(
            url,
            "select exists (select from pg_locks l join pg_database d on d.oid = l.database"
            " where locktype = 'advisory' and not granted and d.datname = current_database())",
        )
    )


async def _terminate_holder(url: str) -> None:
    await _sql(
        url,
        "select pg_terminate_backend(pid) from pg_locks l join pg_database d on d.oid = l.database"
        " where locktype = 'advisory' and granted and d.datname = current_database()",
    )


async def test_heals_when_postgres_drops_every_connection(world: World) -> None:
    async with world.indexer() as indexer:
        await world.leads(indexer)
        for _ in range(3):
            await _sql(
                world.url,
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()",
            )
            ref = await world.start()
            await eventually(lambda ref=ref: _found(world, ref))  # type: ignore[misc]


async def _found(world: World, ref: ExecutionRef) -> bool:
    try:
        return await world.executions.get(ref) is not None
    except Exception:  # noqa: BLE001 - this connection was dropped too
        return False


async def test_waits_for_temporal_and_heals_when_it_is_there(database: str) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"

    async def server() -> WorkflowEnvironment:
        return await WorkflowEnvironment.start_local(port=port, dev_server_existing_path=TEMPORAL)

    client = await Client.connect(address, lazy=True)
    async with world_of(address, client, database) as world, world.indexer() as indexer:
        await eventually(lambda: _value(indexer.is_leader))
        first = await server()
        await world.shows(await world.start(), within=20)
        await first.shutdown()
        await eventually(lambda: _value((indexer.lag or 0) > 1))
        second = await server()
        await world.shows(await world.start(), within=20)
        await second.shutdown()


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
    writer = Writer(world.executions, temporal, world.bus.publish)
    with pytest.raises(NotFound):
        await writer.refresh(stranger.ref)
    await temporal.close()
    assert await world.executions.get(stranger.ref) == stranger
