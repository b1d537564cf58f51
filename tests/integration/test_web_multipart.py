"""Subscriptions over multipart/mixed on a real port, read as Apollo's clients read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from app.web.app import Pace
from tests.integration.web_host import Host, fast, hosted, small_buffer

APOLLO = (
    "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9"
)
ROUTER = 'multipart/mixed;subscriptionSpec="1.0", application/json'
STREAM = {"Accept": APOLLO}
BOUNDARY = "\r\n--graphql"


@pytest.fixture(scope="module")
async def host() -> AsyncIterator[Host]:
    async with hosted(pace=Pace(heartbeat=30.0)) as running:
        yield running


class Reader:
    """Gives a part as soon as the boundary behind it has come, which is all that a client can do."""

    def __init__(self) -> None:
        self._text = ""
        self._begun = False
        self.ended = False

    def read(self, text: str) -> list[Any]:
        self._text += text
        found = []
        while BOUNDARY in self._text:
            part, self._text = self._text.split(BOUNDARY, 1)
            if self._begun:
                headers, body = part.split("\r\n\r\n", 1)
                assert headers.strip().lower().startswith("content-type: application/json")
                found.append(orjson.loads(body))
            else:
                assert part == ""
            self._begun = True
        self.ended = self._begun and self._text.startswith("--")
        return found


def parts(text: str) -> list[Any]:
    """The parts of a whole body, whose end is its last boundary."""
    reader = Reader()
    found = reader.read(text)
    assert reader.ended
    assert text.endswith("\r\n--graphql--\r\n")
    return found


async def stream(host: Host, query: str, accept: str = APOLLO, **more: Any) -> httpx.Response:
    return await host.http.post("/graphql", json={"query": query, **more}, headers={"Accept": accept})


@pytest.mark.parametrize("accept", [APOLLO, ROUTER])
async def test_stream_of_a_subscription(host: Host, accept: str) -> None:
    response = await stream(host, "count", accept, variables={"to": 2})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'
    assert "no-cache" in response.headers["Cache-Control"]
    assert parts(response.text) == [{"payload": {"data": {"count": 0}}}, {"payload": {"data": {"count": 1}}}]


async def test_bytes_are_exactly_those_of_the_protocol(host: Host) -> None:
    response = await stream(host, "count", variables={"to": 1})
    assert response.content == (
        b"\r\n--graphql\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
        b'{"payload":{"data":{"count":0}}}\r\n--graphql--\r\n'
    )


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("multipart/mixed;deferSpec=20220824,application/json", "application/json"),
        ("multipart/mixed", "application/json"),
        ("text/event-stream, multipart/mixed", "text/event-stream"),
        ("application/json;q=0.5, multipart/mixed;subscriptionSpec=1.0;q=0.4", "application/json"),
    ],
)
async def test_another_kind_of_multipart_is_not_ours(host: Host, accept: str, media: str) -> None:
    response = await stream(host, "echo", accept)
    assert response.headers["Content-Type"].startswith(media)


async def test_refused_graphql_request_is_told_inside_the_payload(host: Host) -> None:
    response = await stream(host, "syntax")
    assert parts(response.text) == [{"payload": {"errors": [{"message": "Syntax Error: what?"}]}}]


async def test_crash_is_masked_in_the_stream(host: Host) -> None:
    response = await stream(host, "crash")
    [part] = parts(response.text)
    assert part["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in response.text


async def test_what_is_wrong_with_http_stays_http(host: Host) -> None:
    response = await host.http.post(
        "/graphql", json={"query": "count"}, headers={**STREAM, "Authorization": "Bearer wrong"}
    )
    assert response.status_code == 401
    assert response.json()["errors"]


async def told(host: Host, query: str, found: asyncio.Queue[Any]) -> Reader:
    """Put each part in the queue when it can be read."""
    reader = Reader()
    async with host.http.stream("POST", "/graphql", json={"query": query}, headers=STREAM) as response:
        async for text in response.aiter_text():
            for part in reader.read(text):
                found.put_nowait(part)
    return reader


async def test_an_update_can_be_read_before_the_next_one_and_silence_is_filled() -> None:
    async with hosted(pace=fast()) as host, asyncio.timeout(10):
        found: asyncio.Queue[Any] = asyncio.Queue()
        reading = asyncio.create_task(told(host, "wait", found))
        assert await found.get() == {"payload": {"data": {"wait": 1}}}
        for _ in range(2):
            assert await found.get() == {}
        host.script.more.set()
        while (part := await found.get()) == {}:
            pass
        assert part == {"payload": {"data": {"wait": 2}}}
        assert (await reading).ended


async def test_shutdown_is_an_error_of_the_transport_after_which_clients_come_back() -> None:
    async with hosted() as host, asyncio.timeout(10):
        found: asyncio.Queue[Any] = asyncio.Queue()
        reading = asyncio.create_task(told(host, "wait", found))
        assert await found.get() == {"payload": {"data": {"wait": 1}}}
        await host.stop()
        assert (await reading).ended
        last = found.get_nowait()
        assert last["payload"] is None
        assert last["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        await host.script.ended["wait"].wait()


async def test_leaving_ends_the_stream_at_once() -> None:
    async with hosted() as host, asyncio.timeout(10):
        async with host.http.stream("POST", "/graphql", json={"query": "wait"}, headers=STREAM) as response:
            await anext(response.aiter_text())
        await host.script.ended["wait"].wait()


async def test_client_that_stops_reading_is_dropped_with_its_stream() -> None:
    async with hosted(pace=fast()) as host:
        request = f"GET /graphql?query=flood HTTP/1.1\r\nHost: h\r\nAccept: {APOLLO}\r\n\r\n".encode()
        with small_buffer() as client:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", host.port))
            await loop.sock_sendall(client, request)
            async with asyncio.timeout(10):
                await host.script.ended["flood"].wait()
