"""A GraphQL client over real sockets: HTTP, WebSocket and server-sent events."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

Json = Any
PROTOCOL = websockets.Subprotocol("graphql-transport-ws")


async def ask(url: str, query: str, /, **variables: Json) -> Json:
    """The whole response of one operation over HTTP."""
    async with httpx.AsyncClient(timeout=40) as client:
        response = await client.post(url, json={"query": query, "variables": variables})
        return response.json()


async def data(url: str, query: str, /, **variables: Json) -> Json:
    """The data of one operation that must not fail."""
    answer = await ask(url, query, **variables)
    assert "errors" not in answer, answer
    return answer["data"]


@dataclass
class Socket:
    """One WebSocket connection; `subscribe` gives the payloads of one operation until it completes."""

    connection: websockets.ClientConnection
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    completed: bool = False
    """Whether the last subscription ended because it was over."""

    async def subscribe(self, query: str, /, **variables: Json) -> AsyncIterator[Json]:
        id_ = str(next(self.ids))
        payload = {"query": query, "variables": variables}
        await self.connection.send(json.dumps({"id": id_, "type": "subscribe", "payload": payload}))
        async for message in self.connection:
            said = json.loads(message)
            match said["type"]:
                case "ping":
                    await self.connection.send('{"type":"pong"}')
                case "complete":
                    self.completed = True
                    return
                case "error":
                    raise AssertionError(said["payload"])
                case "next":
                    assert "errors" not in said["payload"], said["payload"]
                    yield said["payload"]["data"]

    def cut(self) -> None:
        """Drop the connection without a word, as a phone in a tunnel does."""
        self.connection.transport.abort()


@asynccontextmanager
async def connected(ws: str) -> AsyncIterator[Socket]:
    async with websockets.connect(ws, subprotocols=[PROTOCOL], close_timeout=2) as connection:
        await connection.send('{"type":"connection_init"}')
        assert json.loads(await connection.recv())["type"] == "connection_ack"
        yield Socket(connection)


async def subscribe(ws: str, query: str, /, **variables: Json) -> list[Json]:
    """Everything that a subscription says until it completes."""
    async with connected(ws) as socket:
        return [each async for each in socket.subscribe(query, **variables)]
