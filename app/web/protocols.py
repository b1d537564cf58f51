"""uvicorn's protocols with two things that ASGI has no word for: cutting a connection, and ending a stream.

uvicorn tells each connection of a shutdown by its `shutdown` method. A WebSocket then closes with 1012; a stream
or a long poll would be waited for until the grace has passed, so its own end is called.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from app.web.sending import ABORT
from app.web.streaming import END


def _open(scope: object) -> MutableMapping[str, Any]:
    """An ASGI scope, which may carry more than uvicorn's type of it says."""
    return cast(MutableMapping[str, Any], scope)


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        _open(self.scope)[ABORT] = self.transport.abort

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
