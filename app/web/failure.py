"""Failures as the rim tells them: always a GraphQL error object, whatever the transport and the status."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import log
from app.errors import (
    BadUserInput,
    DatabaseUnavailable,
    DeadlineExceeded,
    Forbidden,
    IdentityUnavailable,
    RateLimited,
    TemporalUnavailable,
    TidelineError,
    Unauthenticated,
)

JSON = "application/json; charset=utf-8"
UNEXPECTED = "Something went wrong inside Tideline. The log has more under this request's id."

_STATUS: Mapping[type[TidelineError], int] = {
    BadUserInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    RateLimited: 429,
    IdentityUnavailable: 503,
    TemporalUnavailable: 503,
    DatabaseUnavailable: 503,
    DeadlineExceeded: 504,
}
_HEADERS: Mapping[int, Mapping[str, str]] = {401: {"WWW-Authenticate": "Bearer"}}
_CODES = {
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    408: "REQUEST_TIMEOUT",
    413: "CONTENT_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    503: "UNAVAILABLE",
}


def errors(message: str, code: str) -> bytes:
    """A JSON list with one GraphQL error."""
    extensions = {"code": code, "requestId": log.request_id.get()}
    return orjson.dumps([{"message": message, "extensions": extensions}])


def response(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> Response:
    body = b'{"errors":' + errors(message, code) + b"}"
    return Response(body, status, {"Content-Type": JSON, "Cache-Control": "no-store", **(headers or {})})


def of_error(error: TidelineError) -> Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    return response(status, error.message, error.code, _HEADERS.get(status))


def unexpected() -> Response:
    return response(500, UNEXPECTED, "INTERNAL")


async def of_http_exception(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses, such as an unknown path."""
    assert isinstance(error, HTTPException)
    message = f"There is nothing at {request.url.path}." if error.status_code == 404 else f"{error.detail}."
    code = _CODES.get(error.status_code, "BAD_REQUEST")
    return response(error.status_code, message, code, error.headers)


class HttpError(Exception):
    """A request that HTTP itself has a status for."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.response = response(status, message, _CODES[status], headers)
