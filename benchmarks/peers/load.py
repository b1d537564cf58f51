"""A load client: connections that ask the same again and again, each as soon as it has its answer."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import orjson
import psutil

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """`p50` and `p99` in milliseconds; `cpu` and `postgres` in milliseconds for one request, of the server process and
    of Postgres; `size` in bytes."""

    rate: float
    p50: float
    p99: float
    cpu: float
    postgres: float
    size: int


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, until: float) -> None:
        self._request = request
        self._until = until
        self._got = bytearray()
        self._asked = 0.0
        self.times: list[float] = []
        self.size = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        self._got.clear()
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head = self._got.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._got, 0, head)
        assert length is not None, bytes(self._got[:head])
        if len(self._got) < head + 4 + int(length[1]):
            return
        now = time.perf_counter()
        self.times.append((now - self._asked) * 1000)
        self.size = int(length[1])
        if self._got[9:12] != b"200" or b'"errors"' in self._got:
            self.done.set_exception(RuntimeError(bytes(self._got[:600]).decode()))
        elif now < self._until:
            self._ask()
            return
        else:
            self.done.set_result(None)
        self._transport.close()


def _spent(process: psutil.Process) -> float:
    """Milliseconds of CPU."""
    times = process.cpu_times()
    return (times.user + times.system) * 1000


def _spent_below(process: psutil.Process) -> float:
    """Of its children that are alive: of a postmaster, the connections."""
    spent = 0.0
    for each in process.children():
        with suppress(psutil.NoSuchProcess):
            spent += _spent(each)
    return spent


async def load(
    port: int, query: str, server: psutil.Process, postgres: psutil.Process, *, connections: int, seconds: float
) -> Load:
    """Ask for `seconds`. Raises RuntimeError for an answer that is none."""
    body = orjson.dumps({"query": query})
    request = (
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body
    loop = asyncio.get_running_loop()
    before, started = (_spent(server), _spent_below(postgres)), time.perf_counter()
    made = [
        (await loop.create_connection(lambda: _Connection(request, started + seconds), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(each.done for each in made))
    took, after = time.perf_counter() - started, (_spent(server), _spent_below(postgres))
    times = [each for connection in made for each in connection.times]
    percentiles = statistics.quantiles(times, n=100)
    ours, theirs = ((now - then) / len(times) for now, then in zip(after, before, strict=True))
    return Load(len(times) / took, statistics.median(times), percentiles[98], ours, theirs, made[0].size)
