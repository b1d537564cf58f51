"""The recorded scenarios, played live: the projection that grows with the long poll is that of the whole history."""

from __future__ import annotations

import asyncio

import pytest
from conftest import TemporalServer
from record_histories import SCENARIOS, Scenario, Stage, worker

from app.history import Projector, project
from app.model import ExecutionRef


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
async def test_live_fold(temporal: TemporalServer, task_queue: str, scenario: Scenario) -> None:
    client = temporal.client
    async with worker(client, task_queue):
        runs = await scenario(Stage(client, task_queue))
    for handle in runs.values():
        ref = ExecutionRef(client.namespace, handle.id, handle.run_id or "")
        live = Projector(ref)
        async with asyncio.timeout(20):
            async for event in handle.fetch_history_events(wait_new_event=True):
                live.apply(event)
                live.snapshot()
        history = await handle.fetch_history()
        assert live.snapshot() == project(ref, history.events)
        assert live.snapshot().status.is_closed
        assert live.snapshot().last_event_id == len(history.events)
