"""Sending with a deadline: a client that stops reading is cut off, not waited for.

A peer that is gone is found by pings, but one that is there and does not read lets the buffers fill and
then holds the sender, and all that the sender holds, for ever. Closing politely would wait for the same
buffers.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import log, metrics

ABORT = "tideline.abort"
"""Where the server leaves, in the ASGI scope, the function that cuts the connection at once."""

_logger = log.logger(__name__)


class ClientGoneError(Exception):
    """Nobody is there to send to."""


class SendDeadline:
    """Middleware: every send ends within `seconds` or raises ClientGoneError, as for a lost connection."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(self._seconds):
                    await send(message)
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
