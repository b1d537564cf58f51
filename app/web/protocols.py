"""uvicorn's protocols with what ASGI has no word for: cutting a connection, and ending what is under way.

uvicorn tells each connection of a shutdown by its `shutdown` method. A WebSocket then closes with 1012; a stream
or a long poll would be waited for until the grace has passed, so its own end is called. A client that leaves while its
answer is being made ends that as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from app.web.sending import ABORT
from app.web.streaming import END, GONE


def _open(scope: object) -> MutableMapping[str, Any]:
    """An ASGI scope, which may carry more than uvicorn's type of it says."""
    return cast(MutableMapping[str, Any], scope)


class Config(uvicorn.Config):
    """uvicorn's, and the seconds that a client has for its first request's head."""

    head_timeout = 10.0


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1. A client that does not get its first request's head out in time is cut off."""

    config: Config
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._patience = self.loop.call_later(self.config.head_timeout, transport.abort)

    def on_headers_complete(self) -> None:
        self._wait_no_more()
        super().on_headers_complete()
        _open(self.scope)[ABORT] = self.transport.abort

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)
        if self.cycle is not None and (gone := _open(self.cycle.scope).get(GONE)):
            gone()

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def shutdown(self) -> None:
        if self.cycle is not None and (end := _open(self.cycle.scope).get(END)):
            end()
        super().shutdown()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSockets."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # none for a handshake that is refused as malformed
            _open(self.scope)[ABORT] = self.transport.abort
