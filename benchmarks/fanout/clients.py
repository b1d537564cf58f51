"""Sockets that subscribe and count, in a process of their own: `python -m benchmarks.fanout.clients HOST PORT`.

It is told what to do in lines of JSON on its standard input, and answers each with one on its standard output.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from datetime import datetime
from typing import Any

from benchmarks.sockets import Socket, connect

QUERY = """subscription ($id: String!, $after: Cursor) {
  workflowEvents(workflowId: $id, after: $after) { cursor event { eventId eventType eventTime } }
}"""
AT_ONCE = 50
_EVENT = re.compile(rb'"eventId":(\d+),"eventType":"WorkflowExecutionSignaled","eventTime":"([^"]+)"')


class Clients:
    """`wanted` messages are awaited; when they are there, `full` is set."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._sockets: list[Socket] = []
        self._received = 0
        self._wanted = 0
        self._full = asyncio.Event()
        self._last = 0.0
        self._lags: list[tuple[int, str, float]] | None = None
        self._names: dict[Socket, str] = {}

    async def open(self, workflow_ids: list[str], subscribers: int) -> None:
        """Connect and subscribe, each socket to the next of the runs."""
        names = [workflow_ids[number % len(workflow_ids)] for number in range(subscribers)]
        for start in range(0, len(names), AT_ONCE):
            await asyncio.gather(*(self._subscribe(name) for name in names[start : start + AT_ONCE]))

    async def _subscribe(self, workflow_id: str) -> None:
        socket = await connect(self._host, self._port, self._message)
        self._names[socket] = workflow_id
        self._sockets.append(socket)
        socket.subscribe(QUERY, {"id": workflow_id})

    def expect(self, messages: int, *, lags: bool) -> None:
        """From now on count anew; with `lags`, note when each event came."""
        self._received, self._wanted = 0, messages
        self._full = asyncio.Event()
        self._lags = [] if lags else None

    async def full(self) -> dict[str, Any]:
        async with asyncio.timeout(120):
            await self._full.wait()
        return {"last": self._last, "lags": self._lags}

    def _message(self, socket: Socket, body: bytes) -> None:
        if self._lags is not None:
            now = time.time()
            found = _EVENT.search(body)
            if found is None:
                return
            happened = datetime.fromisoformat(found[2].decode()).timestamp()
            self._lags.append((int(found[1]), self._names[socket], (now - happened) * 1000))
        self._received += 1
        if self._received == self._wanted:
            self._last = time.time()
            self._full.set()

    def close(self) -> None:
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()
        self._names.clear()


async def main(host: str, port: int) -> None:
    clients = Clients(host, port)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        answer: dict[str, Any] = {}
        match order.pop("do"):
            case "open":
                await clients.open(**order)
            case "expect":
                clients.expect(**order)
            case "full":
                answer = await clients.full()
            case "close":
                clients.close()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
