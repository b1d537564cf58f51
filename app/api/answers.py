"""Results as bytes: the response object, and errors as strangers may see them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError

from app import metrics
from app.api.compiled import Written
from app.errors import BadUserInput, RateLimited, TidelineError
from app.gateway import Caller
from app.gateway.seeing import said
from app.log import logger

log = logger(__name__)
LONGEST_MESSAGE = 1000
"""Characters of what GraphQL says of a document, which may quote as much of it as there is."""
RETRY_AFTER = 1.0
"""Seconds after which to try again where nobody knows better."""
UNEXPECTED = "Something went wrong inside Tideline. The log has more under this request's id."


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the response object as JSON on one line. `errors` is the JSON list of its errors where the request
    was refused before anything was executed; `retry_after` are the seconds after which it will fit, where it was one
    too many. `kind` is query, mutation, subscription, or empty where unknown. `cursor` is the place of an update in its
    stream, behind which a client can go on; `stream` is the root field that it is of, and `happened` when what it tells
    of happened, in seconds since 1970. A state is not sent twice."""

    body: bytes
    errors: bytes | None = None
    kind: str = ""
    cursor: str | None = None
    stream: str = ""
    happened: float | None = None
    is_state: bool = False
    retry_after: float | None = None

    def repeats(self, before: Answer) -> bool:
        return self.is_state and self.body == before.body


def refusal(errors: Sequence[GraphQLError], caller: Caller, kind: str) -> Answer:
    listed = orjson.dumps([formatted(error, caller) for error in errors])
    cause = tideline_error(errors[0]) if len(errors) == 1 else None
    extensions, retry_after = b"", None
    if cause is not None:
        metrics.REFUSED.labels(cause.code).inc()
        if "cost" in cause.details:
            extensions = b',"extensions":' + orjson.dumps({"cost": cause.details["cost"]})
        if isinstance(cause, RateLimited):
            retry_after = getattr(cause, "retry_after", RETRY_AFTER)
    return Answer(b'{"errors":' + listed + extensions + b"}", listed, kind, retry_after=retry_after)


def encode(result: ExecutionResult, caller: Caller, cost: Mapping[str, Any] | None = None) -> bytes:
    """The response object as JSON on one line, with what it cost where that is to be told."""
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body = {"errors": [formatted(error, caller) for error in result.errors], **body}
    if cost is not None:
        body["extensions"] = {"cost": cost}
    try:
        return orjson.dumps(body, default=_fragment)
    except orjson.JSONEncodeError:
        pass
    try:
        return orjson.dumps(body, default=_fragment, option=orjson.OPT_NON_STR_KEYS)  # slower for all keys
    except orjson.JSONEncodeError:
        # A JSON scalar may hold integers of any size.
        return json.dumps(body, separators=(",", ":"), default=_written).encode()


def _fragment(value: Any) -> orjson.Fragment:
    if isinstance(value, Written):
        return value.fragment
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _written(value: Any) -> Any:
    if isinstance(value, Written):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def formatted(error: GraphQLError, caller: Caller) -> Mapping[str, Any]:
    """An error with its code and the request's id. What was not foreseen is logged, and shown without its cause."""
    shown: dict[str, Any] = dict(error.formatted)
    if len(error.message) > LONGEST_MESSAGE:
        shown["message"] = f"{error.message[:LONGEST_MESSAGE]}…"
    cause = tideline_error(error)
    if cause is not None:
        extensions: dict[str, Any] = {"code": cause.code, **cause.details}
        shown["message"] = said(cause.message)
        if cause.path:
            extensions["argument"] = list(cause.path)
        if cause.may_have_happened is not None:
            extensions["mayHaveHappened"] = cause.may_have_happened
    elif error.original_error is None or (error.path is None and error.nodes):  # a value that does not fit its type
        extensions = {"code": BadUserInput.code}
    else:
        log.error("a field failed", path=error.path, exc_info=error.original_error)
        extensions = {"code": TidelineError.code}
        shown["message"] = UNEXPECTED
    shown["extensions"] = {**(error.extensions or {}), **extensions, "requestId": caller.request_id}
    return shown


def tideline_error(error: GraphQLError) -> TidelineError | None:
    """The error of our family at the root, through the wrappers that graphql-core puts around it."""
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause if isinstance(cause, TidelineError) else None


def as_graphql(error: Exception) -> GraphQLError:
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
