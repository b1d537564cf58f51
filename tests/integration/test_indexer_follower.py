"""Each of the follower's loops by itself, so that none can hide what another fails to do."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest, RegisterNamespaceRequest
from temporalio.client import Client

from app.errors import DatabaseUnavailable
from app.indexer.follower import OPEN_QUERY_BEFORE_PAUSE, Follower
from app.indexer.origins import Origins
from app.indexer.writer import Writer
from app.model import WorkflowStatus
from app.store import Database, Executions, Filter, Listing, Watermarks
from app.store.sources import Sources
from app.temporal.connection import Temporal
from tests.conftest import TemporalServer
from tests.waiting import eventually


@dataclass
class Place:
    client: Client
    temporal: Temporal
    database: Database
    executions: Executions
    watermarks: Watermarks

    def follower(self, page_size: int = 1000) -> Follower:
        origins = Origins(self.temporal, Sources(self.database))
        writer = Writer(self.executions, self.temporal, origins, _say_nothing)
        return Follower(
            self.client.namespace, self.temporal, self.executions, self.watermarks, writer, origins, page_size=page_size
        )

    async def start(self, *workflow_ids: str) -> None:
        """Start runs and wait until visibility shows them."""
        for each in workflow_ids:
            await self.client.start_workflow("Nobody", id=each, task_queue="nobody")
        for each in workflow_ids:
            await self.visible(f"WorkflowId = '{each}'")

    async def close(self, workflow_id: str) -> None:
        await self.client.get_workflow_handle(workflow_id).terminate()
        await self.visible(f"WorkflowId = '{workflow_id}' and ExecutionStatus = 'Terminated'")

    async def visible(self, query: str) -> None:
        async def count() -> int:
            return (await self.client.count_workflows(query)).count

        await eventually(count)

    async def indexed(self) -> dict[str, WorkflowStatus]:
        page = await self.executions.page(Listing(Filter(), limit=100))
        return {each.workflow_id: each.status for each in page.items}


async def _say_nothing(_: str, __: str) -> None:
    return None


@pytest.fixture
async def place(temporal: TemporalServer, database: str) -> AsyncIterator[Place]:
    namespace = f"n-{uuid.uuid4().hex[:12]}"
    await temporal.client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=Duration(seconds=86400))
    )
    db = Database(database)
    await db.connect()
    ours = Temporal({"target_host": temporal.address}, (namespace,))
    client = await Client.connect(temporal.address, namespace=namespace)
    yield Place(client, ours, db, Executions(db), Watermarks(db))
    await ours.close()
    await db.close()


async def caught_up(follower: Follower) -> None:
    while not follower.is_caught_up():
        await follower.catch_up()


async def test_catching_up_brings_everything_page_by_page(place: Place) -> None:
    await place.start("a", "b", "c", "d", "e")
    await place.close("b")
    follower = place.follower(page_size=2)
    await follower.catch_up()
    assert len(await place.indexed()) == 2
    assert not follower.is_caught_up()
    await caught_up(follower)
    assert await place.indexed() == {
        **dict.fromkeys("acde", WorkflowStatus.RUNNING),
        "b": WorkflowStatus.TERMINATED,
    }


async def test_catching_up_begins_a_little_before_the_watermark(place: Place) -> None:
    await place.start("a", "b")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await place.watermarks.advance(place.client.namespace, tomorrow)
    await caught_up(place.follower())
    assert await place.indexed() == {}
    await place.database.execute("update watermarks set seen_until = $1", datetime.now(UTC) + timedelta(seconds=60))
    await caught_up(place.follower())
    assert set(await place.indexed()) == {"a", "b"}


async def test_catching_up_misses_no_page_when_a_write_fails(place: Place) -> None:
    await place.start("a", "b", "c", "d")
    follower = place.follower(page_size=2)
    await place.database.close()
    with pytest.raises(DatabaseUnavailable):
        await follower.catch_up()
    await place.database.connect()
    await follower.catch_up()
    await place.database.close()
    with pytest.raises(DatabaseUnavailable):
        await follower.catch_up()
    await place.database.connect()
    await caught_up(follower)
    assert set(await place.indexed()) == {"a", "b", "c", "d"}


async def test_a_tick_sees_starts_and_closes_and_saves_how_far_it_came(place: Place) -> None:
    follower = place.follower()
    await follower.tick()
    assert await place.watermarks.lag(place.client.namespace) is None, "the past is not indexed yet"
    await caught_up(follower)
    await place.start("a", "b")
    await follower.tick()
    await place.close("a")
    await follower.tick()
    assert await place.indexed() == {"a": WorkflowStatus.TERMINATED, "b": WorkflowStatus.RUNNING}
    seen_until = await place.watermarks.seen_until(place.client.namespace)
    assert seen_until is not None
    assert abs(seen_until - datetime.now(UTC)) < timedelta(seconds=30)
    lag = await place.watermarks.lag(place.client.namespace)
    assert lag is not None
    assert 0 <= lag < 30


async def test_a_look_back_sees_what_the_ticks_missed(place: Place) -> None:
    follower = place.follower()
    await place.start("a")
    await caught_up(follower)
    await follower.tick()
    row = await place.executions.latest(place.client.namespace, "a")
    assert row is not None
    # As if visibility had not shown it until now.
    await place.executions.delete(row.ref)
    follower._writer._fingerprints.forget(row.ref)
    await follower.look_back()
    assert set(await place.indexed()) == {"a"}


async def test_a_sweep_reads_all_open_runs_and_asks_for_those_it_misses(place: Place) -> None:
    await place.start("stays", "closes", "goes")
    await caught_up(place.follower())
    await place.database.execute("update executions set start_time = start_time - interval '1 hour'")
    await place.close("closes")
    goes = await place.executions.latest(place.client.namespace, "goes")
    assert goes is not None
    await place.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=goes.namespace, workflow_execution=WorkflowExecution(workflow_id=goes.workflow_id)
        )
    )

    async def swept() -> dict[str, WorkflowStatus]:
        await place.follower(page_size=1).sweep()
        return await place.indexed()

    expected = {"stays": WorkflowStatus.RUNNING, "closes": WorkflowStatus.TERMINATED}
    await eventually(swept, lambda rows: rows == expected, within=20)


async def test_a_server_that_does_not_know_a_status_is_asked_without_it(place: Place) -> None:
    await place.start("a")
    follower = place.follower()
    follower._open_query = "ExecutionStatus IN ('Running', 'OfTomorrow')"
    await follower.sweep()
    assert follower._open_query == OPEN_QUERY_BEFORE_PAUSE
    await follower.sweep()
    assert set(await place.indexed()) == {"a"}
