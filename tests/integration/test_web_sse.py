"""Server-sent events on a real port: framing, refusals, heartbeats, and every way for a stream to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from app.settings import Settings
from app.web.app import Pace
from app.web.sse import ServerSentEvents
from tests.integration.web_host import FLOOD, Host, fast, hosted, small_buffer
from tests.waiting import eventually

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
async def host() -> AsyncIterator[Host]:
    async with hosted(pace=Pace(heartbeat=30.0)) as running:
        yield running


def frames(text: str) -> list[tuple[str, Any]]:
    """Event names and their data, comments left out."""
    found = []
    assert text.endswith("\n\n")
    for block in text.removesuffix("\n\n").split("\n\n"):
        if block.startswith(":"):
            continue
        name, data = block.split("\n")
        assert name.startswith("event: ")
        assert data.startswith("data:")
        value = data.removeprefix("data:").strip()
        found.append((name.removeprefix("event: "), orjson.loads(value) if value else None))
    return found


async def stream(host: Host, query: str, **more: Any) -> httpx.Response:
    return await host.http.post("/graphql", json={"query": query, **more}, headers=STREAM)


async def test_stream_of_a_subscription(host: Host) -> None:
    response = await stream(host, "count", variables={"to": 2})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert "no-cache" in response.headers["Cache-Control"]
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["X-Request-Id"]
    assert frames(response.text) == [
        ("next", {"data": {"count": 0}}),
        ("next", {"data": {"count": 1}}),
        ("complete", None),
    ]


async def test_bytes_are_exactly_those_of_the_protocol(host: Host) -> None:
    response = await stream(host, "count", variables={"to": 1})
    assert response.content == b'event: next\ndata: {"data":{"count":0}}\n\nevent: complete\ndata:\n\n'


async def test_by_get_as_event_source_does(host: Host) -> None:
    parameters = {"query": "count", "variables": '{"to":1}'}
    response = await host.http.get("/graphql", params=parameters, headers=STREAM)
    assert frames(response.text) == [("next", {"data": {"count": 0}}), ("complete", None)]


async def test_query_is_one_next(host: Host) -> None:
    response = await stream(host, "echo")
    assert [name for name, _ in frames(response.text)] == ["next", "complete"]


async def test_refused_graphql_request_is_told_in_the_stream(host: Host) -> None:
    response = await stream(host, "syntax")
    assert response.status_code == 200
    assert frames(response.text) == [("next", {"errors": [{"message": "Syntax Error: what?"}]}), ("complete", None)]


async def test_mutation_by_get_is_refused(host: Host) -> None:
    response = await host.http.get("/graphql", params={"query": "mutation"}, headers=STREAM)
    assert frames(response.text)[0] == ("next", {"errors": [{"message": "A mutation needs POST."}]})


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {"Content-Type": "application/json"}, 400),
        (b'{"query":"count"}', {"Content-Type": "text/plain"}, 415),
        (b'{"query":"count"}', {"Content-Type": "application/json", "Authorization": "Bearer wrong"}, 401),
    ],
)
async def test_what_is_wrong_with_http_stays_http(
    host: Host, content: bytes, headers: dict[str, str], status: int
) -> None:
    response = await host.http.post("/graphql", content=content, headers={**STREAM, **headers})
    assert response.status_code == status
    assert response.json()["errors"]


async def test_crash_is_masked_in_the_stream(host: Host) -> None:
    response = await stream(host, "crash")
    (kind, body), end = frames(response.text)
    assert (kind, end) == ("next", ("complete", None))
    assert body["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in response.text


async def lines_of(host: Host, query: str, lines: asyncio.Queue[str | None]) -> None:
    """Put each line of the stream in the queue, and None at its end."""
    body = {"query": query}
    async with host.http.stream("POST", "/graphql", json=body, headers=STREAM) as response:
        async for line in response.aiter_lines():
            lines.put_nowait(line)
    lines.put_nowait(None)


async def test_silence_is_filled_with_comments_and_events_go_on_after_it() -> None:
    async with hosted(pace=fast()) as host, asyncio.timeout(10):
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        reading = asyncio.create_task(lines_of(host, "wait", lines))
        first = ["id: place-1", "event: next", 'data: {"data":{"wait":1}}', ""]
        assert [await lines.get() for _ in first] == first
        for _ in range(2):
            assert [await lines.get(), await lines.get()] == [": ping", ""]
        host.script.more.set()
        while await lines.get() != 'data: {"data":{"wait":2}}':
            pass
        await reading


async def test_leaving_ends_the_stream_at_once() -> None:
    async with hosted() as host, asyncio.timeout(10):
        async with host.http.stream("POST", "/graphql", json={"query": "wait"}, headers=STREAM) as response:
            assert await anext(response.aiter_lines()) == "id: place-1"
        await host.script.ended["wait"].wait()


async def test_client_that_stops_reading_is_dropped_with_its_stream() -> None:
    async with hosted(pace=fast()) as host:
        request = b"GET /graphql?query=flood HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n"
        with small_buffer() as client:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", host.port))
            await loop.sock_sendall(client, request)
            async with asyncio.timeout(10):
                await host.script.ended["flood"].wait()
                last = b""
                while chunk := await loop.sock_recv(client, FLOOD):
                    last = chunk
            assert not last.endswith(b"0\r\n\r\n"), "it was cut, not ended"
        assert not host.server.server_state.connections


async def test_shutdown_ends_the_stream_whole_but_without_complete() -> None:
    # A grace that nobody waits for: the deadline is far below it.
    async with hosted(settings=Settings(shutdown_grace=60.0)) as host, asyncio.timeout(10):
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        reading = asyncio.create_task(lines_of(host, "wait", lines))
        await host.script.started["wait"].wait()
        await lines.get()
        await host.stop()
        await reading
        await host.script.ended["wait"].wait()
        rest = [lines.get_nowait() for _ in range(lines.qsize())]
        assert "event: complete" not in rest
        *_, retry, blank, end = rest
        assert (blank, end) == ("", None)
        assert 200 <= int((retry or "").removeprefix("retry: ")) <= 3000


def test_clients_are_told_different_moments_to_come_back() -> None:
    assert len({ServerSentEvents().restart() for _ in range(100)}) > 50


async def test_one_stream_too_many_is_turned_away_until_one_ends() -> None:
    async with hosted(pace=fast(streams=1)) as host, asyncio.timeout(10):
        async with host.http.stream("POST", "/graphql", json={"query": "wait"}, headers=STREAM) as first:
            await anext(first.aiter_lines())
            refused = await stream(host, "count")
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
            assert refused.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
            assert (await host.http.post("/graphql", json={"query": "echo"})).status_code == 200

        async def enters() -> bool:
            return (await stream(host, "count")).status_code == 200

        await eventually(enters)
