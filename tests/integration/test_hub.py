"""Following runs of a real Temporal: one watch for all, exact resumption, chains, pauses, endings."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    PauseWorkflowExecutionRequest,
    ResetWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
)
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from app.errors import NotFound
from app.hub import Hub, ProgressStep
from app.hub import run as run_module
from app.hub.streams import events, progresses
from app.model import ExecutionRef, WorkflowStatus
from app.temporal import reads
from app.temporal.connection import Temporal
from tests.conftest import TemporalServer
from tests.integration.chains import Chain, Waiting
from tests.waiting import eventually

Archived = dict[ExecutionRef, Sequence[HistoryEvent]]


@pytest.fixture
async def connection(temporal: TemporalServer) -> AsyncIterator[Temporal]:
    made = Temporal({"target_host": temporal.address}, ["default"])
    yield made
    await made.close()


@pytest.fixture
async def archived() -> Archived:
    return {}


@pytest.fixture
async def hub(connection: Temporal, archived: Archived) -> AsyncIterator[Hub]:
    async def read(ref: ExecutionRef, position: int) -> AsyncGenerator[Sequence[HistoryEvent], None]:
        if ref not in archived:
            raise NotFound("It is not archived.")
        yield [event for event in archived[ref] if event.event_id > position]

    made = Hub(connection, read, linger=0.05)
    yield made
    await made.close()


@pytest.fixture
async def worker(temporal: TemporalServer, task_queue: str) -> AsyncIterator[str]:
    async with Worker(temporal.client, task_queue=task_queue, workflows=[Chain, Waiting]):
        yield task_queue


async def begin(
    temporal: TemporalServer, queue: str, workflow: Any, *args: Any
) -> tuple[WorkflowHandle[Any, Any], ExecutionRef]:
    workflow_id = f"hub-{uuid.uuid4().hex[:10]}"
    handle = await temporal.client.start_workflow(workflow.run, *args, id=workflow_id, task_queue=queue)
    assert handle.first_execution_run_id
    return handle, ExecutionRef("default", workflow_id, handle.first_execution_run_id)


async def take(stream: AsyncIterator[Any], count: int) -> list[Any]:
    taken = []
    async with asyncio.timeout(20):
        async for each in stream:
            taken.append(each)
            if len(taken) == count:
                break
    return taken


async def everything(stream: AsyncIterator[Any]) -> list[Any]:
    async with asyncio.timeout(20):
        return [each async for each in stream]


async def test_events_follow_the_chain_to_its_end(hub: Hub, temporal: TemporalServer, worker: str) -> None:
    _, ref = await begin(temporal, worker, Chain, 3)
    steps = await everything(events(hub, ref, 0, None))
    runs = list(dict.fromkeys(step.ref.run_id for step in steps))
    assert len(runs) == 4
    for run in runs:
        ids = [step.event.event_id for step in steps if step.ref.run_id == run]
        assert ids == list(range(1, len(ids) + 1))
    assert steps[-1].projection.status is WorkflowStatus.COMPLETED


async def test_every_cursor_resumes_exactly_behind_it(hub: Hub, temporal: TemporalServer, worker: str) -> None:
    handle, ref = await begin(temporal, worker, Waiting)
    await handle.signal(Waiting.add)
    await handle.signal(Waiting.finish)
    await handle.result()
    whole = [step.event.event_id for step in await everything(events(hub, ref, 0, None))]
    for place in (1, 3, len(whole) - 1, len(whole)):
        assert [step.event.event_id for step in await everything(events(hub, ref, place, None))] == whole[place:]


async def test_nothing_of_a_burst_is_left_out(hub: Hub, temporal: TemporalServer) -> None:
    """Of a burst that is longer than a page of history the server forgets some, most of the times."""
    handle = await temporal.client.start_workflow("Nothing", id=f"hub-{uuid.uuid4().hex[:10]}", task_queue="nobody")
    ref = ExecutionRef("default", handle.id, handle.first_execution_run_id or "")
    seen = 0
    async with aclosing(events(hub, ref, 0, None)) as steps:
        for total in (2, 602, 1202, 1802):
            if seen:
                await asyncio.gather(*(handle.signal("news") for _ in range(600)))
            ids = [step.event.event_id for step in await take(steps, total - seen)]
            assert ids == list(range(seen + 1, total + 1))
            seen = total


async def test_subscribers_share_one_watch_that_goes_with_the_last(
    hub: Hub, temporal: TemporalServer, worker: str
) -> None:
    handle, ref = await begin(temporal, worker, Waiting)
    async with aclosing(events(hub, ref, 0, None)) as one, aclosing(events(hub, ref, 0, None)) as other:
        await take(one, 1)
        await take(other, 1)
        assert hub.watched == 1

    async def watched() -> int:
        return hub.watched

    await eventually(watched, lambda count: count == 0, within=5)
    await handle.terminate()


async def test_one_far_behind_reads_the_log(
    hub: Hub, temporal: TemporalServer, worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More happens than is kept in memory while a subscriber looks away."""
    monkeypatch.setattr(run_module, "RECENT_EVENTS", 3)
    handle, ref = await begin(temporal, worker, Waiting)
    async with aclosing(events(hub, ref, 0, None)) as stream:
        first = await take(stream, 2)
        for _ in range(8):
            await handle.signal(Waiting.add)
        await handle.signal(Waiting.finish)
        await handle.result()
        rest = await everything(stream)
    ids = [step.event.event_id for step in (*first, *rest)]
    assert ids == list(range(1, len(ids) + 1))


async def test_published_progress_is_replayed_behind_a_cursor(hub: Hub, temporal: TemporalServer, worker: str) -> None:
    handle, ref = await begin(temporal, worker, Waiting)
    async with aclosing(progresses(hub, ref, None, None, None)) as stream:
        [first] = await take(stream, 1)
    for _ in range(4):
        await handle.signal(Waiting.add)
    await handle.signal(Waiting.finish)
    await handle.result()
    steps: list[ProgressStep] = await everything(progresses(hub, ref, first.cursor, None, None))
    assert [step.progress.step for step in steps[:4]] == [f"step {count}" for count in range(1, 5)]
    assert steps[-1].status is WorkflowStatus.COMPLETED
    assert [step.cursor.event_id for step in steps] == sorted(step.cursor.event_id for step in steps)
    for place, step in enumerate(steps):
        resumed = await everything(progresses(hub, ref, step.cursor, None, None))
        assert [each.cursor.digest for each in resumed] == [each.cursor.digest for each in steps[place + 1 :]]


async def test_a_slow_rate_still_delivers_the_last_state(hub: Hub, temporal: TemporalServer, worker: str) -> None:
    handle, ref = await begin(temporal, worker, Waiting)
    reading = asyncio.create_task(everything(progresses(hub, ref, None, None, 2.0)))
    for _ in range(10):
        await handle.signal(Waiting.add)
    await handle.signal(Waiting.finish)
    await handle.result()
    steps = await reading
    assert steps[-1].status is WorkflowStatus.COMPLETED
    assert len(steps) < 10


async def test_a_paused_run_is_followed_on(hub: Hub, temporal: TemporalServer, worker: str) -> None:
    handle, ref = await begin(temporal, worker, Waiting)
    service = temporal.client.workflow_service
    async with aclosing(progresses(hub, ref, None, None, None)) as stream:
        await take(stream, 1)
        await service.pause_workflow_execution(
            PauseWorkflowExecutionRequest(
                namespace="default", workflow_id=ref.workflow_id, run_id=ref.run_id, request_id=str(uuid.uuid4())
            )
        )
        [paused] = await take(stream, 1)
        assert paused.status is WorkflowStatus.PAUSED
        await service.unpause_workflow_execution(
            UnpauseWorkflowExecutionRequest(
                namespace="default", workflow_id=ref.workflow_id, run_id=ref.run_id, request_id=str(uuid.uuid4())
            )
        )
        await handle.signal(Waiting.finish)
        assert (await everything(stream))[-1].status is WorkflowStatus.COMPLETED


async def test_a_reset_is_followed_into_the_run_that_it_made(hub: Hub, temporal: TemporalServer, worker: str) -> None:
    handle, ref = await begin(temporal, worker, Waiting)
    await handle.signal(Waiting.add)
    async with aclosing(events(hub, ref, 0, None)) as stream:
        completed = 0
        async with asyncio.timeout(20):
            async for step in stream:
                if step.event is not None and step.event.HasField("workflow_task_completed_event_attributes"):
                    completed = step.event.event_id
                    break
        made = await temporal.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace="default",
                workflow_execution=WorkflowExecution(workflow_id=ref.workflow_id, run_id=ref.run_id),
                workflow_task_finish_event_id=completed,
                request_id=str(uuid.uuid4()),
            )
        )
        await temporal.client.get_workflow_handle(ref.workflow_id).signal(Waiting.finish)
        rest = await everything(stream)
    assert list(dict.fromkeys(step.ref.run_id for step in rest))[-1] == made.run_id
    assert rest[-1].projection.status is WorkflowStatus.COMPLETED


async def test_what_temporal_has_forgotten_comes_from_the_archive(
    hub: Hub, connection: Temporal, temporal: TemporalServer, worker: str, archived: Archived
) -> None:
    handle, ref = await begin(temporal, worker, Waiting)
    await handle.signal(Waiting.finish)
    await handle.result()
    history = [event async for event in reads.history(connection, ref)]
    row = (await reads.describe(connection, "default", ref.workflow_id, ref.run_id)).execution
    # Deleting takes the server half a minute; a run that it never had is forgotten in the same words.
    ref = replace(ref, run_id=str(uuid.uuid4()))
    row = replace(row, run_id=ref.run_id)
    with pytest.raises(NotFound):
        await everything(events(hub, ref, 0, row))
    archived[ref] = history
    for place in (0, 3):
        steps = await everything(events(hub, ref, place, row))
        assert [step.event.event_id for step in steps] == list(range(place + 1, len(history) + 1))
    [last] = await everything(progresses(hub, ref, None, row, None))
    assert last.status is WorkflowStatus.COMPLETED


async def test_a_run_that_nobody_watches_is_read_once_and_then_only_what_is_new(
    hub: Hub, temporal: TemporalServer, worker: str
) -> None:
    handle, ref = await begin(temporal, worker, Waiting)
    assert (await hub.view(ref)).execution.status is WorkflowStatus.RUNNING
    await handle.signal(Waiting.add)

    async def published() -> dict[str, Any]:
        return dict((await hub.view(ref)).execution.memo)

    assert (await eventually(published))["progress"]["step"] == "step 1"
    await handle.terminate("enough")
    view = await hub.view(ref)
    assert view.execution.status is WorkflowStatus.TERMINATED
    with pytest.raises(NotFound):
        await hub.view(ExecutionRef("default", "nobody", str(uuid.uuid4())))
