"""A gateway that is told to end sends its subscribers to another, over every transport, and nobody loses an event."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from tests.acceptance.client import ask, connected
from tests.acceptance.test_serve import said, serve
from tests.conftest import TemporalServer
from tests.waiting import eventually

SIGNALS = 40
EVENTS = """
subscription ($id: String!, $after: Cursor) {
  workflowEvents(workflowId: $id, after: $after) { cursor event { eventId } }
}
"""
UPDATES = """
query ($id: String!, $after: Cursor) {
  workflowUpdates(workflowId: $id, after: $after) { cursor isLast event { eventId } }
}
"""


@dataclass
class Reader:
    """One client: what it got, how it was sent away, and the gateways that it knows."""

    urls: list[str]
    workflow_id: str
    ids: list[int] = field(default_factory=list)
    after: str | None = None
    hints: list[object] = field(default_factory=list)

    def take(self, update: Any) -> None:
        self.after = update["cursor"]
        self.ids.append(update["event"]["eventId"])

    @property
    def variables(self) -> dict[str, Any]:
        return {"id": self.workflow_id, "after": self.after}


Connect = Callable[[Reader, str], Awaitable[bool]]
"""Follow until cut off; whether the operation was over."""


async def by_websocket(reader: Reader, url: str) -> bool:
    try:
        async with connected(url.replace("http", "ws")) as socket:
            async for update in socket.subscribe(EVENTS, **reader.variables):
                reader.take(update["workflowEvents"])
            return socket.completed
    except websockets.ConnectionClosedError as closed:
        reader.hints.append(closed.rcvd.code if closed.rcvd else None)
        return False


@asynccontextmanager
async def streamed(reader: Reader, url: str, accept: str) -> AsyncIterator[httpx.Response]:
    body = {"query": EVENTS, "variables": reader.variables}
    async with (
        httpx.AsyncClient(timeout=30) as http,
        http.stream("POST", url, json=body, headers={"Accept": accept}) as response,
    ):
        assert response.status_code == 200
        yield response


async def by_sse(reader: Reader, url: str) -> bool:
    async with streamed(reader, url, "text/event-stream") as response:
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "data" and value:
                reader.take(json.loads(value)["data"]["workflowEvents"])
            elif name == "retry":
                reader.hints.append(int(value))
            elif line == "event: complete":
                return True
    return False


async def by_multipart(reader: Reader, url: str) -> bool:
    async with streamed(reader, url, "multipart/mixed;subscriptionSpec=1.0") as response:
        moved = False
        async for line in response.aiter_lines():
            part = json.loads(line) if line.startswith("{") else {}
            if part.get("payload"):
                reader.take(part["payload"]["data"]["workflowEvents"])
            elif "errors" in part:
                reader.hints.append(part["errors"][0]["extensions"]["code"])
                moved = True
        return not moved


async def by_poll(reader: Reader, url: str) -> bool:
    while True:
        answer = await ask(url, UPDATES, **reader.variables)
        if "errors" in answer:
            reader.hints.append(answer["errors"][0]["extensions"]["code"])
            return False
        for update in answer["data"]["workflowUpdates"]:
            reader.take(update)
            if update["isLast"]:
                return True


async def follow(reader: Reader, connect: Connect) -> None:
    for url in itertools.cycle(reader.urls):
        try:
            if await connect(reader, url):
                return
        except (OSError, httpx.HTTPError):
            await asyncio.sleep(0.05)  # the pace of a client's reconnecting


@asynccontextmanager
async def gateway(**environment: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await serve(**environment)
    reading: asyncio.Task[bytes] | None = None
    try:
        url = (await said(process, r"url=(http://\S+)"))[1]
        assert process.stderr is not None
        reading = asyncio.create_task(process.stderr.read())
        yield process, url
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(15):
            await process.wait()
            if reading is not None:
                await reading


async def test_subscribers_move_to_another_gateway_and_lose_nothing(database: str, temporal: TemporalServer) -> None:
    where = {"DATABASE_URL": database, "TEMPORAL_ADDRESS": temporal.address}
    handle = await temporal.client.start_workflow("Nothing", id=f"drain-{uuid.uuid4().hex[:8]}", task_queue="nobody")
    async with gateway(**where) as (ending, first), gateway(**where) as (_, second), asyncio.timeout(60):
        ways: dict[str, Connect] = {"ws": by_websocket, "sse": by_sse, "multipart": by_multipart, "poll": by_poll}
        readers = {name: Reader([first, second], handle.id) for name in ways}
        async with asyncio.TaskGroup() as group:
            for name, connect in ways.items():
                group.create_task(follow(readers[name], connect))
            for number in range(SIGNALS):
                await handle.signal("anything")
                if number == SIGNALS // 2:

                    async def all_there() -> bool:
                        return all(len(reader.ids) >= SIGNALS // 2 for reader in readers.values())

                    await eventually(all_there)
                    ending.terminate()
            assert await ending.wait() == 0
            await handle.terminate()
    for name, reader in readers.items():
        assert reader.ids == list(range(1, 2 + SIGNALS + 2)), name
    assert readers["ws"].hints == [1012]
    assert [200 <= int(str(hint)) <= 3000 for hint in readers["sse"].hints] == [True]
    assert readers["multipart"].hints == ["UNAVAILABLE"]
    assert readers["poll"].hints in ([], ["UNAVAILABLE"]), "nothing where it was answered just then"


async def refusal_over(url: str, accept: str, workflow_id: str) -> str:
    """The body of a stream that is refused at once."""
    body = {"query": EVENTS, "variables": {"id": workflow_id}}
    async with httpx.AsyncClient(timeout=10) as http:
        return (await http.post(url, json=body, headers={"Accept": accept})).text


async def test_one_limit_holds_over_all_transports(database: str, temporal: TemporalServer) -> None:
    handle = await temporal.client.start_workflow("Nothing", id=f"limit-{uuid.uuid4().hex[:8]}", task_queue="nobody")
    where = {"DATABASE_URL": database, "TEMPORAL_ADDRESS": temporal.address, "TIDELINE_MAX_SUBSCRIPTIONS": "1"}
    async with gateway(**where) as (_, url), asyncio.timeout(30):
        holder = Reader([url], handle.id)
        holding = asyncio.create_task(follow(holder, by_websocket))

        async def is_there() -> bool:
            return bool(holder.ids)

        await eventually(is_there)
        for accept in ("text/event-stream", "multipart/mixed;subscriptionSpec=1.0"):
            refused = await refusal_over(url, accept, handle.id)
            assert "RATE_LIMITED" in refused
            assert "TIDELINE_MAX_SUBSCRIPTIONS" in refused
        [error] = (await ask(url, UPDATES, id=handle.id))["errors"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)

        async def is_free() -> bool:
            return "errors" not in await ask(url, UPDATES, id=handle.id)

        await eventually(is_free)
        await handle.terminate()
        assert "RATE_LIMITED" not in await refusal_over(url, "text/event-stream", handle.id)
