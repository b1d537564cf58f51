"""Clients that vanish without a word: their machine lost power, their network is gone. No FIN, no RST, no more ACKs."""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import sys

import pytest

from app.web.app import Pace
from app.web.server import UNHEARD, WS_PING
from app.web.websocket import Limits
from tests.integration.web_host import Host, fast, hosted, say
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long a peer may be unheard")

SO_ATTACH_FILTER = 26
FOUND_WITHIN = 30.0
ACCEPTS = ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"]


def vanish(client: socket.socket) -> None:
    """Let the kernel throw away whatever comes for this socket, before TCP sees it: nothing is confirmed any more."""
    drop_everything = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HL", 1, ctypes.addressof(drop_everything))
    client.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


async def until_forgotten(host: Host, query: str) -> None:
    """Return when nothing is held any more for the client."""

    async def is_forgotten() -> bool:
        return not host.server.server_state.connections

    async with asyncio.timeout(15):
        await host.script.ended[query].wait()
    await eventually(is_forgotten)


@pytest.mark.parametrize("accept", ACCEPTS)
async def test_one_that_was_told_nothing_new(accept: str) -> None:
    async with hosted(pace=fast(), unheard=0.5) as host:
        with socket.socket() as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", host.port))
            request = f"GET /graphql?query=wait HTTP/1.1\r\nHost: h\r\nAccept: {accept}\r\n\r\n"
            await loop.sock_sendall(client, request.encode())
            await loop.sock_recv(client, 1)
            vanish(client)
            await until_forgotten(host, "wait")


async def test_one_with_a_websocket() -> None:
    async with hosted(pace=fast(), ping=0.2, unheard=60) as host, host.session() as ws:
        await say(ws, id="1", type="subscribe", payload={"query": "wait"})
        await ws.recv()
        vanish(ws.transport.get_extra_info("socket"))
        await until_forgotten(host, "wait")
        ws.transport.abort()


def test_the_clocks_find_each_within_30_seconds() -> None:
    pace = Pace()
    assert pace.heartbeat + UNHEARD <= FOUND_WITHIN
    assert 2 * WS_PING <= FOUND_WITHIN
    assert Limits().ping_interval + pace.send_deadline <= FOUND_WITHIN
