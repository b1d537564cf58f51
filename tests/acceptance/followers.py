"""Clients that come back behind their cursor until their stream is over, each over one transport."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from tests.acceptance.client import PROTOCOL, Json

BROKEN = (OSError, EOFError, httpx.HTTPError, websockets.WebSocketException)
PASSING = {"UNAVAILABLE", "TEMPORAL_UNAVAILABLE", "DATABASE_UNAVAILABLE", "TIMEOUT", "DEADLINE_EXCEEDED"}
"""Codes of errors that say: try again."""
BOUNDARY = "\r\n--graphql"
ACCEPT_MULTIPART = "multipart/mixed;subscriptionSpec=1.0"


class SentAwayError(Exception):
    """The gateway could not go on just now."""


@dataclass
class Follower:
    """One client. `way` connects once and gives each answer that came whole; `after` is its newest cursor."""

    way: Way
    origin: str
    """Host and port, as in URLs."""
    document: str
    variables: dict[str, Any]
    http: httpx.AsyncClient
    after: str | None = None
    updates: list[Any] = field(default_factory=list)
    is_over: bool = False
    phase: str = "connecting"
    cuts: Counter[str] = field(default_factory=Counter)
    """How often it was cut off, by what it was about to hear."""

    @property
    def name(self) -> str:
        return f"{self.way.__name__} of {self.document.split('{')[1].split('(')[0].strip()} {self.variables}"

    async def follow(self, dice: random.Random) -> None:
        while not self.is_over:
            self.phase = "connecting"
            try:
                async with aclosing(self.way(self)) as answers:
                    async for answer in answers:
                        self._take(answer)
                        self.phase = "streaming"
            except SentAwayError as away:
                self.cuts[str(away)] += 1
            except BROKEN:
                self.cuts[self.phase] += 1
            if not self.is_over:
                await asyncio.sleep(dice.uniform(0.01, 0.05))  # the pace of a client's reconnecting

    def _take(self, answer: Json) -> None:
        if errors := answer.get("errors"):
            code = errors[0]["extensions"]["code"]
            assert code in PASSING, (self.name, errors)
            raise SentAwayError(code)
        [value] = answer["data"].values()
        for update in value if isinstance(value, list) else [value]:
            self.updates.append(update)
            self.after = update.get("cursor")
            self.is_over |= bool(update.get("isLast"))

    @property
    def body(self) -> dict[str, Any]:
        after = {} if self.after is None else {"after": self.after}
        return {"query": self.document, "variables": {**self.variables, **after}}


Way = Callable[[Follower], AsyncGenerator[Json, None]]


async def websocket(follower: Follower) -> AsyncGenerator[Json, None]:
    async with websockets.connect(
        f"ws://{follower.origin}/graphql", subprotocols=[PROTOCOL], close_timeout=1, compression=None
    ) as connection:
        follower.phase = "before the ack"
        await connection.send('{"type":"connection_init"}')
        assert json.loads(await connection.recv())["type"] == "connection_ack"
        follower.phase = "before the first"
        await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": follower.body}))
        async for message in connection:
            said = json.loads(message)
            match said["type"]:
                case "next":
                    yield said["payload"]
                case "error":
                    yield {"errors": said["payload"]}
                case "complete":
                    follower.is_over = True
                    return


async def event_stream(follower: Follower) -> AsyncGenerator[Json, None]:
    """As a browser's EventSource: by GET, and back with the id of the last event."""
    parameters = {"query": follower.document, "variables": json.dumps(follower.variables)}
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": follower.after} if follower.after else {})}
    url = f"http://{follower.origin}/graphql"
    async with follower.http.stream("GET", url, params=parameters, headers=headers) as response:
        assert response.status_code == 200, (follower.name, await response.aread())
        follower.phase = "before the first"
        async with aclosing(_split(response, "\n\n")) as events:
            async for event in events:
                fields = dict(line.split(":", 1) for line in event.split("\n"))
                if fields.get("event") == " next":
                    yield json.loads(fields["data"])
                elif fields.get("event") == " complete":
                    follower.is_over = True


async def multipart(follower: Follower) -> AsyncGenerator[Json, None]:
    headers = {"Accept": ACCEPT_MULTIPART}
    url = f"http://{follower.origin}/graphql"
    async with follower.http.stream("POST", url, json=follower.body, headers=headers) as response:
        assert response.status_code == 200, (follower.name, await response.aread())
        follower.phase = "before the first"
        async with aclosing(_split(response, BOUNDARY)) as parts:
            async for part in parts:
                said = json.loads(part.partition("\r\n\r\n")[2] or "{}")
                if said.get("payload"):
                    yield said["payload"]
                elif "errors" in said:
                    yield said
        follower.is_over = True


async def long_poll(follower: Follower) -> AsyncGenerator[Json, None]:
    while not follower.is_over:
        response = await follower.http.post(f"http://{follower.origin}/graphql", json=follower.body)
        yield response.json()
        follower.phase = "before the next poll"


async def _split(response: httpx.Response, end: str) -> AsyncGenerator[str, None]:
    """Each part of the body that `end` closes; one that was cut in half is none."""
    waiting = ""
    async for text in response.aiter_text():
        *whole, waiting = (waiting + text).split(end)
        for part in whole:
            yield part
