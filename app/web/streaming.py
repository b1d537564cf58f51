"""Responses that go on: one operation's answers over HTTP, as long as the client listens.

How an answer, a sign of life or an end is written is a `Framing`; server-sent events and multipart are one each. What
they share is here: a client that left or stopped reading ends the operation, silence is filled, and at a shutdown the
client is told to come back, since its operation is not over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Protocol

from starlette.types import Receive, Scope, Send

from app import log, metrics
from app.access import Lease
from app.api.engine import Answer
from app.errors import TidelineError
from app.web import failure
from app.web.delivery import Deliveries
from app.web.sending import ClientGoneError

END = "tideline.end"
"""Where what waits leaves, in its ASGI scope, what ends it; the server calls that at a shutdown."""

GONE = "tideline.gone"
"""Where an answer that is being made leaves, in its ASGI scope, what ends it; the server calls that where the client
has left."""

Refuse = Callable[[TidelineError], None]

_logger = log.logger(__name__)


class Framing(Protocol):
    """How one kind of stream is written."""

    transport: str
    """Its name in metrics."""
    media: bytes
    opening: bytes
    alive: bytes
    """Said after a time of silence."""
    complete: bytes
    """Said when the operation is over."""

    def next(self, answer: Answer) -> bytes: ...

    def restart(self) -> bytes:
        """Said at a shutdown, so that the client connects again."""
        ...


class StreamResponse:
    """The response, as an ASGI application. After `heartbeat` seconds of silence it says that it is there."""

    def __init__(
        self, framing: Framing, answers: AsyncGenerator[Answer, None], heartbeat: float, hold: Callable[[Refuse], Lease]
    ) -> None:
        """`hold` gives the lease of who listens; when that is over the stream ends with the reason."""
        self._framing = framing
        self._answers = answers
        self._heartbeat = heartbeat
        self._hold = hold
        self._gone = False
        self._cut: TidelineError | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_over = False
        lease: Lease | None = None
        with metrics.EVENT_STREAMS.labels(self._framing.transport).track_inprogress():
            try:
                # The one way to end the stream from outside is to let this deadline pass.
                async with asyncio.timeout(None) as life:
                    scope[END] = end = ender(life)
                    lease = self._hold(partial(self._end, end))
                    await self._converse(receive, send, end)
                    is_over = True
            except TimeoutError:
                if self._cut is not None and not self._gone:
                    await _write(send, self._refusal(self._cut.message, self._cut.code))
                    is_over = True
            finally:
                if lease is not None:
                    lease.release()
                scope.pop(END, None)
        if not self._gone:
            last = self._framing.complete if is_over else self._framing.restart()
            await send({"type": "http.response.body", "body": last, "more_body": False})

    def _end(self, end: Callable[[], None], why: TidelineError) -> None:
        self._cut = why
        end()

    def _refusal(self, message: str, code: str) -> bytes:
        return self._framing.next(Answer(b'{"errors":' + failure.errors(message, code) + b"}"))

    async def _converse(self, receive: Receive, send: Send, end: Callable[[], None]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _headers(self._framing.media)})
        await _write(send, self._framing.opening)
        watcher = asyncio.create_task(self._watch(receive, send, end))
        delivered, messages = Deliveries(), metrics.MESSAGES.labels(self._framing.transport)
        try:
            async with aclosing(self._answers) as answers:
                async for answer in answers:
                    await _write(send, self._framing.next(answer))
                    delivered(answer)
                    messages.inc()
        except ClientGoneError:
            self._gone = True
        except Exception:
            _logger.exception("stream failed", transport=self._framing.transport)
            await _write(send, self._refusal(failure.UNEXPECTED, "INTERNAL"))
        finally:
            watcher.cancel()

    async def _watch(self, receive: Receive, send: Send, end: Callable[[], None]) -> None:
        """Say that the stream is alive until the client leaves, then end it at once."""
        try:
            while True:
                try:
                    async with asyncio.timeout(self._heartbeat):
                        message = await receive()
                except TimeoutError:
                    await _write(send, self._framing.alive)
                    continue
                if message["type"] == "http.disconnect":
                    break
        except ClientGoneError:
            pass  # the client stopped reading
        self._gone = True
        end()


def _headers(media: bytes) -> Sequence[tuple[bytes, bytes]]:
    return [
        (b"content-type", media),
        (b"cache-control", b"no-cache, no-store"),
        (b"x-accel-buffering", b"no"),
        (b"vary", b"Accept"),
    ]


def ender(life: asyncio.Timeout) -> Callable[[], None]:
    """What lets a deadline pass that was none."""

    def end() -> None:
        if life.when() is None:
            life.reschedule(asyncio.get_running_loop().time())

    return end


async def _write(send: Send, chunk: bytes) -> None:
    if chunk:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
