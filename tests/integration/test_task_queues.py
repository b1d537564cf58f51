"""Task queues of a real server through the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio import workflow
from temporalio.worker import Worker

from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted, member
from tests.waiting import eventually

QUERY = """query ($name: String!) { taskQueue(name: $name) { namespace name
  workflow { ...Side } activity { ...Side } } }
  fragment Side on TaskQueueSide { kind buildIds rateLimitPerSecond currentVersion rampingVersion rampingPercentage
    pollers { identity lastAccessTime ratePerSecond buildId deployment }
    backlog { count ageSeconds addRate dispatchRate } }"""


@workflow.defn(sandboxed=False)
class Idle:
    @workflow.run
    async def run(self) -> None:
        return None


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as started:
        yield started


async def test_pollers(host: Host, temporal: TemporalServer, task_queue: str) -> None:
    async def ask() -> Any:
        return (await host.data(QUERY, name=task_queue))["taskQueue"]

    async with Worker(temporal.client, task_queue=task_queue, workflows=[Idle], identity="idler"):
        found = await eventually(ask, lambda each: each["workflow"]["pollers"])
    assert (found["namespace"], found["name"]) == ("default", task_queue)
    side = found["workflow"]
    assert side["kind"] == "WORKFLOW"
    (poller,) = side["pollers"]
    assert poller["identity"] == "idler"
    assert poller["lastAccessTime"] is not None
    assert side["buildIds"] == [poller["buildId"]]
    assert side["rateLimitPerSecond"] > 0
    assert (side["currentVersion"], side["rampingVersion"], side["rampingPercentage"]) == (None, None, None)
    assert found["activity"]["kind"] == "ACTIVITY"
    assert found["activity"]["pollers"] == []


async def test_backlog(host: Host, temporal: TemporalServer, task_queue: str) -> None:
    for number in range(3):
        await temporal.client.start_workflow("Idle", id=f"{task_queue}-{number}", task_queue=task_queue)

    async def ask() -> Any:
        return (await host.data(QUERY, name=task_queue))["taskQueue"]["workflow"]

    side = await eventually(ask, lambda each: each["backlog"]["count"] == 3)
    assert side["pollers"] == []
    assert side["backlog"]["ageSeconds"] > 0
    assert side["backlog"]["addRate"] > 0
    assert side["backlog"]["dispatchRate"] == 0


async def test_an_unknown_queue_is_empty(host: Host, task_queue: str) -> None:
    found = (await host.data(QUERY, name=task_queue))["taskQueue"]
    assert found["activity"]["backlog"] == {"count": 0, "ageSeconds": 0, "addRate": 0, "dispatchRate": 0}


async def test_tenants_see_none(host: Host, task_queue: str) -> None:
    assert (await host.data(QUERY, member("acme"), name=task_queue))["taskQueue"] is None


async def test_a_queue_has_a_name(host: Host) -> None:
    (error,) = (await host.ask(QUERY, name=""))["errors"]
    assert error["extensions"]["argument"] == ["name"]
