"""The recorded scenarios, played live against the server, and a run followed while it runs."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowHandle

from app.history import Projector, project
from app.model import ExecutionRef, Projection, WorkflowStatus
from tests.conftest import TemporalServer
from tests.recorded_workflows import Sync
from tests.scenarios import SCENARIOS, Scenario, Stage, worker


async def follow(handle: WorkflowHandle[Sync, object], ref: ExecutionRef) -> list[Projection]:
    """The projection after each event, as the long poll brings it."""
    projector, seen = Projector(ref), []
    async with asyncio.timeout(30):
        async for event in handle.fetch_history_events(wait_new_event=True):
            projector.apply(event)
            seen.append(projector.snapshot())
    return seen


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
async def test_every_scenario_ends_and_folds(temporal: TemporalServer, task_queue: str, scenario: Scenario) -> None:
    client = temporal.client
    async with worker(client, task_queue):
        runs = await scenario(Stage(client, task_queue))
    for handle in runs.values():
        ref = ExecutionRef(client.namespace, handle.id, handle.run_id or "")
        events = (await handle.fetch_history()).events
        run = project(ref, events)
        assert run.status.is_closed
        assert run.last_event_id == len(events)
        assert run.workflow_task_failure is None


async def test_following_a_run_gives_what_its_whole_history_gives(temporal: TemporalServer, task_queue: str) -> None:
    handle = await Stage(temporal.client, task_queue).start(Sync.run, "steady")
    ref = ExecutionRef("default", handle.id, handle.first_execution_run_id or "")
    following = asyncio.create_task(follow(handle, ref))
    async with worker(temporal.client, task_queue):
        seen = await following
    assert [each.last_event_id for each in seen] == list(range(1, len(seen) + 1))
    assert seen[0].status is WorkflowStatus.RUNNING
    assert seen[-1].status is WorkflowStatus.COMPLETED
    assert seen[-1] == project(ref, (await handle.fetch_history()).events)
    published = [point.published for point in seen[-1].points if point.published]
    assert published[-1] == {"percent": 100, "message": "done"}
