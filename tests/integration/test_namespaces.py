"""Two namespaces through one gateway and one indexer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from temporalio.api.batch.v1 import BatchOperationTermination
from temporalio.api.workflowservice.v1 import StartBatchOperationRequest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleSpec, ScheduleState

from app.api.engine import Operation
from app.bus import Bus
from app.gateway import Caller
from app.indexer import Indexer
from app.temporal.connection import Temporal
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, hosted
from tests.integration.indexing import register
from tests.waiting import eventually

WORKFLOWS = """query ($filter: WorkflowFilter, $first: Int, $after: Cursor) {
  workflows(filter: $filter, first: $first, after: $after) { totalCount
    nodes { id namespace workflowId status } pageInfo { hasNextPage endCursor } } }"""
ONE = """query ($id: String!, $namespace: String) {
  workflow(workflowId: $id, namespace: $namespace) { id namespace runId status taskQueue } }"""
EVENTS = """subscription ($id: String!, $namespace: String, $after: Cursor) {
  workflowEvents(workflowId: $id, namespace: $namespace, after: $after) { cursor event { eventType } } }"""
SCHEDULES = """query ($namespace: String, $first: Int, $after: Cursor) {
  schedules(namespace: $namespace, first: $first, after: $after) { totalCount
    nodes { namespace scheduleId } pageInfo { hasNextPage endCursor } } }"""
BATCHES = "{ batchOperations { nodes { namespace jobId query } } }"


@dataclass(frozen=True)
class World:
    """A gateway over two fresh namespaces, `first` its default."""

    host: Host
    first: Client
    second: Client

    @property
    def clients(self) -> tuple[Client, Client]:
        return self.first, self.second

    @property
    def namespaces(self) -> list[str]:
        return [each.namespace for each in self.clients]

    async def start(self, workflow_id: str) -> None:
        """A run of that id in each namespace, which no worker will ever work on."""
        for client in self.clients:
            await client.start_workflow("Nobody", id=workflow_id, task_queue=f"queue-of-{client.namespace}")

    async def listed(self, count: int, **filter_: Any) -> Any:
        """The list, once the indexer has brought `count` of it."""

        async def ask() -> Any:
            return (await self.host.data(WORKFLOWS, filter=filter_))["workflows"]

        return await eventually(ask, lambda found: found["totalCount"] == len(found["nodes"]) == count)


@pytest.fixture
async def world(temporal: TemporalServer, database: str) -> AsyncIterator[World]:
    names = [await register(temporal.client), await register(temporal.client)]
    first, second = [await Client.connect(temporal.address, namespace=each) for each in names]
    async with hosted(temporal.address, database, *names) as host, Bus("memory://") as bus:
        mine = Temporal({"target_host": temporal.address}, names)
        indexer = Indexer(database, host.database, mine, bus.publish, lambda: bus.listen("runs"))
        indexing = asyncio.create_task(indexer.run())
        try:
            yield World(host, first, second)
        finally:
            indexing.cancel()
            await asyncio.gather(indexing, return_exceptions=True)
            await mine.close()


def unique() -> str:
    return f"twin-{uuid.uuid4().hex[:10]}"


async def streamed(host: Host, query: str, /, **variables: Any) -> list[Any]:
    """Every answer of a subscription until it completes."""
    async with aclosing(host.engine.stream(Operation(query, variables), Caller(ANYBODY, "request-1"))) as stream:
        return [orjson.loads(answer.body) async for answer in stream]


async def test_lists_span_the_namespaces(world: World) -> None:
    ids = [unique() for _ in range(3)]
    for id_ in ids:
        await world.start(id_)
    whole = await world.listed(6)
    assert {(each["namespace"], each["workflowId"]) for each in whole["nodes"]} == {
        (namespace, id_) for namespace in world.namespaces for id_ in ids
    }
    only = await world.listed(3, namespace=[world.second.namespace])
    assert {each["namespace"] for each in only["nodes"]} == {world.second.namespace}

    walked: list[str] = []
    after, more = None, True
    while more:
        page = (await world.host.data(WORKFLOWS, filter={}, first=4, after=after))["workflows"]
        walked += [each["id"] for each in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert walked == [each["id"] for each in whole["nodes"]]


async def test_the_same_id_in_both_is_two_runs(world: World) -> None:
    id_ = unique()
    await world.start(id_)
    default = (await world.host.data(ONE, id=id_))["workflow"]
    found = [(await world.host.data(ONE, id=id_, namespace=each))["workflow"] for each in world.namespaces]
    assert [each["namespace"] for each in found] == world.namespaces
    assert default == found[0] != found[1]
    assert [each["taskQueue"] for each in found] == [f"queue-of-{each}" for each in world.namespaces]

    nodes = (
        await world.host.data(
            "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on WorkflowExecution { namespace } } }",
            ids=[each["id"] for each in found],
        )
    )["nodes"]
    assert [each["namespace"] for each in nodes] == world.namespaces
    batch = (
        await world.host.data(
            "query ($refs: [WorkflowRef!]!) { workflowBatch(refs: $refs) { namespace runId } }",
            refs=[{"workflowId": id_, "namespace": each} for each in reversed(world.namespaces)],
        )
    )["workflowBatch"]
    assert [each["runId"] for each in batch] == [each["runId"] for each in reversed(found)]


async def test_closed_runs_of_both_are_archived_and_streams_stay_apart(world: World) -> None:
    id_ = unique()
    await world.start(id_)
    await world.second.get_workflow_handle(id_).terminate(reason="enough")
    statuses = {each["namespace"]: each["status"] for each in (await world.listed(2))["nodes"]}
    assert set(statuses) == set(world.namespaces)

    async def closed() -> Any:
        return (await world.host.data(WORKFLOWS, filter={"status": ["TERMINATED"]}))["workflows"]["nodes"]

    (row,) = await eventually(closed)
    assert row["namespace"] == world.second.namespace

    answers = await streamed(world.host, EVENTS, id=id_, namespace=world.second.namespace)
    events = [each["data"]["workflowEvents"] for each in answers]
    assert [each["event"]["eventType"] for each in events] == [
        "WorkflowExecutionStarted",
        "WorkflowTaskScheduled",
        "WorkflowExecutionTerminated",
    ]
    rest = await streamed(world.host, EVENTS, id=id_, namespace=world.second.namespace, after=events[0]["cursor"])
    assert [each["data"]["workflowEvents"] for each in rest] == events[1:]
    (refused,) = await streamed(world.host, EVENTS, id=id_, after=events[0]["cursor"])
    assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"

    await world.first.get_workflow_handle(id_).terminate()
    await eventually(closed, lambda nodes: {each["namespace"] for each in nodes} == set(world.namespaces))


async def test_acts_go_where_they_are_sent(world: World) -> None:
    id_ = unique()
    await world.start(id_)
    cancelled = await world.host.data(
        """mutation ($input: CancelWorkflowInput!) {
             cancelWorkflow(input: $input) { execution { namespace } userErrors { code } } }""",
        input={"workflowId": id_, "namespace": world.second.namespace, "reason": "twin"},
    )
    assert cancelled["cancelWorkflow"] == {"execution": {"namespace": world.second.namespace}, "userErrors": []}
    asked = [
        [each.WhichOneof("attributes") for each in (await client.get_workflow_handle(id_).fetch_history()).events]
        for client in world.clients
    ]
    requested = "workflow_execution_cancel_requested_event_attributes"
    assert [requested in each for each in asked] == [False, True]


async def test_schedules_and_batches_span_them_too(world: World) -> None:
    for client in world.clients:
        for number in range(2):
            await client.create_schedule(
                f"{client.namespace}-{number}",
                Schedule(
                    action=ScheduleActionStartWorkflow("Nobody", id="nobody", task_queue="nobody"),
                    spec=ScheduleSpec(),
                    state=ScheduleState(paused=True),
                ),
            )

    async def ask() -> Any:
        return (await world.host.data(SCHEDULES))["schedules"]

    whole = await eventually(ask, lambda found: found["totalCount"] == 4)
    assert [each["namespace"] for each in whole["nodes"]] == [each for each in world.namespaces for _ in range(2)]
    walked: list[Any] = []
    after, more = None, True
    while more:
        page = (await world.host.data(SCHEDULES, first=1, after=after))["schedules"]
        walked += page["nodes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert walked == whole["nodes"]
    only = (await world.host.data(SCHEDULES, namespace=world.second.namespace))["schedules"]
    assert only["nodes"] == whole["nodes"][2:]
    assert only["totalCount"] == 2

    jobs = {}
    for client in world.clients:
        jobs[client.namespace] = str(uuid.uuid4())
        await client.workflow_service.start_batch_operation(
            StartBatchOperationRequest(
                namespace=client.namespace,
                job_id=jobs[client.namespace],
                visibility_query="WorkflowId = 'nobody'",
                reason="twins",
                termination_operation=BatchOperationTermination(identity="ann"),
            )
        )

    async def batches() -> Any:
        return (await world.host.data(BATCHES))["batchOperations"]["nodes"]

    found = await eventually(batches, lambda nodes: len(nodes) == 2)
    assert {each["namespace"]: each["jobId"] for each in found} == jobs
    assert {each["query"] for each in found} == {"WorkflowId = 'nobody'"}


async def test_both_are_told_of(world: World) -> None:
    found = (await world.host.data("{ namespaces { name state } }"))["namespaces"]
    assert found == [{"name": each, "state": "REGISTERED"} for each in world.namespaces]


async def test_another_namespace_is_not_served(world: World) -> None:
    for query, variables in (
        (ONE, {"id": "x", "namespace": "default"}),
        (WORKFLOWS, {"filter": {"namespace": ["default"]}}),
        (SCHEDULES, {"namespace": "default"}),
        ('{ taskQueue(name: "x", namespace: "default") { name } }', {}),
        ('{ searchAttributes(namespace: "default") { name } }', {}),
    ):
        (error,) = (await world.host.ask(query, **variables))["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT", query
        assert "does not serve namespace 'default'" in error["message"]
