"""A real server on a real port over an engine of a few lines, to test the transports alone."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
import orjson
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from app.access import Gatekeeper, Identity
from app.api.engine import Answer, Engine, Operation
from app.errors import DatabaseUnavailable, Unauthenticated
from app.gateway import Caller
from app.gateway.health import Check, Health
from app.settings import Settings
from app.web.app import Pace
from app.web.messages import SUBPROTOCOL
from app.web.parts import Parts
from app.web.server import UNHEARD, Joined, bind, configuration
from app.web.websocket import Limits
from tests.waiting import eventually

FLOOD = 256 * 1024
"""Bytes of each result of `flood`."""


def answer(data: Any, kind: str) -> Answer:
    return Answer(orjson.dumps({"data": data}), None, kind)


def refusal(message: str, kind: str = "") -> Answer:
    errors = orjson.dumps([{"message": message}])
    return Answer(b'{"errors":' + errors + b"}", errors, kind)


@dataclass
class Script:
    """An engine whose documents are words: `echo`, `mutation`, `syntax`, `crash`, `count`, `wait`, `slow`, `flood`,
    `busy`."""

    ended: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    """By document: its stream has run its `finally`."""
    started: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    more: asyncio.Event = field(default_factory=asyncio.Event)
    """Lets `wait` go on."""
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether whoever waits has been told of a shutdown."""
    callers: list[Caller] = field(default_factory=list)

    async def execute(self, operation: Operation, caller: Caller, *, read_only: bool = False) -> Answer:
        self.callers.append(caller)
        match operation.query:
            case "syntax":
                return refusal("Syntax Error: what?")
            case "busy":
                return replace(refusal("Too much."), retry_after=2.2)
            case "mutation" if read_only:
                return refusal("A mutation needs POST.", "mutation")
            case "slow":
                self.started["slow"].set()
                await self.leaving.wait()
            case "crash":
                raise RuntimeError("the secret of the engine")
        told = {"query": operation.query, "variables": operation.variables, "name": operation.operation_name}
        return answer(told, "mutation" if operation.query == "mutation" else "query")

    async def stream(
        self, operation: Operation, caller: Caller, *, read_only: bool = False
    ) -> AsyncGenerator[Answer, None]:
        query = operation.query or ""
        try:
            self.started[query].set()
            if query == "count":
                for number in range((operation.variables or {}).get("to", 3)):
                    yield answer({"count": number}, "subscription")
            elif query == "wait":
                yield replace(answer({"wait": 1}, "subscription"), cursor="place-1")
                await self.more.wait()
                yield answer({"wait": 2}, "subscription")
            elif query == "slow":
                await self.more.wait()
                yield answer({"slow": 1}, "query")
            elif query == "flood":
                while True:
                    yield answer("x" * FLOOD, "subscription")
            else:
                yield await self.execute(operation, caller, read_only=read_only)
        finally:
            self.ended[query].set()


class Door(Gatekeeper):
    """Open, but for the token `wrong` and for a while when the database is `down`."""

    async def identify(self, authorization: str | None, headers: Mapping[str, str]) -> Identity:
        if authorization == "Bearer wrong":
            raise Unauthenticated("The token is not valid.")
        if authorization == "Bearer down":
            raise DatabaseUnavailable("Postgres does not answer.")
        if authorization == "Bearer crash":
            raise RuntimeError("the secret of the door")
        if authorization == "Bearer slow":
            await asyncio.Event().wait()
        identity = await super().identify(authorization, headers)
        return replace(identity, subject=authorization or "anonymous")


@dataclass(frozen=True)
class Host:
    """A running server."""

    script: Script
    server: uvicorn.Server
    port: int
    http: httpx.AsyncClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @asynccontextmanager
    async def socket(self, **more: Any) -> AsyncIterator[ClientConnection]:
        """A WebSocket before its `connection_init`."""
        more.setdefault("subprotocols", [SUBPROTOCOL])
        async with connect(self.url.replace("http", "ws"), **more) as websocket:
            yield websocket

    @asynccontextmanager
    async def session(self, payload: Mapping[str, Any] | None = None) -> AsyncIterator[ClientConnection]:
        """A WebSocket that is ready for operations."""
        async with self.socket() as websocket:
            await say(websocket, type="connection_init", **({} if payload is None else {"payload": payload}))
            assert await hear(websocket) == {"type": "connection_ack"}
            yield websocket

    async def stop(self) -> None:
        self.server.should_exit = True


async def say(websocket: ClientConnection, **message: Any) -> None:
    await websocket.send(orjson.dumps(message).decode())


async def hear(websocket: ClientConnection) -> Any:
    """The next message but pings, which must be a text frame."""
    async with asyncio.timeout(10):
        while True:
            text = await websocket.recv()
            assert isinstance(text, str), "messages are text frames"
            message = orjson.loads(text)
            if message["type"] != "ping":
                return message


async def closed(websocket: ClientConnection) -> tuple[int | None, str | None]:
    async with asyncio.timeout(10):
        await websocket.wait_closed()
    return websocket.close_code, websocket.close_reason


@asynccontextmanager
async def hosted(
    *,
    settings: Settings | None = None,
    pace: Pace | None = None,
    checks: Mapping[str, Check] | None = None,
    ping: float = 10.0,
    unheard: float = UNHEARD,
) -> AsyncIterator[Host]:
    settings = settings or Settings(shutdown_grace=3.0)
    script = Script()
    door = Door(default_tenant="t", default_environment="e")

    async def join(_: Settings) -> Parts:
        return Parts(cast(Engine, script), door, Health(checks or {}), leave=script.leaving.set)

    listener = bind("127.0.0.1", 0, unheard=unheard)
    server = uvicorn.Server(configuration(settings, Joined(settings, join, pace), ping=ping))
    serving = asyncio.create_task(server.serve(sockets=[listener]))

    async def is_up() -> bool:
        return server.started

    await eventually(is_up)
    port = listener.getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
            yield Host(script, server, port, http)
    finally:
        server.should_exit = True
        async with asyncio.timeout(10):
            await serving
        listener.close()


def fast(*, streams: int = 100, **limits: Any) -> Pace:
    """Clocks for tests."""
    return Pace(heartbeat=0.1, send_deadline=0.5, streams=streams, websocket=Limits(**limits))


def small_buffer() -> socket.socket:
    """A client's socket that takes little before it pushes back."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    return client
