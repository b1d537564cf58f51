"""A corpus of hostile requests at a real gateway: each is refused with a code, for little, and harms nobody else."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.web.messages import SUBPROTOCOL
from tests.conftest import TemporalServer, create_database, database_url
from tests.hostile.documents import ATTACKS, Attack
from tests.integration.serving import Served, serving

CPU = 0.2
"""Seconds that no refusal may cost: four times what they should, for machines that are busy."""
MEMORY = 30.0
"""MiB that a storm of them may leave behind."""
BODY_TIMEOUT = 1.0
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
async def served(postgres_server: str, template_database: str, temporal: TemporalServer) -> AsyncIterator[Served]:
    database = database_url(postgres_server, await create_database(postgres_server, template_database))
    async with serving(database, temporal.address, TIDELINE_BODY_TIMEOUT=str(BODY_TIMEOUT)) as running:
        yield running


def refused(response: httpx.Response) -> Any:
    body = response.json()
    assert body.get("data") is None
    return body["errors"][0]


@pytest.mark.parametrize("attack", ATTACKS, ids=[each.name for each in ATTACKS])
async def test_document_is_refused_for_little(served: Served, attack: Attack) -> None:
    spent = []
    for round_ in range(3):
        document = f"{attack.document} # {round_}" if attack.code != "SYNTAX" else attack.document + str(round_)
        before = served.cpu()
        response = await served.ask(document, attack.variables)
        spent.append(served.cpu() - before)
        error = refused(response)
        assert error["extensions"]["code"] == ("BAD_USER_INPUT" if attack.code == "SYNTAX" else attack.code)
        assert len(response.content) < 20_000, "an answer is no amplifier"
    print(f"{attack.name}: {statistics.median(spent) * 1000:.1f} ms")
    assert statistics.median(spent) < CPU


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 900_000,
        b'{"query":' * 100_000,
        b"\xff\xfe" * 1000,
        b'{"query":"\xff"}',
        b'{"query":"\\ud800"}',
        b'{"query":"{ __typename }","variables":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"query":"{ __typename }\\u0000"}',
        b'[{"query":"{ __typename }"}]',
        b'{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"' + b"a" * 900_000 + b'"}}}',
        b'{"documentId":"' + b"a" * 900_000 + b'"}',
        b'{"query":"{ a }","operationName":"' + b"a" * 900_000 + b'"}',
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_body_is_refused_for_little(served: Served, body: bytes) -> None:
    before = served.cpu()
    response = await served.http.post(served.url, content=body, headers=JSON)
    spent = served.cpu() - before
    assert refused(response)["extensions"]["code"] in {"BAD_USER_INPUT", "PERSISTED_QUERY_NOT_FOUND"}
    assert len(response.content) < 20_000
    assert spent < CPU


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("query ($v: ID!) { node(id: $v) { id } }", "a"),
        ("query ($v: Cursor) { workflows(after: $v) { nodes { id } } }", "e"),
        ("query ($v: String) { workflows(consistencyToken: $v) { nodes { id } } }", "e"),
        ("query ($v: Cursor) { audit(after: $v) { nodes { id } } }", "W"),
        ("query ($v: String!) { workflow(workflowId: $v) { id } }", "a"),
        ('query ($v: String!) { workflow(workflowId: "a", runId: $v) { id } }', "a"),
        ("query ($v: String!) { schedule(scheduleId: $v) { notes } }", "a"),
    ],
)
async def test_an_id_or_cursor_of_a_megabyte_costs_little(served: Served, document: str, value: str) -> None:
    before = served.cpu()
    response = await served.ask(
        document.replace('$v: String!) { workflow(workflowId: "a"', '$v: ID) { workflow(workflowId: "a"'),
        {"v": value * 900_000},
    )
    spent = served.cpu() - before
    body = response.json()
    if errors := body.get("errors"):
        assert errors[0]["extensions"]["code"] != "INTERNAL", errors[0]["message"][:300]
    else:
        assert set(body["data"].values()) == {None}
    assert len(response.content) < 20_000, "it is not given back"
    assert spent < CPU


async def test_a_body_that_does_not_come_is_not_waited_for(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    head = "POST /graphql HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"REQUEST_TIMEOUT"' in answer
    assert b"connection: close" in answer.lower()
    writer.close()


@pytest.mark.parametrize("begun", [b"", b"POST /graphql HTTP/1.1\r\nHost: h\r\nX-Slow: "])
async def test_a_head_that_does_not_come_is_not_waited_for(served: Served, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(begun)
    async with asyncio.timeout(10):
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()


async def test_thousands_of_operations_in_one_socket(served: Served) -> None:
    """Each is answered or refused by itself, and the connection lives."""
    count = 3000
    async with connect(served.url.replace("http", "ws"), subprotocols=[SUBPROTOCOL]) as socket:  # type: ignore[list-item]
        await socket.send('{"type":"connection_init"}')
        assert orjson.loads(await socket.recv()) == {"type": "connection_ack"}

        async def write() -> None:
            for number in range(count):
                query = (
                    'subscription { workflowEvents(workflowId: "none") { cursor } }'
                    if number % 2
                    else "{ health { ok } }"
                )
                await socket.send(
                    orjson.dumps({"type": "subscribe", "id": str(number), "payload": {"query": query}}).decode()
                )

        writing = asyncio.create_task(write())
        ended: dict[str, str] = {}
        async with asyncio.timeout(60):
            while len(ended) < count:
                message = orjson.loads(await socket.recv())
                if message["type"] in {"error", "complete"}:
                    ended[message["id"]] = message["type"]
                    for error in message.get("payload", ()):
                        assert error["extensions"]["code"] in {"RATE_LIMITED", "NOT_FOUND"}
        await writing
        await socket.send('{"type":"ping"}')
        async with asyncio.timeout(10):
            while orjson.loads(await socket.recv())["type"] != "pong":
                pass


async def test_a_message_that_is_too_large_closes_its_own_socket_only(served: Served) -> None:
    async with connect(served.url.replace("http", "ws"), subprotocols=[SUBPROTOCOL]) as socket:  # type: ignore[list-item]
        with suppress(ConnectionClosed):
            await socket.send('{"type":"connection_init","payload":{"x":"' + "a" * 900_000 + '"}}')
        async with asyncio.timeout(10):
            await socket.wait_closed()
        assert socket.close_code == 1009
    assert (await served.ask("{ __typename }")).status_code == 200


async def test_a_storm_leaves_no_memory_behind_and_others_are_served(served: Served) -> None:
    async def storm(rounds: int) -> None:
        for round_ in range(rounds):
            for attack in ATTACKS[round_ % 4 :: 4]:
                refused(await served.ask(f"{attack.document} # {round_} {id(attack)}", attack.variables))

    await storm(4)  # what is cached is full afterwards
    before = served.memory()
    storming = asyncio.gather(*(storm(4) for _ in range(4)))
    answered = 0
    while not storming.done():
        response = await served.ask("{ workflows(first: 5) { nodes { workflowId } } }")
        assert response.json() == {"data": {"workflows": {"nodes": []}}}
        answered += 1
    await storming
    assert answered > 5
    print(f"memory: {before:.0f} MiB, {served.memory():.0f} MiB after; {answered} answered meanwhile")
    assert served.memory() - before < MEMORY
