"""The cookie of browsers whose event streams can send no header: short-lived, for streams by GET and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from app.access import Gatekeeper
from app.errors import TidelineError
from app.web import failure
from app.web.middleware import TICKET
from app.web.parts import Parts

COOKIE = "tideline_session"
_PATH = "/graphql"


def endpoint(parts: Parts) -> Callable[[Request], Awaitable[Response]]:
    """POST, with an Authorization header, sets the cookie; DELETE takes it away."""

    async def respond(request: Request) -> Response:
        response = Response(status_code=204, headers={"Cache-Control": "no-store"})
        if request.method == "DELETE":
            response.delete_cookie(COOKIE, path=_PATH, httponly=True, samesite="strict")
            return response
        try:
            identity = await parts.gatekeeper.identify(request.headers.get("authorization"), request.headers)
            session, end = await parts.session(identity)
        except TidelineError as error:
            return failure.of_error(error)
        seconds = max(1, int((end - datetime.now(UTC)).total_seconds()))
        response.set_cookie(
            COOKIE, session, max_age=seconds, path=_PATH, httponly=True, samesite="strict", secure=_is_https(request)
        )
        return response

    return respond


def _is_https(request: Request) -> bool:
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto", "").split(",")[0].strip()}


def stream_pass(request: Request, gatekeeper: Gatekeeper) -> str | None:
    """The ticket of the URL, or else the content of the cookie, which an open door does not look at."""
    ticket: str | None = request.scope.get(TICKET)
    return ticket or (None if gatekeeper.is_open else request.cookies.get(COOKIE))
