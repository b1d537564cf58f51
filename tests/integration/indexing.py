"""A place for the indexer to work in: a namespace, a database, and questions about what shows."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client, WorkflowHandle

from app.bus import Bus
from app.indexer import Indexer
from app.model import ChangeKind, Execution, ExecutionRef, WorkflowStatus
from app.store import Archive, Database, Executions, Watermarks
from app.temporal.connection import Temporal
from app.temporal.payloads import Payloads
from tests.conftest import TemporalServer
from tests.integration.change_log import entries
from tests.waiting import eventually

SOON = 1.5
"""Within how many seconds a start and a close must show."""


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

    def ref(self, handle: WorkflowHandle[Any, Any]) -> ExecutionRef:
        assert handle.first_execution_run_id is not None
        return ExecutionRef(self.namespace, handle.id, handle.first_execution_run_id)

    def handle(self, ref: ExecutionRef) -> WorkflowHandle[Any, Any]:
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
        await eventually(lambda: archive.length(ref), is_there)

    @asynccontextmanager
    async def indexer(
        self, page_size: int = 1000, *, payloads: Payloads | None = None, kept_days: float | None = None
    ) -> AsyncIterator[Indexer]:
        temporal = Temporal({"target_host": self.address}, (self.namespace,), timeout=2, payloads=payloads)
        indexer = Indexer(
            self.url,
            self.database,
            temporal,
            self.bus.publish,
            lambda: self.bus.listen("runs"),
            page_size=page_size,
            kept_days=kept_days,
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
        await eventually(lambda: value_of(indexer.is_leader))
        await eventually(lambda: watermarks.lag(self.namespace), lambda lag: lag is not None and lag < 2)

    async def kinds(self, ref: ExecutionRef) -> list[ChangeKind]:
        return [ChangeKind(each.kind) for each in await entries(self.database) if each.ref == ref]


async def kept_of(archive: Archive, ref: ExecutionRef) -> list[HistoryEvent]:
    """Every event that the archive has of a run."""
    return [event async for page in archive.pages(ref) for event in page]


def is_there(value: object) -> bool:
    return value is not None


async def value_of(value: bool) -> bool:
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


@asynccontextmanager
async def world_of_its_own(temporal: TemporalServer, url: str) -> AsyncIterator[World]:
    """A world whose namespace no other test knows."""
    namespace = await register(temporal.client)
    client = await Client.connect(temporal.address, namespace=namespace)
    async with world_of(temporal.address, client, url) as world:
        yield world
