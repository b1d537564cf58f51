"""Every process with a login that owns nothing, and batches behind the walls."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from app.store.migrations import admit, verify_roles
from app.workflows.batches.workflow import TASK_QUEUE
from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted, member
from tests.integration.indexing import world_of_its_own
from tests.integration.worker_process import worker_process
from tests.waiting import eventually

ACME, OTHER = member("acme"), member("globex")
START = """
mutation ($id: String!, $kind: String!) { startWorkflow(input: {
  workflowType: $kind, taskQueue: "nobody", workflowId: $id, idempotencyKey: $id
}) { created execution { workflowId runId } userErrors { message } } }
"""
SIGNAL = """
mutation ($filter: WorkflowFilter!) { signalWorkflows(input: {filter: $filter, signalName: "go"}) {
  batch { jobId } userErrors { message } } }
"""
BATCH = """
query ($id: ID!) { batchOperation(jobId: $id) {
  state total completed failed skipped filter failedItems { workflowId message } } }
"""


@pytest.fixture
async def served(temporal: TemporalServer, database: str, login: str) -> AsyncIterator[Host]:
    await admit(login, database)
    assert await verify_roles(login)
    async with hosted(temporal.address, login, settings=Settings(workflow_ids="tenant")) as host:
        yield host


async def started(host: Host, who: Any, name: str, kind: str) -> Any:
    done = (await host.data(START, who, id=name, kind=kind))["startWorkflow"]
    assert (done["created"], done["userErrors"]) == (True, [])
    return done["execution"]


async def test_a_batch_is_done_by_a_worker_to_its_tenants_runs_alone(
    served: Host, temporal: TemporalServer, login: str, tmp_path: Path
) -> None:
    kind, name = f"Batched-{uuid.uuid4().hex[:8]}", f"sync-{uuid.uuid4().hex[:8]}"
    mine = [await started(served, ACME, f"{name}-{number}", kind) for number in range(3)]
    await started(served, OTHER, f"{name}-0", kind)
    # One that matched, and that Temporal has no more when its turn comes.
    gone = f"{name}-gone"
    await started(served, ACME, gone, kind)
    filter_ = {"workflowId": {"startsWith": name}, "workflowType": [kind]}
    job = (await served.data(SIGNAL, ACME, filter=filter_))["signalWorkflows"]["batch"]["jobId"]
    await temporal.client.get_workflow_handle(f"acme/default/{gone}").terminate()
    settings = {"DATABASE_URL": login, "TIDELINE_QUEUES": TASK_QUEUE, "TIDELINE_SHUTDOWN_GRACE": "3"}
    async with worker_process(tmp_path / "worker.log", TEMPORAL_ADDRESS=temporal.address, **settings):

        async def standing() -> Any:
            return (await served.data(BATCH, ACME, id=job))["batchOperation"]

        batch = await eventually(standing, lambda each: each["state"] != "RUNNING", within=60)
    assert (batch["state"], batch["total"], batch["completed"], batch["skipped"]) == ("COMPLETED", 4, 3, 1)
    assert "acme/default" not in str(batch), "its filter is told in the tenant's own names"
    assert name in str(batch["filter"])
    assert (await served.data(BATCH, OTHER, id=job))["batchOperation"] is None
    for run in mine:
        handle = temporal.client.get_workflow_handle(f"acme/default/{run['workflowId']}")
        kinds = [event.WhichOneof("attributes") async for event in handle.fetch_history_events()]
        assert kinds.count("workflow_execution_signaled_event_attributes") == 1
    theirs = temporal.client.get_workflow_handle(f"globex/default/{name}-0")
    assert len([event async for event in theirs.fetch_history_events()]) == 2


async def test_an_indexer_follows_with_a_login_that_owns_nothing(
    temporal: TemporalServer, database: str, login: str
) -> None:
    await admit(login, database)
    async with world_of_its_own(temporal, login) as world, world.indexer() as indexer:
        await world.leads(indexer)
        handle = await world.client.start_workflow("Nothing", id="sync-1", task_queue="nobody", memo={"tenant": "acme"})
        await handle.terminate()

        async def archived() -> Any:
            return await world.database.fetchval("select archived_at from executions where workflow_id = 'sync-1'")

        await eventually(archived, lambda at: at is not None, within=30)
