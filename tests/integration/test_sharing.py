"""Many subscribers on one run: everybody gets everything once and in order, however they come and go."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson
import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from app import metrics
from app.api.engine import Operation
from app.gateway import Caller
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host

EVENTS = """
subscription ($id: String!, $after: Cursor) { workflowEvents(workflowId: $id, after: $after) {
  cursor event { eventId eventType }
} }
"""
STATE = "subscription ($id: String!) { workflow(workflowId: $id) { historyLength status } }"
ENDED = "WorkflowExecutionTerminated"


PROGRESS = """
subscription ($id: String!, $after: Cursor) { workflowProgress(workflowId: $id, after: $after) {
  cursor status progress { step }
} }
"""


@workflow.defn
class Steps:
    """Says each step that it is told, and ends with the last."""

    def __init__(self) -> None:
        self._told: list[str] = []

    @workflow.signal
    def tell(self, step: str) -> None:
        workflow.upsert_memo({"progress": {"step": step}})
        self._told.append(step)

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: "end" in self._told)


@pytest.fixture
async def handle(temporal: TemporalServer) -> WorkflowHandle[Any, Any]:
    client = await Client.connect(temporal.address)
    return await client.start_workflow("Nothing", id=f"shared-{uuid.uuid4().hex[:10]}", task_queue="nobody")


async def subscribed(host: Host, query: str, **variables: Any) -> AsyncGenerator[Any, None]:
    caller = Caller(ANYBODY, "request-1")
    async with aclosing(host.engine.stream(Operation(query, variables), caller)) as answers:
        async for answer in answers:
            yield orjson.loads(answer.body)["data"]


async def rest(stream: AsyncGenerator[Any, None]) -> list[Any]:
    return [each async for each in stream]


async def reader(host: Host, workflow_id: str, chance: random.Random) -> list[int]:
    """Read all events, leaving and coming back with the cursor now and then, and resting between some."""
    seen: list[int] = []
    cursor = None
    while True:
        steps = chance.randrange(1, 400)
        async with aclosing(subscribed(host, EVENTS, id=workflow_id, after=cursor)) as updates:
            async for update in updates:
                news = update["workflowEvents"]
                cursor = news["cursor"]
                seen.append(news["event"]["eventId"])
                if news["event"]["eventType"] == ENDED:
                    return seen
                for _ in range(chance.choice((0, 0, 0, 1, 30))):
                    await asyncio.sleep(0)
                if (steps := steps - 1) == 0:
                    break


async def test_everybody_gets_every_event_once_and_in_order(host: Host, handle: WorkflowHandle[Any, Any]) -> None:
    """Among them some that leave and come back, and some that fall behind what is kept."""
    readers = [asyncio.create_task(reader(host, handle.id, random.Random(seed))) for seed in range(25)]
    for burst in (1, 40, 700, 3, 300):
        await asyncio.gather(*(handle.signal("news", number) for number in range(burst)))
        await asyncio.sleep(0)
    await handle.terminate()
    async with asyncio.timeout(60):
        seen = await asyncio.gather(*readers)
    for each in seen:
        assert each == list(range(1, 1048))


async def test_subscribers_of_one_run_are_served_by_one_stream(host: Host, handle: WorkflowHandle[Any, Any]) -> None:
    before = metrics.SUBSCRIBERS._value.get()
    streams = [subscribed(host, EVENTS, id=handle.id) for _ in range(20)]
    for _ in range(2):
        await asyncio.gather(*(anext(stream) for stream in streams))
    for number in range(2):
        waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
        await handle.signal("news", number)
        await asyncio.gather(*waiting)
    assert metrics.SUBSCRIBERS._value.get() - before <= 2
    await asyncio.gather(*(stream.aclose() for stream in streams))


async def test_one_who_joins_late_sees_the_state_now_and_then_the_same_as_all(
    host: Host, handle: WorkflowHandle[Any, Any]
) -> None:
    first, second = subscribed(host, STATE, id=handle.id), subscribed(host, STATE, id=handle.id)
    assert (await anext(first))["workflow"]["historyLength"] == 2
    assert (await anext(second))["workflow"]["historyLength"] == 2
    for length in (3, 4):
        both = asyncio.gather(anext(first), anext(second))
        await handle.signal("news")
        assert [each["workflow"]["historyLength"] for each in await both] == [length, length]
    third = subscribed(host, STATE, id=handle.id)
    assert (await anext(third))["workflow"]["historyLength"] == 4
    await handle.terminate()
    last = await asyncio.gather(*(rest(stream) for stream in (first, second, third)))
    assert [each[-1]["workflow"] for each in last] == [{"historyLength": 5, "status": "TERMINATED"}] * 3


@pytest.mark.parametrize("is_open", [True, False])
async def test_several_who_come_back_together_miss_no_step(
    host: Host, temporal: TemporalServer, task_queue: str, *, is_open: bool
) -> None:
    client, steps = temporal.client, ["one", "two", "three", "four", "end"]
    async with Worker(client, task_queue=task_queue, workflows=[Steps], workflow_runner=UnsandboxedWorkflowRunner()):
        run = await client.start_workflow(Steps.run, id=f"steps-{uuid.uuid4().hex[:10]}", task_queue=task_queue)
        async with aclosing(subscribed(host, PROGRESS, id=run.id)) as stream:
            cursor = (await anext(stream))["workflowProgress"]["cursor"]
        for step in steps[:-1]:
            await run.signal(Steps.tell, step)

        may_end = asyncio.Semaphore(int(is_open))

        async def come_back() -> list[str]:
            seen: list[str] = []
            async with aclosing(subscribed(host, PROGRESS, id=run.id, after=cursor)) as updates:
                async for update in updates:
                    told = update["workflowProgress"]["progress"]["step"]
                    seen += [told] if told and told not in seen else []
                    if told == "four" and not may_end.locked():
                        await may_end.acquire()  # the first one ends it for all
                        await run.signal(Steps.tell, "end")
            return seen

        if not is_open:
            await run.signal(Steps.tell, "end")
            await run.result()
        async with asyncio.timeout(30):
            seen = await asyncio.gather(*(come_back() for _ in range(4)))
    assert seen == [steps] * 4
