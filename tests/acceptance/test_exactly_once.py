"""Exactly as many executions as keys, whatever happens to clients and gateways on the way."""

from __future__ import annotations

import random
from collections import defaultdict

from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.storm import Storm, gateways
from tests.conftest import TemporalServer, free_port
from tests.integration.chains import Chain
from tests.waiting import eventually

KEYS, CLIENTS = 600, 50


async def runs_of(temporal: TemporalServer, task_queue: str) -> dict[str, set[str]]:
    """The runs of each workflow id on the task queues of this name."""
    found: dict[str, set[str]] = defaultdict(set)
    token = b""
    while True:
        response = await temporal.client.workflow_service.list_workflow_executions(
            ListWorkflowExecutionsRequest(
                namespace="default",
                query=f"TaskQueue STARTS_WITH '{task_queue}'",
                page_size=1000,
                next_page_token=token,
            )
        )
        for each in response.executions:
            found[each.execution.workflow_id].add(each.execution.run_id)
        if not (token := response.next_page_token):
            return found


async def test_as_many_executions_as_keys(temporal: TemporalServer, database: str, task_queue: str) -> None:
    storm = Storm((free_port(), free_port()), KEYS, CLIENTS, task_queue, random.Random(7))
    environment = {"DATABASE_URL": database, "TEMPORAL_ADDRESS": temporal.address, "TIDELINE_AUTH": "open"}
    worker = Worker(
        temporal.client, task_queue=task_queue, workflows=[Chain], workflow_runner=UnsandboxedWorkflowRunner()
    )
    async with worker, gateways(storm, environment):
        await storm.rage()

        async def found() -> dict[str, set[str]]:
            return await runs_of(temporal, task_queue)

        # Every fifth continues once.
        expected = KEYS + storm.closing
        runs = await eventually(found, lambda all_: sum(map(len, all_.values())) >= expected, within=30)
    assert storm.kills > 0
    assert storm.hung_up > 0
    assert storm.wrong() == []
    assert len(runs) == KEYS
    assert sum(map(len, runs.values())) == expected
    told = {run for each in storm.told.values() for run in each.runs}
    assert len(told) == KEYS
    assert told <= {run for each in runs.values() for run in each}
