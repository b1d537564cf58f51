"""What only a worker can answer, and what may be done to a run."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted, member


@workflow.defn
class Told:
    """Answers, and says what it is about."""

    def __init__(self) -> None:
        self._done = False

    @workflow.query(description="How much of it there is")
    def amount(self, factor: int = 1) -> dict[str, int]:
        return {"amount": 7 * factor}

    @workflow.query
    def broken(self) -> None:
        raise ValueError("cannot be told")

    @workflow.signal(description="Ends it")
    def end(self) -> None:
        self._done = True

    @workflow.update
    async def change(self, value: int) -> int:
        return value

    @workflow.run
    async def run(self) -> str:
        workflow.set_current_details("**halfway** there")
        workflow.patched("patch-1")
        await workflow.wait_condition(lambda: self._done)
        return "told"


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as made:
        made.temporal.timeout = 2.0
        yield made


@pytest.fixture
async def worker(temporal: TemporalServer, task_queue: str) -> AsyncIterator[str]:
    async with Worker(
        temporal.client, task_queue=task_queue, workflows=[Told], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        yield task_queue


async def begin(temporal: TemporalServer, queue: str) -> WorkflowHandle[Any, Any]:
    return await temporal.client.start_workflow(Told.run, id=f"told-{uuid.uuid4().hex[:8]}", task_queue=queue)


QUERY = """query ($id: String!, $name: String!, $args: [JSON!]) { workflow(workflowId: $id) {
    workflowId query(name: $name, args: $args) } }"""
SAID = """query ($id: String!) { workflow(workflowId: $id) { workflowId
    interface { signals { name description } queries { name description } updates { name } } currentDetails stackTrace
    version { sdkName sdkVersion patches buildId deployment } } }"""


async def test_a_query_answers_with_its_value(temporal: TemporalServer, host: Host, worker: str) -> None:
    handle = await begin(temporal, worker)
    seen = await host.data(QUERY, id=handle.id, name="amount")
    assert seen["workflow"]["query"] == {"amount": 7}
    seen = await host.data(QUERY, id=handle.id, name="amount", args=[3])
    assert seen["workflow"]["query"] == {"amount": 21}
    await handle.signal(Told.end)
    await handle.result()
    seen = await host.data(QUERY, id=handle.id, name="amount")
    assert seen["workflow"]["query"] == {"amount": 7}, "a closed run answers as well"


@pytest.mark.parametrize(("name", "words"), [("broken", "cannot be told"), ("nothing", "'nothing'")])
async def test_a_query_that_fails_says_so(
    temporal: TemporalServer, host: Host, worker: str, name: str, words: str
) -> None:
    handle = await begin(temporal, worker)
    answer = await host.ask(QUERY, id=handle.id, name=name)
    assert answer["data"]["workflow"] == {"workflowId": handle.id, "query": None}
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "QUERY_FAILED"
    assert words in error["message"].lower()
    await handle.terminate()


async def test_a_workflow_says_what_it_is_about(temporal: TemporalServer, host: Host, worker: str) -> None:
    handle = await begin(temporal, worker)
    await host.data(QUERY, id=handle.id, name="amount")
    seen = (await host.data(SAID, id=handle.id))["workflow"]
    assert {"name": "amount", "description": "How much of it there is"} in seen["interface"]["queries"]
    assert seen["interface"]["signals"] == [{"name": "end", "description": "Ends it"}]
    assert seen["interface"]["updates"] == [{"name": "change"}]
    assert seen["currentDetails"] == "**halfway** there"
    assert "Told" in seen["stackTrace"]
    assert seen["version"]["sdkName"] == "temporal-python"
    assert seen["version"]["patches"] == ["patch-1"]
    await handle.terminate()


async def test_without_a_worker_each_is_null_with_an_error_in_time(temporal: TemporalServer, host: Host) -> None:
    handle = await begin(temporal, "nobody-polls-here")
    async with asyncio.timeout(4):
        answer = await host.ask(SAID, id=handle.id)
    seen = answer["data"]["workflow"]
    assert (seen["workflowId"], seen["interface"], seen["currentDetails"], seen["stackTrace"], seen["version"]) == (
        handle.id, None, None, None, None,
    )  # fmt: skip
    assert {each["path"][-1] for each in answer["errors"]} == {"interface", "currentDetails", "stackTrace"}
    for each in answer["errors"]:
        assert each["extensions"]["code"] == "TIMEOUT"
        assert "worker" in each["message"]
    await handle.terminate()


async def test_another_tenants_run_is_not_asked(temporal: TemporalServer, host: Host, worker: str) -> None:
    handle = await begin(temporal, worker)
    seen = await host.data(QUERY, member("acme"), id=handle.id, name="amount")
    assert seen["workflow"] is None
    await handle.terminate()
