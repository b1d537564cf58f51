"""Runs followed while a real Temporal grants fewer long polls than there are watches."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import pytest
from structlog.testing import capture_logs
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle

from app.errors import NotFound
from app.hub import Hub
from app.hub.slow_poll import SlowPoll
from app.hub.streams import events
from app.metrics import REGISTRY
from app.model import ExecutionRef
from app.temporal.connection import Temporal
from tests.conftest import development_server
from tests.waiting import eventually

GRANTED, RUNS, SIGNALS = 2, 6, 5
TRY_AGAIN = 0.3


@pytest.fixture(scope="module")
async def strict() -> AsyncIterator[tuple[str, Client]]:
    """A server that holds two history polls of a namespace at once, and refuses the third."""
    async with development_server(f"frontend.namespaceCount={GRANTED}") as server:
        yield server.address, server.client


@pytest.fixture
async def connection(strict: tuple[str, Client]) -> AsyncIterator[Temporal]:
    made = Temporal({"target_host": strict[0]}, ["default"])
    yield made
    await made.close()


async def nothing(ref: ExecutionRef, _: int) -> AsyncGenerator[Sequence[HistoryEvent], None]:
    if ref:
        raise NotFound("It is not archived.")
    yield ()


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"tideline_{name}", labels) or 0.0


async def begin(client: Client) -> WorkflowHandle[object, object]:
    return await client.start_workflow("Nothing", id=f"slow-{uuid.uuid4().hex[:10]}", task_queue="nobody")


def ref_of(handle: WorkflowHandle[object, object]) -> ExecutionRef:
    assert handle.first_execution_run_id
    return ExecutionRef("default", handle.id, handle.first_execution_run_id)


async def follow(hub: Hub, ref: ExecutionRef, ids: list[int]) -> None:
    async with aclosing(events(hub, ref, 0, None)) as steps:
        async for step in steps:
            assert step.event is not None
            ids.append(step.event.event_id)


async def test_nothing_is_lost_and_nothing_storms(strict: tuple[str, Client], connection: Temporal) -> None:
    _, client = strict
    hub = Hub(connection, nothing, linger=0.0, slow=SlowPoll(pause=0.05, try_again=TRY_AGAIN))
    handles = [await begin(client) for _ in range(RUNS)]
    seen: list[list[int]] = [[] for _ in handles]
    clock = asyncio.get_running_loop().time
    refused_before, started = count("hub_polls_total", outcome="rate_limited"), clock()

    async def slowed() -> float:
        return count("hub_slowed_watches")

    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            for handle, ids in zip(handles, seen, strict=True):
                group.create_task(follow(hub, ref_of(handle), ids))
            async with asyncio.timeout(30):
                await eventually(slowed, lambda number: number == RUNS - GRANTED)
                for _ in range(SIGNALS):
                    await asyncio.gather(*(handle.signal("anything") for handle in handles))

                async def all_told() -> list[int]:
                    return [len(ids) for ids in seen]

                await eventually(all_told, lambda numbers: min(numbers) == 2 + SIGNALS)
                refused = count("hub_polls_total", outcome="rate_limited") - refused_before
                assert refused <= RUNS + (clock() - started) / TRY_AGAIN + 1, "one try in a while, not one of each"
                await asyncio.gather(*(handle.terminate() for handle in handles))
    await hub.close()
    assert seen == [list(range(1, 2 + SIGNALS + 2))] * RUNS
    assert await slowed() == 0
    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [entry["event"] for entry in warnings] == [
        "temporal grants no more long polls: runs are followed more slowly"
    ]


async def test_they_come_back_to_long_polls_by_themselves(strict: tuple[str, Client], connection: Temporal) -> None:
    _, client = strict
    slow = SlowPoll(pause=0.05, try_again=TRY_AGAIN)
    hub = Hub(connection, nothing, linger=0.0, slow=slow)
    taking, waiting = [await begin(client) for _ in range(GRANTED)], await begin(client)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:

        async def polls() -> float:
            return count("hub_polls_total", outcome="ok")

        before = await polls()
        for handle in taking:
            group.create_task(follow(hub, ref_of(handle), []))
        await eventually(polls, lambda number: number >= before + GRANTED)  # each was granted its first
        ids: list[int] = []
        group.create_task(follow(hub, ref_of(waiting), ids))

        async def slowed() -> int:
            return slow.slowed

        await eventually(slowed, lambda number: number == 1)
        for handle in taking:
            await handle.terminate()
        # It has events to fold, so that its next long poll is answered at once.
        while slow.slowed:
            await waiting.signal("anything")
            await asyncio.sleep(0.05)
        late = count("hub_slowed_events_total")
        for _ in range(3):
            have = len(ids)
            await waiting.signal("anything")

            async def more(have: int = have) -> bool:
                return len(ids) > have

            await eventually(more)
        assert count("hub_slowed_events_total") == late, "they came by long poll"
        await waiting.terminate()
    assert ids == list(range(1, len(ids) + 1))
    await hub.close()
