"""A real gateway behind a door that is shut: real sockets, keys and tokens, over a real Temporal and Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from starlette.datastructures import Secret
from websockets import Subprotocol
from websockets.asyncio.client import ClientConnection, connect

from app.access import Role
from app.access.api_keys import mint
from app.settings import Settings
from app.store.api_keys import ApiKeys
from app.store.database import Database
from app.web.messages import SUBPROTOCOL
from app.web.parts import Parts, join
from app.web.server import Joined, bind, configuration
from tests.integration.web_host import hear, say
from tests.waiting import eventually

PROTOCOL = Subprotocol(SUBPROTOCOL)
SECRET = "the secret that tokens of these tests are signed with"


@dataclass(frozen=True)
class Guarded:
    port: int
    http: httpx.AsyncClient
    database: Database
    parts: list[Parts] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    async def key(self, *roles: Role, tenant: str | None = "acme", environment: str | None = "prod") -> str:
        """The secret of a new API key."""
        minted = mint()
        await ApiKeys(self.database).create(
            f"key of {tenant}", prefix=minted.prefix, digest=minted.digest, roles=roles, tenant=tenant,
            environment=environment, created_by="test", expires_at=None,
        )  # fmt: skip
        return minted.secret

    async def post(self, token: str | None, query: str, /, **variables: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token is not None else {}
        return await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)

    async def ask(self, token: str | None, query: str, /, **variables: Any) -> Any:
        return (await self.post(token, query, **variables)).json()

    async def data(self, token: str | None, query: str, /, **variables: Any) -> Any:
        answer = await self.ask(token, query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    @asynccontextmanager
    async def session(self, token: str) -> AsyncIterator[ClientConnection]:
        async with connect(self.url.replace("http", "ws"), subprotocols=[PROTOCOL]) as websocket:
            await say(websocket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
            assert (await hear(websocket))["type"] == "connection_ack"
            yield websocket


async def subscribed(websocket: ClientConnection, query: str, id_: str = "1") -> Any:
    """The first payload of a subscription."""
    await say(websocket, id=id_, type="subscribe", payload={"query": query})
    message = await hear(websocket)
    assert message["type"] == "next", message
    return message["payload"]


async def closed_by(websocket: ClientConnection, seconds: float) -> tuple[int | None, str | None]:
    """How it was closed, within so many seconds."""
    async with asyncio.timeout(seconds):
        await websocket.wait_closed()
    return websocket.close_code, websocket.close_reason


def code_of(answer: Any) -> str:
    code: str = answer["errors"][0]["extensions"]["code"]
    return code


@asynccontextmanager
async def guarded(
    temporal_address: str, database_url: str, patch: pytest.MonkeyPatch, **settings: Any
) -> AsyncIterator[Guarded]:
    patch.setenv("TEMPORAL_ADDRESS", temporal_address)
    chosen = {"auth": "required", "shutdown_grace": 3.0, **settings}
    configured = Settings(database_url=Secret(database_url), **chosen)
    joined: list[Parts] = []

    async def joining(settings: Settings) -> Parts:
        joined.append(await join(settings))
        return joined[-1]

    listener = bind("127.0.0.1", 0)
    app = Joined(configured, joining, quiet=True)
    server = uvicorn.Server(configuration(configured, app))
    serving = asyncio.create_task(server.serve(sockets=[listener]))

    async def is_up() -> bool:
        assert app.failure is None, app.failure
        return server.started

    await eventually(is_up)
    database = Database(database_url)
    await database.connect()
    port = listener.getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            yield Guarded(port, http, database, joined)
    finally:
        server.should_exit = True
        async with asyncio.timeout(15):
            await serving
        await database.close()
        listener.close()


async def events_of(response: httpx.Response) -> AsyncIterator[Any]:
    """The payloads of an event stream, until it completes or ends."""
    async for line in response.aiter_lines():
        if line == "event: complete":
            return
        if line.startswith("data: "):
            yield orjson.loads(line.removeprefix("data: "))
