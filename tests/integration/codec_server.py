"""A codec that encrypts, for workers, and the server that decodes what it made, for everybody else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from tests.waiting import eventually

ENCODING = b"binary/encrypted"
AUTHORIZATION = "Bearer let-me-read"
KEY = b"a key for tests"


def _streamed(nonce: bytes, data: bytes) -> bytes:
    """The data with a key stream over it: the same again takes it off."""
    blocks = (hashlib.sha256(KEY + nonce + number.to_bytes(8, "big")).digest() for number in itertools.count())
    return bytes(each ^ mask for each, mask in zip(data, itertools.chain.from_iterable(blocks), strict=False))


class Encrypting(PayloadCodec):
    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._hidden(each) for each in payloads]

    def _hidden(self, payload: Payload) -> Payload:
        nonce = secrets.token_bytes(12)
        return Payload(
            metadata={"encoding": ENCODING, "key": b"k1"},
            data=nonce + _streamed(nonce, payload.SerializeToString()),
        )

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._clear(each) for each in payloads]

    def _clear(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        if payload.metadata["key"] != b"k1":
            raise LookupError("There is no such key.")
        return Payload.FromString(_streamed(payload.data[:12], payload.data[12:]))


@dataclass
class CodecServer:
    """What it was asked, and how it is to fail."""

    port: int
    requests: list[tuple[str, int]] = field(default_factory=list)
    """Namespace and number of payloads of each request."""
    status: int = 200
    is_stuck: bool = False
    is_free: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/codec"

    async def decode(self, request: Request) -> Response:
        if self.is_stuck:
            await self.is_free.wait()
        if request.headers.get("authorization") != AUTHORIZATION:
            return JSONResponse({"message": "who are you?"}, 401)
        if self.status != 200:
            return JSONResponse({"message": "not today"}, self.status)
        given = (await request.json())["payloads"]
        self.requests.append((request.headers["x-namespace"], len(given)))
        try:
            decoded = await Encrypting().decode([_read(each) for each in given])
        except LookupError as error:
            return JSONResponse({"message": str(error)}, 400)
        return JSONResponse({"payloads": [_written(each) for each in decoded]})


def _read(written: dict[str, Any]) -> Payload:
    metadata = {name: base64.b64decode(value) for name, value in written["metadata"].items()}
    return Payload(metadata=metadata, data=base64.b64decode(written["data"]))


def _written(payload: Payload) -> dict[str, Any]:
    metadata = {name: base64.b64encode(value).decode() for name, value in payload.metadata.items()}
    return {"metadata": metadata, "data": base64.b64encode(payload.data).decode()}


@asynccontextmanager
async def codec_server() -> AsyncIterator[CodecServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    state = CodecServer(listener.getsockname()[1])
    app = Starlette(routes=[Route("/codec/decode", state.decode, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))

    async def is_up() -> bool:
        return server.started

    await eventually(is_up)
    try:
        yield state
    finally:
        state.is_free.set()
        server.should_exit = True
        async with asyncio.timeout(10):
            await serving
        listener.close()
