"""Results as bytes: the response object, and errors as strangers may see them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError

from app.errors import BadUserInput, TidelineError
from app.gateway import Caller
from app.log import logger

log = logger(__name__)
UNEXPECTED = "Something went wrong inside Tideline. The log has more under this request's id."


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the response object as JSON on one line. `errors` is the JSON list of its errors where the request
    was refused before anything was executed. `kind` is query, mutation, subscription, or empty where unknown.
    `cursor` is the place of an update in its stream, behind which a client can go on; `stream` is the root field that
    it is of, and `happened` when what it tells of happened, in seconds since 1970. A state is not sent twice."""

    body: bytes
    errors: bytes | None = None
    kind: str = ""
    cursor: str | None = None
    stream: str = ""
    happened: float | None = None
    is_state: bool = False

    def repeats(self, before: Answer) -> bool:
        return self.is_state and self.body == before.body


def refusal(errors: Sequence[GraphQLError], caller: Caller, kind: str) -> Answer:
    listed = orjson.dumps([formatted(error, caller) for error in errors])
    return Answer(b'{"errors":' + listed + b"}", listed, kind)


def encode(result: ExecutionResult, caller: Caller) -> bytes:
    """The response object as JSON on one line."""
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body = {"errors": [formatted(error, caller) for error in result.errors], **body}
    try:
        return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        # A JSON scalar may hold integers of any size.
        return json.dumps(body, separators=(",", ":"), default=_written).encode()


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def formatted(error: GraphQLError, caller: Caller) -> Mapping[str, Any]:
    """An error with its code and the request's id. What was not foreseen is logged, and shown without its cause."""
    shown: dict[str, Any] = dict(error.formatted)
    cause = tideline_error(error)
    if cause is not None:
        extensions: dict[str, Any] = {"code": cause.code}
        shown["message"] = cause.message
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
