"""A load balancer that tears connections: each goes to a gateway at random, and is cut at a random point.

A cut comes after a number of bytes in either direction, or after a time, so that it hits handshakes, half messages
and streams in full flow. One side is cut first and the other at once or later, so that client and gateway learn of it
at different times. The same seed makes the same plans.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

CHUNK = 65_536
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: what is not sent yet is thrown away, and the peer hears RST."""


Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _CutError(Exception):
    """The plan says that this connection ends here."""


@dataclass(frozen=True)
class Plan:
    """How one connection ends: after bytes `up` to the gateway, bytes `down` to the client, or `seconds`.

    `lag` is how many seconds later the other side hears of it; `client_first` who hears it at once; `is_reset` whether
    by RST, else by FIN.
    """

    up: int
    down: int
    seconds: float
    lag: float
    client_first: bool
    is_reset: bool

    @classmethod
    def drawn(cls, dice: random.Random) -> Plan:
        far = 1 << 40
        up, down, seconds = far, far, dice.uniform(0.2, 1.5)
        match dice.randrange(5):
            case 0:  # within the handshake, the request, or what is said first
                up = dice.randrange(1, 900)
            case 1:  # within the response's head, or the first message
                down = dice.randrange(0, 500)
            case 2:  # within some later message
                down = dice.randrange(200, 6000)
            case _:  # whatever is going on then
                seconds = dice.uniform(0.0, 1.0)
        lag = dice.choice([0.0, 0.0, dice.uniform(0.05, 1.0)])
        return cls(up, down, seconds, lag, dice.random() < 0.5, dice.random() < 0.5)


class Cutter:
    """`cuts` counts the connections that were cut."""

    def __init__(self, ports: Sequence[int], seed: int) -> None:
        self._ports = ports
        self._dice = random.Random(seed)
        self._wires: set[asyncio.Task[None]] = set()
        self._begun = asyncio.Event()
        self.cuts = 0
        self.port = 0

    def begin(self) -> None:
        """Cut those that are there now, and from now on each at the point that is drawn for it."""
        self._begun.set()

    def end(self) -> None:
        """Leave whoever comes from now on alone."""
        self._begun.clear()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = asyncio.create_task(self._join(reader, writer))
        self._wires.add(wire)
        wire.add_done_callback(self._wires.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._dice.choice(self._ports))
        except OSError:
            _end(writer, is_reset=True)
            return
        plan = Plan.drawn(self._dice)
        is_cut = False
        try:
            try:
                await self._carry((reader, writer), (up_reader, up_writer), plan)
            except* (TimeoutError, _CutError):
                is_cut = True
            except* OSError:
                pass  # one side went by itself
            if is_cut:
                self.cuts += 1
                first, second = (writer, up_writer) if plan.client_first else (up_writer, writer)
                _end(first, is_reset=plan.is_reset)
                await asyncio.sleep(plan.lag)
                _end(second, is_reset=plan.is_reset)
        finally:
            _end(writer)
            _end(up_writer)

    async def _carry(self, client: Side, gateway: Side, plan: Plan) -> None:
        """Raises a group with TimeoutError or _CutError where the plan ends it, with OSError where one side did."""
        planned = self._begun.is_set()
        async with asyncio.timeout(plan.seconds if planned else None), asyncio.TaskGroup() as group:
            group.create_task(_pump(client[0], gateway[1], plan.up if planned else None))
            group.create_task(_pump(gateway[0], client[1], plan.down if planned else None))
            if not planned:
                await self._begun.wait()
                raise _CutError

    async def close(self) -> None:
        for wire in self._wires:
            wire.cancel()
        await asyncio.gather(*self._wires, return_exceptions=True)


@asynccontextmanager
async def cutter(ports: Sequence[int], seed: int = 0) -> AsyncIterator[Cutter]:
    """A load balancer before the gateways at these ports; it cuts nothing until it is told to."""
    made = Cutter(ports, seed)
    server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, allowance: int | None) -> None:
    """Pass on what comes, until the source ends or the allowance is used up, in the middle of a message if need be."""
    while chunk := await source.read(CHUNK):
        if allowance is not None:
            if len(chunk) >= allowance:
                sink.write(chunk[:allowance])
                await sink.drain()
                raise _CutError
            allowance -= len(chunk)
        sink.write(chunk)
        await sink.drain()
    raise ConnectionResetError  # the other direction has nobody to speak to any more


def _end(writer: asyncio.StreamWriter, *, is_reset: bool = False) -> None:
    with suppress(OSError):  # it has ended already
        if is_reset and not writer.transport.is_closing():
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        writer.close()
