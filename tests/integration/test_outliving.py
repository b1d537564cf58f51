"""Children that outlive their parent, in its timeline."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.conftest import TemporalServer
from tests.integration.families import Child, Parent
from tests.integration.gateways import hosted
from tests.integration.indexing import world_of_its_own
from tests.waiting import eventually

RUN = """query ($run: ID) { workflow(workflowId: "parent", runId: $run) {
    timeline(kinds: [CHILD_WORKFLOW]) { nodes { id status endTime durationMs child { status closeTime } } } } }"""
LIST = """{ workflows(filter: {workflowType: "Parent"}) {
    nodes { timeline(kinds: [CHILD_WORKFLOW]) { nodes { status endTime } } } } }"""
NODE = "query ($id: ID!) { node(id: $id) { ... on TimelineItem { status endTime } } }"


async def test_its_bar_ends_as_the_child_did(temporal: TemporalServer, database: str, task_queue: str) -> None:
    runner = UnsandboxedWorkflowRunner()
    async with (
        world_of_its_own(temporal, database) as world,
        world.indexer() as indexer,
        Worker(world.client, task_queue=task_queue, workflows=[Parent, Child], workflow_runner=runner),
        hosted(temporal.address, database, world.namespace) as host,
    ):
        await world.leads(indexer)
        memo = {"tenant": "acme", "environment": "prod"}
        parent = await world.client.start_workflow(Parent.run, 0, id="parent", task_queue=task_queue, memo=memo)
        await parent.signal(Parent.move_on)
        await asyncio.wait_for(parent.result(), 10)
        await world.archived(world.ref(parent))

        async def bar() -> Any:
            [found] = (await host.data(RUN, run=parent.first_execution_run_id))["workflow"]["timeline"]["nodes"]
            return found

        running = await bar()
        assert (running["status"], running["endTime"], running["child"]["status"]) == ("RUNNING", None, "RUNNING")
        await world.client.get_workflow_handle("parent-kid-0").terminate()
        ended = await eventually(bar, lambda found: found["status"] != "RUNNING")
        assert ended["status"] == ended["child"]["status"] == "TERMINATED"
        assert ended["endTime"] == ended["child"]["closeTime"]
        assert ended["durationMs"] > 0
        told = {"status": "TERMINATED", "endTime": ended["endTime"]}
        assert (await host.data(LIST))["workflows"]["nodes"] == [{"timeline": {"nodes": [told]}}]
        assert (await host.data(NODE, id=ended["id"]))["node"] == told
