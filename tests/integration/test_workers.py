"""Workers of a real server through the engine: they are known by their heartbeats."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Worker

from app.errors import NotFound
from app.temporal.workers import describe_worker
from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted, member
from tests.waiting import eventually

LIST = """query ($queue: String, $first: Int, $after: Cursor) {
  workers(taskQueue: $queue, first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
    nodes { namespace key identity taskQueue status sdkName sdkVersion startTime hostName processId buildId } } }"""
BEATS = """query ($queue: String) { workers(taskQueue: $queue) { nodes { identity heartbeat {
  time cpuUsage memoryUsage workflowSlots { available used processed failed } activitySlots { available }
  nexusSlots { available } workflowPolling { pollers lastSuccessfulPollTime autoscaling } stickyCacheSize } } } }"""


@workflow.defn(sandboxed=False)
class Idle:
    @workflow.run
    async def run(self) -> None:
        return None


@activity.defn
async def nothing() -> None:
    return None


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as started:
        yield started


@pytest.fixture(scope="module")
def beating() -> Runtime:
    """Where workers beat every second."""
    return Runtime(telemetry=TelemetryConfig(), worker_heartbeat_interval=timedelta(seconds=1))


async def test_workers_by_their_heartbeats(
    host: Host, temporal: TemporalServer, beating: Runtime, task_queue: str
) -> None:
    async def ask() -> Any:
        return (await host.data(LIST, queue=task_queue))["workers"]

    async with AsyncExitStack() as stack:
        for number in range(3):
            await stack.enter_async_context(
                Worker(
                    # A client has one worker of a task queue.
                    await Client.connect(temporal.address, runtime=beating),
                    task_queue=task_queue,
                    workflows=[Idle],
                    activities=[nothing],
                    identity=f"idler-{number}",
                )
            )
        # Temporal is asked for the count and for the workers in two calls, and the last heartbeat may come between.
        found = await eventually(ask, lambda each: each["totalCount"] == 3 and len(each["nodes"]) == 3, within=20)
        assert {each["identity"] for each in found["nodes"]} == {"idler-0", "idler-1", "idler-2"}
        one = found["nodes"][0]
        assert (one["namespace"], one["taskQueue"], one["status"]) == ("default", task_queue, "RUNNING")
        assert one["sdkName"] == "temporal-python"
        assert all(one[name] for name in ("key", "sdkVersion", "startTime", "hostName", "processId"))

        seen: list[str] = []
        after = None
        for _ in range(2):
            page = (await host.data(LIST, queue=task_queue, first=2, after=after))["workers"]
            seen += [each["key"] for each in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
        assert sorted(seen) == sorted(each["key"] for each in found["nodes"])
        assert page["pageInfo"]["hasNextPage"] is False

        beats = (await host.data(BEATS, queue=task_queue))["workers"]["nodes"]
        assert len(beats) == 3
        for beat in (each["heartbeat"] for each in beats):
            assert beat["time"] is not None
            assert 0 <= beat["cpuUsage"] <= 1
            assert 0 < beat["memoryUsage"] <= 1
            assert beat["workflowSlots"]["available"] > 0
            assert beat["activitySlots"]["available"] > 0
            assert beat["nexusSlots"] is None
            assert beat["workflowPolling"]["pollers"] > 0


async def test_tenants_see_none(host: Host, task_queue: str) -> None:
    nothing_there = {"totalCount": 0, "nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    assert (await host.data(LIST, member("acme")))["workers"] == nothing_there
    assert (await host.data(LIST, queue=task_queue))["workers"] == nothing_there


async def test_a_queue_that_cannot_be_searched_for(host: Host) -> None:
    (error,) = (await host.ask(LIST, queue="o'clock"))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", ["taskQueue"])


async def test_a_worker_that_is_gone(host: Host) -> None:
    with pytest.raises(NotFound, match="gone"):
        await describe_worker(host.temporal, "default", "gone")
