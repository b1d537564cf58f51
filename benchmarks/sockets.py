"""A WebSocket client that costs as little as Python allows: it counts messages and reads only what it must.

Thousands of these fit in one process, so that the server is what a benchmark measures.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
from collections.abc import Callable
from typing import cast

OnMessage = Callable[["Socket", bytes], None]


class Socket(asyncio.Protocol):
    """One graphql-transport-ws connection. `on_message` gets every text message after the acknowledgement."""

    def __init__(self, host: str, on_message: OnMessage) -> None:
        self._host = host
        self._on_message = on_message
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._upgraded = False
        self.acknowledged = asyncio.get_running_loop().create_future()
        self.received = 0
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(
            f"GET /graphql HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(error)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self._buffer.startswith(b"HTTP/1.1 101"), bytes(self._buffer[:200])
            del self._buffer[: end + 4]
            self._upgraded = True
            self.send({"type": "connection_init"})
        self._frames()

    def _frames(self) -> None:
        buffer, start, have = self._buffer, 0, len(self._buffer)
        while have - start >= 2:
            size, head = buffer[start + 1] & 127, 2
            if size == 126:
                if have - start < 4:
                    break
                size, head = struct.unpack_from(">H", buffer, start + 2)[0], 4
            elif size == 127:
                if have - start < 10:
                    break
                size, head = struct.unpack_from(">Q", buffer, start + 2)[0], 10
            if have - start < head + size:
                break
            self._frame(buffer[start] & 15, bytes(buffer[start + head : start + head + size]))
            start += head + size
        del buffer[:start]

    def _frame(self, opcode: int, body: bytes) -> None:
        if opcode == 9:
            self._write(10, body)
        elif opcode == 1:
            if not self.acknowledged.done():
                self.acknowledged.set_result(None)
            elif body.startswith(b'{"type":"ping"'):
                self.send({"type": "pong"})
            else:
                self.received += 1
                self._on_message(self, body)

    def send(self, message: object) -> None:
        self._write(1, json.dumps(message).encode())

    def subscribe(self, query: str, variables: dict[str, object]) -> None:
        self.send({"id": "1", "type": "subscribe", "payload": {"query": query, "variables": variables}})

    def _write(self, opcode: int, body: bytes) -> None:
        assert self._transport is not None
        mask, size = os.urandom(4), len(body)
        head = bytes([128 | opcode, 128 | size]) if size < 126 else struct.pack(">BBH", 128 | opcode, 254, size)
        self._transport.write(head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(body)))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def connect(host: str, port: int, on_message: OnMessage) -> Socket:
    """An acknowledged connection."""
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_connection(lambda: Socket(f"{host}:{port}", on_message), host, port)
    async with asyncio.timeout(60):
        await socket.acknowledged
    return socket
