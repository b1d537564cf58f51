"""The server process: a socket, uvicorn, and the application joined to its parts.

The socket is bound before anything else starts, so that a port that is taken is one sentence and not a
traceback. With several processes each joins its own parts and all accept from that one socket.
"""

from __future__ import annotations

import errno
import gc
import logging
import math
import signal
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app import log
from app.errors import ConfigurationError, TidelineError
from app.settings import Settings
from app.web.app import PATH, Pace, build
from app.web.parts import Parts, join
from app.web.protocols import Config, HttpProtocol, WebSocketProtocol

WS_MAX_SIZE = 256 * 1024
"""Bytes of one WebSocket message from a client."""
WS_PING = 15.0
"""Seconds between WebSocket pings, and how long a client may take to answer: silent for 30 s, it is gone."""
UNHEARD = 15.0
"""Seconds after which a peer that does not confirm what it is sent is gone. Streams say at least every 12 s that they
are there, so that one that vanished without a word is found within 30 s."""

_logger = log.logger(__name__)

Join = Callable[[Settings], Awaitable[Parts]]


class Joined:
    """The application of one process: joins the parts at its start and lets them go at its end."""

    def __init__(
        self, settings: Settings, joining: Join = join, pace: Pace | None = None, *, quiet: bool = False
    ) -> None:
        """`quiet`: whoever runs this tells why the start failed, so that uvicorn need not."""
        self._settings = settings
        self._joining = joining
        self._pace = pace
        self._quiet = quiet
        self._app: ASGIApp | None = None
        self.failure: TidelineError | None = None
        """Why the start failed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            parts = await self._joining(self._settings)
        except Exception as error:
            if not isinstance(error, TidelineError):
                _logger.exception("the gateway could not start")
                error = TidelineError("The gateway could not start, by a fault of its own. The log says which.")
            self.failure = error
            if self._quiet:
                logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            await send({"type": "lifespan.startup.failed", "message": error.message})
            return
        try:
            self._app = build(self._settings, parts, self._pace)
            _spare_collector()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        finally:
            await parts.close()
        await send({"type": "lifespan.shutdown.complete"})


def _spare_collector() -> None:
    """What a started process holds stays, and requests leave few cycles: the collector need not look so often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def create(settings: Settings, joining: Join) -> Joined:
    """The application, made inside a worker process."""
    log.configure(settings.log_format, settings.log_level)
    return Joined(settings, joining)


def configuration(settings: Settings, app: Any, *, factory: bool = False, ping: float = WS_PING) -> uvicorn.Config:
    """How uvicorn serves us; `app` is an application, or with `factory` what makes one."""
    config = Config(
        app,
        factory=factory,
        interface="asgi3",
        lifespan="on",
        workers=settings.workers,
        loop="uvloop",
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=WS_MAX_SIZE,
        ws_ping_interval=ping,
        ws_ping_timeout=ping,
        ws_per_message_deflate=False,  # more than doubles the memory of an idle connection
        server_header=False,
        log_config=None,
        log_level="warning",  # below it uvicorn logs query strings, where tokens may be
        access_log=False,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_grace),
    )
    config.head_timeout = settings.body_timeout
    return config


def bind(host: str, port: int, *, unheard: float = UNHEARD) -> socket.socket:
    """A listening socket; port 0 takes a free one. A peer that confirms nothing that it was sent for `unheard`
    seconds is gone. Raises ConfigurationError with what to do instead."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(_why_not(error, host, port)) from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; connections have it from whom they are accepted by
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(unheard * 1000))
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"HOST cannot be {host!r}: this machine has no such address."
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken by another program. Stop it, or set PORT (0 takes a free one)."
    if error.errno == errno.EACCES:
        return f"Port {port} needs privileges that this process does not have. Set PORT to 1024 or above."
    return f"Cannot listen on {host}:{port}: {error.strerror}."


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}{PATH}" if ":" in host else f"http://{host}:{port}{PATH}"


def run(settings: Settings, joining: Join = join) -> None:
    """Serve until SIGTERM or SIGINT. Raises TidelineError where serving cannot begin."""
    listener = bind(settings.host, settings.port)
    with listener:
        _logger.info("listening", url=url_of(listener), processes=settings.workers)
        if settings.workers > 1:
            _run_many(settings, listener, joining)
        else:
            _run_one(settings, listener, joining)


def _run_one(settings: Settings, listener: socket.socket, joining: Join) -> None:
    app = Joined(settings, joining, quiet=True)
    # uvicorn shuts down in peace and then raises the signal anew for whoever had it before: now nobody.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        uvicorn.Server(configuration(settings, app)).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    except SystemExit as ending:
        if app.failure is not None:
            raise app.failure from None
        raise RuntimeError(f"uvicorn ended with {ending.code}") from ending


def _run_many(settings: Settings, listener: socket.socket, joining: Join) -> None:
    config = configuration(settings, partial(create, settings, joining), factory=True)
    supervisor = Multiprocess(config, sockets=[listener])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise ConfigurationError("A gateway process could not start; its log line says why.")
