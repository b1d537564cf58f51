"""GraphQL over server-sent events, in the protocol's distinct connections mode: one request, one operation.

Each result is an event `next`, the end of the operation an event `complete`. A refused GraphQL request is a
`next` with its errors and a `complete`, as the protocol demands, since a browser's EventSource hides the body
of a 400. What is wrong with the HTTP request itself stays a plain HTTP error.

At a shutdown the stream ends without `complete`: the operation is not over, so clients connect again and go
on from their cursor.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from app import log, metrics
from app.access import Lease
from app.api.engine import Answer
from app.errors import TidelineError
from app.web import failure
from app.web.sending import ClientGoneError

END = "tideline.end"
"""Where an open stream leaves, in its ASGI scope, what ends it; the server calls that at a shutdown."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-store"),
    (b"x-accel-buffering", b"no"),
    (b"vary", b"Accept"),
]
_NEXT = b"event: next\ndata: "
_COMPLETE = b"event: complete\ndata:\n\n"
_HEARTBEAT = b": ping\n\n"

_logger = log.logger(__name__)

Refuse = Callable[[TidelineError], None]


class EventStream:
    """The response, as an ASGI application. After `heartbeat` seconds of silence it sends a comment."""

    def __init__(
        self, answers: AsyncGenerator[Answer, None], heartbeat: float, hold: Callable[[Refuse], Lease]
    ) -> None:
        """`hold` gives the lease of who listens; when that is over the stream ends with the reason."""
        self._answers = answers
        self._heartbeat = heartbeat
        self._hold = hold
        self._gone = False
        self._cut: TidelineError | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics.EVENT_STREAMS.inc()
        lease: Lease | None = None
        try:
            # The one way to end the stream from outside is to let this deadline pass.
            async with asyncio.timeout(None) as life:
                scope[END] = end = _ender(life)

                def cut(why: TidelineError) -> None:
                    self._cut = why
                    end()

                lease = self._hold(cut)
                await self._converse(receive, send, end)
        except TimeoutError:
            if self._cut is not None and not self._gone:
                await _write(send, _refusal(self._cut.message, self._cut.code))
        finally:
            if lease is not None:
                lease.release()
            scope.pop(END, None)
            metrics.EVENT_STREAMS.dec()
        if not self._gone:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _converse(self, receive: Receive, send: Send, end: Callable[[], None]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        watcher = asyncio.create_task(self._watch(receive, send, end))
        try:
            async with aclosing(self._answers) as answers:
                async for answer in answers:
                    await _write(send, _next(answer))
                    metrics.MESSAGES.labels("sse").inc()
            await _write(send, _COMPLETE)
        except ClientGoneError:
            self._gone = True
        except Exception:
            _logger.exception("event stream failed")
            await _write(send, _refusal(failure.UNEXPECTED, "INTERNAL"))
        finally:
            watcher.cancel()

    async def _watch(self, receive: Receive, send: Send, end: Callable[[], None]) -> None:
        """Send heartbeats until the client leaves, then end the stream at once."""
        try:
            while True:
                try:
                    async with asyncio.timeout(self._heartbeat):
                        message = await receive()
                except TimeoutError:
                    await _write(send, _HEARTBEAT)
                    continue
                if message["type"] == "http.disconnect":
                    break
        except ClientGoneError:
            pass  # the client stopped reading
        self._gone = True
        end()


def _refusal(message: str, code: str) -> bytes:
    return _NEXT + b'{"errors":' + failure.errors(message, code) + b"}\n\n" + _COMPLETE


def _next(answer: Answer) -> bytes:
    """One event. Its id is the update's cursor, which a browser sends back when it reconnects."""
    place = b"" if answer.cursor is None else b"id: " + answer.cursor.encode("ascii") + b"\n"
    return place + _NEXT + answer.body + b"\n\n"


def _ender(life: asyncio.Timeout) -> Callable[[], None]:
    def end() -> None:
        if life.when() is None:
            life.reschedule(asyncio.get_running_loop().time())

    return end


async def _write(send: Send, chunk: bytes) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": True})
