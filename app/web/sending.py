"""Sending with a deadline: a client that stops reading is cut off, not waited for.

A peer that is gone is found by pings, but one that is there and does not read lets the buffers fill and
then holds the sender, and all that the sender holds, for ever. Closing politely would wait for the same
buffers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import log, metrics

ABORT = "tideline.abort"
"""Where the server leaves, in the ASGI scope, the function that cuts the connection at once."""

_logger = log.logger(__name__)


class ClientGoneError(Exception):
    """Nobody is there to send to."""


class Begun:
    """A coroutine run up to its first wait, within the task that makes this; awaiting it runs the rest."""

    __slots__ = ("_coroutine", "_waits_for", "done")

    def __init__(self, coroutine: Awaitable[None]) -> None:
        self._coroutine = coroutine.__await__()
        self._waits_for: Any = None
        self.done = False
        self._step(None)

    def _step(self, sent: Any) -> None:
        try:
            self._waits_for = self._coroutine.send(sent)
        except StopIteration:
            self.done = True

    def __await__(self) -> Generator[Any, Any, None]:
        while not self.done:
            try:
                sent = yield self._waits_for
            except BaseException as error:  # noqa: BLE001 - a cancellation too is the coroutine's to see
                self._throw(error)
            else:
                self._step(sent)

    def _throw(self, error: BaseException) -> None:
        try:
            self._waits_for = self._coroutine.throw(error)
        except StopIteration:
            self.done = True


class SendDeadline:
    """Middleware: every send ends within `seconds` or raises ClientGoneError, as for a lost connection."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            try:
                # Nearly always the socket takes it at once; only what must wait pays for a deadline.
                begun = Begun(send(message))
                if not begun.done:
                    async with asyncio.timeout(self._seconds):
                        await begun
            except TimeoutError:
                await _cut(scope)
                raise ClientGoneError from None
            except OSError:
                raise ClientGoneError from None

        await self._app(scope, receive, send_in_time)


async def _cut(scope: Scope) -> None:
    _logger.info("slow client dropped", transport=scope["type"], path=scope["path"])
    metrics.SLOW_CLIENTS.labels(scope["type"]).inc()
    if abort := scope.get(ABORT):
        abort()
        await asyncio.sleep(0)  # lets the server see the connection lost before the application returns
