"""Hints between processes, through broadcaster: "something about this id has changed, go and look".

A hint may be lost, doubled or late, and carries nothing but an id; whoever hears it reads the truth
elsewhere. What this room adds to broadcaster is that silence is noticed: a broadcaster whose connection died
neither raises nor reconnects. One supervisor per process owns one connection and a subscription per channel.
It sends a hint to itself every few seconds; when that does not come back, or a publish fails, it throws the
connection away and makes another. After every (re)connection each listener hears `RESYNC`, since anything may
have been missed.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit
from weakref import WeakSet

from broadcaster import Broadcast
from broadcaster._base import Subscriber  # exported by no public name

from app import log, metrics
from app.errors import ConfigurationError

RESYNC: Final = "*"
"""The hint that stands for every id: read anew all that you care about. It may also be published."""

MAX_BYTES: Final = 7999
"""What Postgres' NOTIFY carries."""

_SCHEMES: Final = ("postgresql", "postgres", "redis", "rediss", "memory")
_PREFIX: Final = "tideline_"
_logger = log.logger(__name__)


class Listener:
    """The hints of one channel, from its making until `close`; iterate it.

    It holds at most `capacity` different hints. A hint that is already waiting is not queued again, and when
    one too many arrives they all become one `RESYNC`: a slow listener costs little and misses nothing.
    """

    def __init__(self, channel: str, capacity: int) -> None:
        self._channel = channel
        self._capacity = capacity
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def offer(self, hint: str) -> None:
        if self._closed or RESYNC in self._waiting:
            return
        if hint == RESYNC:
            self._waiting.clear()
        elif len(self._waiting) >= self._capacity and hint not in self._waiting:
            metrics.HINTS_OVERFLOWED.labels(self._channel).inc()
            self._waiting.clear()
            hint = RESYNC
        self._waiting[hint] = None
        self._wake.set()

    def close(self) -> None:
        """End the iteration once what waits has been read."""
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        hint = next(iter(self._waiting))
        del self._waiting[hint]
        return hint


class _SilenceError(Exception):
    """The connection no longer carries hints."""


class Bus:
    """Hints over a few fixed channels.

    `url` is `postgresql://...`, `redis://...` (with the extra `redis`) or `memory://`, which reaches this
    object's own listeners only. A dead connection goes unnoticed for two `ping_interval` (seconds) at most.
    Use it as an async context manager, or `start` and `close` it; starting does not wait for the connection.
    """

    def __init__(
        self,
        url: str,
        channels: Sequence[str] = ("changes", "runs", "keys"),
        *,
        ping_interval: float = 3.0,
        deadline: float = 5.0,
        max_backoff: float = 5.0,
    ) -> None:
        scheme = urlsplit(url).scheme
        if scheme not in _SCHEMES:
            raise ConfigurationError(
                f"The bus cannot use {scheme or 'a URL without a scheme'}: "
                f"set TIDELINE_BUS_URL to a URL that begins with {', '.join(s + '://' for s in _SCHEMES)}."
            )
        self._url = url
        self._ping_interval = ping_interval
        self._deadline = deadline
        self._max_backoff = max_backoff
        self._ping_channel = f"{_PREFIX}ping_{uuid.uuid4().hex}"
        self._listeners: dict[str, WeakSet[Listener]] = {channel: WeakSet() for channel in channels}
        self._broadcast: Broadcast | None = None
        self._closing = False
        self._failed = asyncio.Event()
        self._lock = asyncio.Lock()
        self._supervisor: asyncio.Task[None] | None = None
        self._reason = "The bus has not been started."

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def start(self) -> None:
        """Connect and stay connected, in the background. Raises ConfigurationError for a missing driver."""
        self._make()
        self._reason = "The bus is connecting."
        self._supervisor = asyncio.create_task(self._supervise(), name="bus")

    async def close(self) -> None:
        """Let go of the connection and end every listener."""
        self._closing = True
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        self._reason = "The bus is closed."
        for listeners in self._listeners.values():
            for listener in list(listeners):
                listener.close()

    @property
    def healthy(self) -> tuple[bool, str]:
        """Whether hints travel now, and a sentence that says why not."""
        return self._broadcast is not None, self._reason

    def listen(self, channel: str, capacity: int = 1000) -> Listener:
        """Hear the channel's hints from now on. Dropping the listener is enough to be forgotten."""
        listener = Listener(channel, capacity)
        self._listeners[channel].add(listener)
        return listener

    async def publish(self, channel: str, message: str) -> bool:
        """Tell every process, this one too. False where the hint is lost; a lost connection never raises.

        Raises ValueError for an unknown channel and for a message longer than `MAX_BYTES`: hints carry ids.
        """
        if channel not in self._listeners:
            raise ValueError(f"The bus has no channel {channel!r}.")
        if len(message.encode()) > MAX_BYTES:
            raise ValueError(f"A hint of {len(message.encode())} bytes is too long: ids only, {MAX_BYTES} at most.")
        sent = await self._send(_PREFIX + channel, message)
        (metrics.HINTS_PUBLISHED if sent else metrics.HINTS_LOST).labels(channel).inc()
        return sent

    async def _send(self, channel: str, message: str) -> bool:
        # Postgres' backend has one connection, which does one thing at a time: hence the lock.
        try:
            async with asyncio.timeout(self._deadline), self._lock:
                if self._broadcast is None:
                    return False
                await self._broadcast.publish(channel, message)
        except Exception as error:  # noqa: BLE001 - each backend raises errors of its own
            self._fail(f"publishing failed: {_describe(error)}")
            return False
        return True

    def _fail(self, reason: str) -> None:
        if self._broadcast is not None and not self._failed.is_set():
            self._reason = f"The bus lost its connection: {reason}."
            self._failed.set()

    def _make(self) -> Broadcast:
        try:
            return Broadcast(self._url)
        except ImportError as error:
            raise ConfigurationError(
                f"The bus cannot use {urlsplit(self._url).scheme}: {error}. Install tideline[redis]."
            ) from None

    async def _supervise(self) -> None:
        backoff = 0.1
        while True:
            try:
                async with self._connection() as broadcast:
                    backoff = 0.1
                    await self._serve(broadcast)
            except Exception as error:  # noqa: BLE001 - whatever it is, the answer is a new connection
                if self._closing:  # broadcaster can put an error of its own in the place of our cancellation
                    return
                if not isinstance(error, _SilenceError):
                    self._reason = f"The bus cannot connect: {_describe(error)}."
                _logger.warning("bus lost", reason=self._reason, retry_in_seconds=round(backoff, 3))
            metrics.BUS_RECONNECTS.inc()
            await asyncio.sleep(backoff * random.uniform(0.75, 1.25))
            backoff = min(backoff * 2, self._max_backoff)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Broadcast]:
        broadcast = self._make()
        async with asyncio.timeout(self._deadline):
            await broadcast.connect()
        try:
            yield broadcast
        finally:
            self._broadcast = None
            metrics.BUS_CONNECTED.set(0)
            await self._quietly(broadcast.disconnect())

    async def _serve(self, broadcast: Broadcast) -> None:
        """Carry hints until the connection fails, which raises _SilenceError."""
        pongs = asyncio.Event()
        readers: list[asyncio.Task[None]] = []
        stack = AsyncExitStack()
        try:
            async with asyncio.timeout(self._deadline):
                for channel in (*self._listeners, None):
                    name = self._ping_channel if channel is None else _PREFIX + channel
                    subscriber = await stack.enter_async_context(broadcast.subscribe(name))
                    readers.append(asyncio.create_task(self._read(channel, subscriber, pongs), name=f"bus {name}"))
            self._failed.clear()
            self._broadcast, self._reason = broadcast, "Hints travel."
            metrics.BUS_CONNECTED.set(1)
            for channel in self._listeners:
                self._deliver(channel, RESYNC)
            await self._heartbeat(pongs)
        finally:
            self._broadcast = None
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            await self._quietly(stack.aclose())

    async def _heartbeat(self, pongs: asyncio.Event) -> None:
        while True:
            pongs.clear()
            if await self._send(self._ping_channel, "ping"):
                try:
                    async with asyncio.timeout(self._ping_interval):
                        await pongs.wait()
                except TimeoutError:
                    self._fail(f"its own ping did not come back within {self._ping_interval} s")
            try:
                async with asyncio.timeout(self._ping_interval):
                    await self._failed.wait()
            except TimeoutError:
                continue
            raise _SilenceError

    async def _read(self, channel: str | None, subscriber: Subscriber, pongs: asyncio.Event) -> None:
        while True:
            event = await subscriber.get()
            if channel is None:
                pongs.set()
            else:
                metrics.HINTS_RECEIVED.labels(channel).inc()
                self._deliver(channel, event.message)

    def _deliver(self, channel: str, hint: str) -> None:
        for listener in list(self._listeners[channel]):
            listener.offer(hint)

    async def _quietly(self, goodbye: Awaitable[None]) -> None:
        """Leave a connection that may be dead already: what it says to that no longer matters."""
        try:
            async with asyncio.timeout(self._deadline):
                await goodbye
        except Exception as error:  # noqa: BLE001
            _logger.debug("bus connection left behind", error=_describe(error))


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
