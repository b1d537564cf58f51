"""Batch operations of a real server through the engine."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from temporalio.api.batch.v1 import BatchOperationTermination
from temporalio.api.workflowservice.v1 import StartBatchOperationRequest
from temporalio.service import RPCError, RPCStatusCode

from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, hosted, member
from tests.integration.live import Ear, listening
from tests.waiting import eventually

ONE = """query ($id: ID!) { batchOperation(jobId: $id) {
  namespace jobId state operation startTime closeTime identity reason query total completed failed } }"""
LIST = """query ($first: Int, $after: Cursor) { batchOperations(first: $first, after: $after) {
  totalCount nodes { jobId operation state } pageInfo { hasNextPage endCursor } } }"""
COUNTS = "{ batchOperations { nodes { jobId total identity } } }"


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as started:
        yield started


async def terminate(temporal: TemporalServer, query: str) -> str:
    """Start a job and return its id. The server runs one at a time in a namespace."""
    job_id = str(uuid.uuid4())
    request = StartBatchOperationRequest(
        namespace="default",
        job_id=job_id,
        visibility_query=query,
        reason="the plan was wrong",
        termination_operation=BatchOperationTermination(identity="ann"),
    )

    async def started() -> bool:
        try:
            await temporal.client.workflow_service.start_batch_operation(request)
        except RPCError as error:
            if error.status is RPCStatusCode.RESOURCE_EXHAUSTED:
                return False
            raise
        return True

    await eventually(started, within=30, every=0.1)
    return job_id


async def test_a_job_and_its_counts(host: Host, temporal: TemporalServer, task_queue: str) -> None:
    for number in range(3):
        await temporal.client.start_workflow("Nobody", id=f"{task_queue}-{number}", task_queue=task_queue)
    query = f"TaskQueue = '{task_queue}' AND ExecutionStatus = 'Running'"

    async def seen() -> int:
        return (await temporal.client.count_workflows(query)).count

    await eventually(seen, lambda count: count == 3)
    job_id = await terminate(temporal, query)

    async def ask() -> Any:
        return (await host.data(ONE, id=job_id))["batchOperation"]

    found = await eventually(ask, lambda each: each is not None and each["state"] == "COMPLETED", within=30)
    assert found["startTime"] <= found["closeTime"]
    assert {name: found[name] for name in ("namespace", "jobId", "operation", "identity", "reason", "query")} == {
        "namespace": "default",
        "jobId": job_id,
        "operation": "TERMINATE_WORKFLOW",
        "identity": "ann",
        "reason": "the plan was wrong",
        "query": query,
    }
    assert (found["total"], found["completed"], found["failed"]) == (3, 3, 0)

    async def in_the_list() -> Any:
        nodes = (await host.data(COUNTS))["batchOperations"]["nodes"]
        return next((each for each in nodes if each["jobId"] == job_id), None)

    assert await eventually(in_the_list) == {"jobId": job_id, "total": 3, "identity": "ann"}


async def test_the_list_page_by_page(host: Host, temporal: TemporalServer) -> None:
    jobs = {await terminate(temporal, f"WorkflowId = 'nobody-{number}'") for number in range(3)}

    async def ask() -> Any:
        return (await host.data(LIST, first=100))["batchOperations"]

    whole = await eventually(ask, lambda each: jobs <= {node["jobId"] for node in each["nodes"]})
    assert whole["totalCount"] == len(whole["nodes"])
    ids = [each["jobId"] for each in whole["nodes"]]
    walked: list[str] = []
    after, more = None, True
    while more:
        page = (await host.data(LIST, first=2, after=after))["batchOperations"]
        walked += [each["jobId"] for each in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    # A job that closes meanwhile moves within the order of visibility: none may be left out.
    assert set(walked) == set(ids)


async def test_strangers_and_tenants_see_none(host: Host, temporal: TemporalServer) -> None:
    job_id = await terminate(temporal, "WorkflowId = 'nobody'")
    assert (await host.data(ONE, member("acme"), id=job_id))["batchOperation"] is None
    assert (await host.data(LIST, member("acme")))["batchOperations"]["totalCount"] == 0
    assert (await host.data(ONE, id="unknown"))["batchOperation"] is None


FOLLOWED = "subscription ($id: ID!) { batchOperation(jobId: $id) { jobId state total completed } }"


async def test_a_job_is_followed_until_it_has_ended(host: Host, temporal: TemporalServer, task_queue: str) -> None:
    for number in range(5):
        await temporal.client.start_workflow("Nobody", id=f"{task_queue}-{number}", task_queue=task_queue)
    query = f"TaskQueue = '{task_queue}' AND ExecutionStatus = 'Running'"

    async def seen() -> int:
        return (await temporal.client.count_workflows(query)).count

    await eventually(seen, lambda count: count == 5)
    job_id = await terminate(temporal, query)
    async with listening(host, FOLLOWED, id=job_id) as one, listening(host, FOLLOWED, id=job_id) as two:
        ends = [await the_end(ear) for ear in (one, two)]
    assert [each["state"] for each in ends] == ["COMPLETED", "COMPLETED"]
    assert [(each["total"], each["completed"]) for each in ends] == [(5, 5), (5, 5)]


async def the_end(ear: Ear) -> Any:
    """The last update before the stream completes; no two in a row are the same."""
    updates: list[Any] = []
    while (answer := await ear.raw()) is not None:
        updates.append(answer["data"]["batchOperation"])
    assert all(one != two for one, two in pairwise(updates))
    return updates[-1]


async def test_a_job_that_is_not_there_cannot_be_followed(host: Host) -> None:
    for identity in (ANYBODY, member("acme")):
        async with listening(host, FOLLOWED, identity, id="no-such-job") as ear:
            [failure] = (await ear.raw())["errors"]
            assert (failure["extensions"]["code"], await ear.raw()) == ("NOT_FOUND", None)
