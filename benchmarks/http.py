"""One HTTP/1.1 connection that asks one thing after the other, and costs as little as Python allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Http:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Http]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The body of the answer. Raises RuntimeError for one that is not 200."""
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        found = await self._body(head)
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError((head + found[:500]).decode())
        return found

    async def _body(self, head: bytes) -> bytes:
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        if b"content-length" in lines:
            return await self._reader.readexactly(int(lines[b"content-length"]))
        body = bytearray()
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readuntil(b"\r\n")
        return bytes(body)
