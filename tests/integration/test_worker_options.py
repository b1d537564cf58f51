"""What a worker is told to keep to: limits, builds, metrics."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.datastructures import Secret
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from app import worker
from app.errors import ConfigurationError
from app.settings import Settings
from app.workflows.test_cycle.model import TestCycleInput as CycleInput
from app.workflows.test_cycle.model import TestCycleResult as CycleResult
from app.workflows.test_cycle.phases import TestCyclePhase as Phase
from app.workflows.test_cycle.workflow import TASK_QUEUE
from app.workflows.test_cycle.workflow import TestCycleWorkflow as Cycle
from tests.conftest import TEMPORAL, free_port
from tests.cycles import SKIPS_PLANNING, approve, waiting
from tests.integration.test_worker import running
from tests.waiting import eventually

ONE = replace(SKIPS_PLANNING, report_ids=(1,))


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Of a Temporal of its own: workers of other tests must not take these tasks."""
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=TEMPORAL) as environment:
        monkeypatch.setenv("TEMPORAL_ADDRESS", environment.client.service_client.config.target_host)
        yield environment.client


async def start(client: Client, request: CycleInput) -> WorkflowHandle[Cycle, CycleResult]:
    return await client.start_workflow(Cycle.run, request, id=f"cycle-{uuid.uuid4()}", task_queue=TASK_QUEUE)


def settings(database: str, queues: str = TASK_QUEUE, **options: str) -> Settings:
    return Settings(
        connections=Secret(f"demo={database}"),
        demo=True,
        queues=(queues,),
        shutdown_grace=2.5,
        **options,  # type: ignore[arg-type]
    )


@asynccontextmanager
async def connected(database: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database)
    try:
        yield connection
    finally:
        await connection.close()


async def test_no_more_activities_run_at_once_than_the_queue_is_given(client: Client, empty_database: str) -> None:
    """The reports' activities all wait for a lock: those that Temporal calls started are those that hold a slot."""
    async with running(settings(empty_database, f"{TASK_QUEUE}:activities=2:pollers=2")):
        warm = await start(client, ONE)
        await warm.result()
        async with connected(empty_database) as holder, holder.transaction():
            await holder.execute("lock table test_cycle.samples")
            handle = await start(
                client, replace(SKIPS_PLANNING, cycle_id=123, skip_phases=tuple(set(Phase) - {Phase.SAMPLE_SELECTION}))
            )

            async def at_work() -> int:
                count: int = await holder.fetchval(
                    "select count(*) from pg_locks where not granted and relation = 'test_cycle.samples'::regclass"
                )
                return count

            assert await eventually(at_work, lambda count: count == 2, within=20) == 2
            described = (await handle.describe()).raw_description.pending_activities
            assert len(described) == 3
            # The third is still with Temporal, however long the two take.
            assert sum(each.HasField("last_started_time") for each in described) == 2
        assert (await handle.result()).status == "completed"


async def test_the_sdk_tells_prometheus_and_a_taken_port_is_refused(client: Client, empty_database: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with running(settings(empty_database, worker_metrics=address)):
        await (await start(client, ONE)).result()

        async def said() -> str:
            async with httpx.AsyncClient() as http:
                return (await http.get(f"http://{address}/metrics")).text

        text = await eventually(said, lambda found: "temporal_workflow_completed_total" in found, within=10)
        assert f'task_queue="{TASK_QUEUE}"' in text
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = settings(empty_database, worker_metrics=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ConfigurationError, match="TIDELINE_WORKER_METRICS cannot be"):
            await worker.run(wanted)


async def make_current(client: Client, build: str) -> None:
    """As `temporal worker deployment set-current-version` does, once the worker has told of itself."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name="tideline", build_id=build, identity="test"
    )

    async def made() -> bool:
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError:
            return False
        return True

    await eventually(made, within=30, every=0.2)


@pytest.mark.parametrize(("versioning", "ends_with"), [("auto-upgrade", "b2"), ("pinned", "b1")])
async def test_a_run_of_an_earlier_build_moves_or_stays(
    client: Client, empty_database: str, versioning: str, ends_with: str
) -> None:
    first = settings(empty_database, versioning=versioning, build_id="b1")
    second = replace(first, build_id="b2")
    async with running(first):
        await make_current(client, "b1")
        handle = await start(client, replace(ONE, approvals=(Phase.SCOPING,)))
        await waiting(handle, "scoping")
        async with running(second):
            await make_current(client, "b2")
            await handle.signal("approve", approve("scoping"))
            async with asyncio.timeout(40):
                assert (await handle.result()).status == "completed"
            done = [
                event.workflow_task_completed_event_attributes
                async for event in handle.fetch_history_events()
                if event.HasField("workflow_task_completed_event_attributes")
            ]
            assert done[0].deployment_version.build_id == "b1"
            assert done[-1].deployment_version.build_id == ends_with
