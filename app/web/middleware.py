"""What every request passes through: an id, a log line, a metric, headers, an answer to the unexpected."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import log, metrics
from app.web import failure
from app.web.messages import Close
from app.web.sending import ClientGoneError

REQUEST_ID = "X-Request-Id"
TICKET = "tideline.ticket"
"""Where the ticket of a URL is, in the ASGI scope."""
_SANE_ID = re.compile(r"[A-Za-z0-9._:=/+-]{1,128}")

_STREAMS = (b"text/event-stream", b"multipart/mixed")
_RAW_ID = REQUEST_ID.lower().encode("ascii")
_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)

_logger = log.logger(__name__)


class Requests:
    """Middleware for HTTP requests and WebSocket handshakes alike.

    `quiet` are the paths that probes ask again and again, logged at debug level only. `paths` are those
    that metrics name; any other, which a stranger may have made up, is counted as `other`.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str], quiet: Collection[str]) -> None:
        self._app = app
        self._paths = frozenset(paths)
        self._quiet = frozenset(quiet)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        _take_ticket(scope)
        request_id = _request_id(scope)
        log.request_id.set(request_id)
        exchange = _Exchange(scope, receive, send, request_id)
        await exchange.run(self._app)
        self._record(scope, exchange)

    def _record(self, scope: Scope, exchange: _Exchange) -> None:
        path = scope["path"]
        seconds = time.perf_counter() - exchange.started_at
        # Of a WebSocket that was served, its own end tells more.
        say = _logger.debug if path in self._quiet or exchange.status == 101 else _logger.info
        method = scope.get("method", "WEBSOCKET")
        say(
            "request",
            method=method,
            path=path,
            status=exchange.status,
            duration_ms=round(seconds * 1000, 2),
            client=(scope.get("client") or [None])[0],
        )
        if scope["type"] == "http" and not exchange.is_stream:
            known = path if path in self._paths else "other"
            metrics.HTTP_REQUESTS.labels(_method(method), known, str(exchange.status)).observe(seconds)


class _Exchange:
    """One request and its response. `status` is 499 where the client left first, 101 for a WebSocket."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._request_id = request_id
        self.started_at = time.perf_counter()
        self.status = 499
        self.is_stream = False

    async def run(self, app: ASGIApp) -> None:
        with suppress(ClientGoneError):  # logged where it was found
            await app(self._scope, self._receive, self._forward)

    async def _forward(self, message: Message) -> None:
        kind = message["type"]
        if kind in {"http.response.start", "websocket.http.response.start", "websocket.accept"}:
            self.status = message.get("status", 101)
            headers = [each for each in message.get("headers", ()) if each[0] != _RAW_ID]
            given = dict(headers)
            headers.append((_RAW_ID, self._request_id.encode("ascii")))
            if kind != "websocket.accept":
                headers += [each for each in _SECURITY if each[0] not in given]
            self.is_stream = given.get(b"content-type", b"").startswith(_STREAMS)
            message = {**message, "headers": headers}
        await self._send(message)


class Straight:
    """Middleware: requests for one path go to its application, past the routes."""

    def __init__(self, app: ASGIApp, path: str, to: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._to = to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_its = scope["type"] == "http" and scope["path"] == self._path
        await (self._to if is_its else self._app)(scope, receive, send)


class Mishaps:
    """Middleware: an exception that nobody foresaw is logged, and answered without its words.

    A response that has begun cannot be taken back; then the exception goes on, and the server cuts the connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun: Message = {"type": ""}

        async def watched(message: Message) -> None:
            if not begun["type"]:
                begun["type"] = message["type"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientGoneError:
            raise
        except Exception:
            _logger.exception("request failed", path=scope["path"])
            if not begun["type"]:
                await failure.unexpected()(scope, receive, send)
            elif begun["type"] == "websocket.accept":
                await send({"type": "websocket.close", "code": Close.INTERNAL_ERROR, "reason": failure.UNEXPECTED})
            else:
                raise


def _take_ticket(scope: Scope) -> None:
    """Out of the URL, so that nothing behind this can log it."""
    query: bytes = scope.get("query_string", b"")
    if b"ticket=" not in query:
        return
    parameters = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    scope[TICKET] = next((value for name, value in parameters if name == "ticket"), None)
    scope["query_string"] = urlencode([each for each in parameters if each[0] != "ticket"]).encode("ascii")


def _request_id(scope: Scope) -> str:
    """The caller's own id where it is sane, so that logs of several services meet; else a new one."""
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == _RAW_ID), "")
    return given if _SANE_ID.fullmatch(given) else os.urandom(16).hex()


def _method(method: str) -> str:
    return method if method in {"GET", "POST", "HEAD", "OPTIONS"} else "other"
