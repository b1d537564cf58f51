"""The ASGI application: routes, and what every request passes through."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route, WebSocketRoute

from app.settings import Settings
from app.web import failure, health, session
from app.web.http import GraphQLOverHttp
from app.web.middleware import REQUEST_ID, Mishaps, Requests, Straight
from app.web.parts import Parts
from app.web.sending import SendDeadline
from app.web.websocket import GraphQLOverWebSocket, Limits

PATH = "/graphql"
SESSION_PATH = f"{PATH}/session"
_PROBES = ("/health/live", "/health/ready", "/metrics")


@dataclass(frozen=True, slots=True)
class Pace:
    """The clocks of the sockets, in seconds, and how many there may be."""

    heartbeat: float = 12.0
    """Silence after which an event stream says that it is there."""
    send_deadline: float = 10.0
    """Time that a client has to read what it is sent, or be cut off."""
    streams: int = 20_000
    """Over HTTP, at once."""
    websocket: Limits | None = None
    """By default those of the settings."""


def build(settings: Settings, parts: Parts, pace: Pace | None = None) -> Starlette:
    """The application over parts that are ready."""
    pace = pace or Pace()
    limits = pace.websocket or Limits(operations=settings.max_subscriptions_per_connection)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=("GET", "POST"),
        allow_headers=("*",),
        expose_headers=(REQUEST_ID,),
        max_age=600,
    )
    return Starlette(
        routes=[
            WebSocketRoute(PATH, GraphQLOverWebSocket(parts, settings.allowed_origins, limits)),
            Route(SESSION_PATH, session.endpoint(parts), methods=["POST", "DELETE"]),
            Route("/health/live", health.live),
            Route("/health/ready", health.ready(parts.health)),
            Route("/metrics", health.exposition),
        ],
        middleware=[
            Middleware(Requests, paths=(PATH, SESSION_PATH, *_PROBES), quiet=_PROBES),
            *([cors] if settings.allowed_origins else []),
            Middleware(Mishaps),
            Middleware(SendDeadline, seconds=pace.send_deadline),
            Middleware(Straight, path=PATH, to=GraphQLOverHttp(parts, settings, pace.heartbeat, pace.streams)),
        ],
        exception_handlers={HTTPException: failure.of_http_exception},
    )
