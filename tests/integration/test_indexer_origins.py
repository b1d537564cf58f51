"""An indexer that meets another cluster under the address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from app import metrics
from app.bus import Bus
from app.indexer import Indexer
from app.indexer.origins import AnotherNamespace, Origins
from app.indexer.writer import Writer
from app.model import ExecutionRef, WorkflowStatus
from app.store import Database, Executions, Watermarks
from app.store.sources import Sources
from app.temporal.connection import Temporal
from app.web.checks import checks
from tests.conftest import TemporalServer, development_server
from tests.integration.test_store_executions import execution
from tests.waiting import eventually

NAMESPACE = "default"


@pytest.fixture
async def other() -> AsyncIterator[Client]:
    """Another cluster, which has a namespace of the same name."""
    async with development_server() as server:
        yield server.client


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Temporal]:
    temporal = Temporal({"target_host": address}, (NAMESPACE,))
    yield temporal
    await temporal.close()


@dataclass
class Place:
    url: str
    database: Database

    @asynccontextmanager
    async def indexing(self, temporal: Temporal, *accepted: str) -> AsyncIterator[None]:
        async with Bus("memory://") as bus:
            indexer = Indexer(
                self.url, self.database, temporal, bus.publish, lambda: bus.listen("runs"), accepted=accepted
            )
            task = asyncio.create_task(indexer.run())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def status(self, ref: ExecutionRef) -> WorkflowStatus | None:
        row = await Executions(self.database).get(ref)
        return None if row is None else row.status

    async def refusals(self) -> dict[str, str]:
        return await Sources(self.database).refusals([NAMESPACE])


async def id_of(client: Client) -> str:
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    return described.namespace_info.id


async def test_another_cluster_empties_nothing(
    temporal: TemporalServer, other: Client, database: str, db: Database
) -> None:
    place, wrong = Place(database, db), other.service_client.config.target_host
    lost = execution("lost", namespace=NAMESPACE)
    closed = execution("closed", namespace=NAMESPACE, status=WorkflowStatus.COMPLETED)
    handle = await other.start_workflow("Nobody", id="elsewhere", task_queue="nobody")
    assert handle.first_execution_run_id is not None
    elsewhere = ExecutionRef(NAMESPACE, handle.id, handle.first_execution_run_id)

    async with connected(temporal.address) as right:
        await Origins(right, Sources(db)).verify(NAMESPACE)
    await Executions(db).record([lost, closed])

    refused = metrics.INDEXER_REFUSED.labels(NAMESPACE)
    async with connected(wrong) as mistaken, Bus("memory://") as bus:
        async with place.indexing(mistaken):
            reasons = await eventually(place.refusals)
            assert refused._value.get() == 1
            finding = await checks(db, mistaken, bus)["indexer"]()
            writer = Writer(Executions(db), mistaken, Origins(mistaken, Sources(db)), bus.publish)
            for work in (writer.refresh, writer.forget):
                with pytest.raises(AnotherNamespace):
                    await work(lost.ref)
        assert not finding.ok
        assert finding.reason == reasons[NAMESPACE]
        assert wrong in reasons[NAMESPACE]
        assert f"TIDELINE_ACCEPT_NAMESPACES={await id_of(other)}" in reasons[NAMESPACE]
        assert await place.status(lost.ref) is WorkflowStatus.RUNNING
        assert await place.status(closed.ref) is WorkflowStatus.COMPLETED
        assert await place.status(elsewhere) is None
        assert await Watermarks(db).lag(NAMESPACE) is None

        async with place.indexing(mistaken, await id_of(other)):
            await eventually(lambda: place.status(elsewhere), lambda found: found is WorkflowStatus.RUNNING)
            await eventually(lambda: place.status(lost.ref), lambda found: found is None)
            assert await place.refusals() == {}
            assert refused._value.get() == 0


async def test_the_same_cluster_again_ends_the_refusal(
    temporal: TemporalServer, other: Client, database: str, db: Database
) -> None:
    place = Place(database, db)
    async with connected(temporal.address) as right, connected(other.service_client.config.target_host) as wrong:
        await Origins(right, Sources(db)).verify(NAMESPACE)
        with pytest.raises(AnotherNamespace):
            await Origins(wrong, Sources(db)).verify(NAMESPACE)
        assert await place.refusals() != {}
        await Origins(right, Sources(db)).verify(NAMESPACE)
        assert await place.refusals() == {}
        await Origins(wrong, Sources(db), ["any"]).verify(NAMESPACE)
        with pytest.raises(AnotherNamespace):
            await Origins(right, Sources(db)).verify(NAMESPACE)
