"""The long poll through the engine: the same cursors and steps as the stream, a page at a time."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from app.api.types.update import sealed
from app.gateway.watching import polling
from app.model import Cursor
from tests.conftest import TemporalServer
from tests.integration.chains import Chain, Waiting
from tests.integration.gateways import Host, member
from tests.waiting import eventually

UPDATES = """
query ($id: String!, $run: ID, $after: Cursor, $wait: Float) {
  workflowUpdates(workflowId: $id, runId: $run, after: $after, waitSeconds: $wait) {
    cursor runId isLast event { eventId eventType summary } gap { reason resumedAt }
  }
}
"""


@pytest.fixture
async def worker(temporal: TemporalServer, task_queue: str) -> AsyncIterator[str]:
    async with Worker(temporal.client, task_queue=task_queue, workflows=[Chain, Waiting]):
        yield task_queue


async def begin(
    temporal: TemporalServer, queue: str = "nobody", workflow: str = "Nothing", *args: Any
) -> WorkflowHandle[Any, Any]:
    workflow_id = f"poll-{uuid.uuid4().hex[:10]}"
    return await temporal.client.start_workflow(workflow, args=args, id=workflow_id, task_queue=queue)


async def poll(host: Host, handle: WorkflowHandle[Any, Any], **variables: Any) -> list[Any]:
    found: list[Any] = (await host.data(UPDATES, id=handle.id, **variables))["workflowUpdates"]
    return found


async def everything(host: Host, handle: WorkflowHandle[Any, Any], after: str | None = None) -> list[Any]:
    """What a client gets that asks again behind its cursor until an update is the last."""
    found: list[Any] = []
    async with asyncio.timeout(30):
        while not (found and found[-1]["isLast"]):
            found += await poll(host, handle, run=handle.first_execution_run_id, after=after, wait=10)
            after = found[-1]["cursor"] if found else after
    return found


def ids(updates: list[Any]) -> list[int]:
    return [each["event"]["eventId"] for each in updates]


async def test_what_is_there_is_answered_at_once_also_without_waiting(host: Host, temporal: TemporalServer) -> None:
    handle = await begin(temporal)
    first = await poll(host, handle, wait=0)
    assert ids(first) == [1, 2]
    assert [each["isLast"] for each in first] == [False, False]
    await handle.signal("anything")
    behind = await poll(host, handle, after=first[-1]["cursor"], wait=0)
    assert ids(behind) == [3]
    assert await poll(host, handle, after=behind[-1]["cursor"], wait=0) == []


async def test_what_comes_while_it_waits_is_answered_when_it_comes(host: Host, temporal: TemporalServer) -> None:
    handle = await begin(temporal)
    cursor = (await poll(host, handle))[-1]["cursor"]
    waiting = asyncio.create_task(poll(host, handle, after=cursor, wait=20))

    async def is_watched() -> int:
        return host.gateway.subscriptions.open

    await eventually(is_watched)
    await handle.signal("anything")
    async with asyncio.timeout(10):
        assert ids(await waiting) == [3]
    assert host.gateway.subscriptions.open == 0


async def test_a_chain_is_followed_to_its_last_event_and_behind_that_is_nothing(
    host: Host, temporal: TemporalServer, worker: str
) -> None:
    handle = await begin(temporal, worker, "Chain", 3)
    found = await everything(host, handle)
    runs = list(dict.fromkeys(each["runId"] for each in found))
    assert len(runs) == 4
    for run in runs:
        numbers = ids([each for each in found if each["runId"] == run])
        assert numbers == list(range(1, len(numbers) + 1))
    assert [each["isLast"] for each in found] == [False] * (len(found) - 1) + [True]
    async with asyncio.timeout(5):
        assert await poll(host, handle, after=found[-1]["cursor"], wait=20) == []
    for place in (1, len(found) // 2, len(found) - 1):
        assert await everything(host, handle, found[place - 1]["cursor"]) == found[place:]


async def test_a_page_is_bounded_and_the_next_one_goes_on(
    host: Host, temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "PAGE", 3)
    handle = await begin(temporal)
    for _ in range(6):
        await handle.signal("anything")
    await handle.terminate()
    pages: list[list[Any]] = []
    after = None
    while not (pages and pages[-1][-1]["isLast"]):
        pages.append(await poll(host, handle, after=after))
        after = pages[-1][-1]["cursor"]
    assert [ids(page) for page in pages] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


async def test_a_cursor_whose_run_is_gone_says_so(host: Host, temporal: TemporalServer) -> None:
    handle = await begin(temporal)
    gone = sealed(Cursor("default", handle.id, str(uuid.uuid4()), 40))
    [update] = await poll(host, handle, after=gone)
    assert update["event"] is None
    assert "no longer known" in update["gap"]["reason"]
    assert ids(await poll(host, handle, after=update["gap"]["resumedAt"])) == [1, 2]


@pytest.mark.parametrize("wait", [-1, 25.5, 1e9])
async def test_a_wait_that_cannot_be_is_refused(host: Host, temporal: TemporalServer, wait: float) -> None:
    handle = await begin(temporal)
    [error] = (await host.ask(UPDATES, id=handle.id, wait=wait))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "waitSeconds" in error["message"]


@pytest.mark.parametrize("after", ["nonsense", sealed(Cursor("default", "another", "run", 2))])
async def test_a_cursor_that_is_not_of_this_run_is_refused(host: Host, temporal: TemporalServer, after: str) -> None:
    handle = await begin(temporal)
    [error] = (await host.ask(UPDATES, id=handle.id, after=after))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_another_tenants_run_is_not_found(host: Host, temporal: TemporalServer) -> None:
    handle = await begin(temporal)
    [error] = (await host.ask(UPDATES, member("stranger"), id=handle.id))["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"


async def test_whoever_waits_is_told_when_the_process_ends(host: Host, temporal: TemporalServer) -> None:
    handle = await begin(temporal)
    cursor = (await poll(host, handle))[-1]["cursor"]
    waiting = asyncio.create_task(host.ask(UPDATES, id=handle.id, after=cursor, wait=20))

    async def is_watched() -> int:
        return host.gateway.subscriptions.open

    await eventually(is_watched)
    host.gateway.polling.leave()
    async with asyncio.timeout(5):
        [error] = (await waiting)["errors"]
    assert error["extensions"]["code"] == "UNAVAILABLE"
