"""What breaks comes back, and nobody loses an event over it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest
import websockets

from tests.acceptance.client import ask, connected, data
from tests.acceptance.process import Start, Tideline
from tests.acceptance.test_main_job import EVENTS, START, price_sync
from tests.waiting import eventually

LIST = "{ workflows { nodes { workflowId status } } }"
BROKEN = (OSError, httpx.HTTPError, websockets.WebSocketException)


@pytest.fixture
async def own(start_dev: Start, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A `tideline dev` that the test may break."""
    async with start_dev(tmp_path_factory.mktemp("own") / "data") as started:
        yield started


async def begin(tideline: Tideline, rate: float) -> str:
    workflow_id = f"sync-{uuid.uuid4().hex[:8]}"
    given = price_sync(workflow_id, rate_limit=rate)
    assert (await data(tideline.http, START, input=given))["startWorkflow"]["created"]
    return workflow_id


async def follow(tideline: Tideline, workflow_id: str, enough: int | None = None) -> list[int]:
    """The ids of a run's events as a client gets them that reconnects with its cursor whenever it is cut off."""
    ids: list[int] = []
    after = None
    async with asyncio.timeout(60):
        while True:
            try:
                async with connected(tideline.ws) as socket:
                    async for update in socket.subscribe(EVENTS, id=workflow_id, after=after):
                        after = update["workflowEvents"]["cursor"]
                        ids.append(update["workflowEvents"]["event"]["eventId"])
                        if len(ids) == enough:
                            return ids
                    if socket.completed:
                        return ids
            except BROKEN:
                await asyncio.sleep(0.05)  # the pace of a client's reconnecting


async def ready(tideline: Tideline) -> bool:
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            return (await client.get(f"{tideline.origin}/health/ready")).status_code == 200
    except httpx.HTTPError:
        return False


async def test_a_subscription_survives_its_gateway(own: Tideline) -> None:
    workflow_id = await begin(own, rate=30)
    following = asyncio.create_task(follow(own, workflow_id))
    assert await follow(own, workflow_id, enough=5) == [1, 2, 3, 4, 5]
    own.children()["serve"].kill()
    ids = await following
    assert ids == list(range(1, ids[-1] + 1))
    run = await data(
        own.http, "query ($id: String!) { workflow(workflowId: $id) { status historyLength } }", id=workflow_id
    )
    assert run["workflow"] == {"status": "COMPLETED", "historyLength": ids[-1]}


async def test_temporal_goes_and_comes_back(own: Tideline) -> None:
    workflow_id, unwatched = await begin(own, rate=15), await begin(own, rate=10)
    following = asyncio.create_task(follow(own, workflow_id))
    assert len(await follow(own, workflow_id, enough=5)) == 5
    own.children()["temporal"].suspend()
    question = "query ($id: String!) { workflow(workflowId: $id) { workflowId progress { percent } } }"
    assert (await data(own.http, LIST))["workflows"]["nodes"], "lists come from Postgres"
    answer = await ask(own.http, question, id=unwatched)
    assert answer["errors"][0]["extensions"]["code"] in {"TEMPORAL_UNAVAILABLE", "TIMEOUT"}
    own.children()["temporal"].kill()
    ids = await following
    assert ids == list(range(1, ids[-1] + 1))
    await eventually(lambda: ready(own), within=20)


async def test_postgres_goes_and_comes_back(own: Tideline) -> None:
    workflow_id = await begin(own, rate=15)
    following = asyncio.create_task(follow(own, workflow_id))
    assert len(await follow(own, workflow_id, enough=5)) == 5
    postgres = own.children()["postgres"]
    postgres.suspend()
    for child in postgres.children():
        child.kill()
    answer = await ask(own.http, LIST)
    assert answer["errors"][0]["extensions"]["code"] == "DATABASE_UNAVAILABLE"
    assert not await ready(own)
    postgres.kill()
    ids = await following
    assert ids == list(range(1, ids[-1] + 1))
    await eventually(lambda: ready(own), within=20)

    async def status() -> str:
        nodes = (await data(own.http, LIST))["workflows"]["nodes"]
        return str(next(each["status"] for each in nodes if each["workflowId"] == workflow_id))

    await eventually(status, lambda said: said != "RUNNING", within=10)


async def test_a_restart_keeps_what_was_there(start_dev: Start, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("kept") / "data"
    async with start_dev(folder) as first:
        workflow_id = await begin(first, rate=1000)
        ids = await follow(first, workflow_id)
    async with start_dev(folder) as second:
        nodes = (await data(second.http, LIST))["workflows"]["nodes"]
        assert [(each["workflowId"], each["status"]) for each in nodes] == [(workflow_id, "COMPLETED")]
        assert await follow(second, workflow_id) == ids
