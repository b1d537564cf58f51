"""What a client asks for: bytes and headers in, an `Operation` and a media type out. Pure.

Sources of the rules: the draft "GraphQL over HTTP" for parameters and media types; the same shape of
parameters is the payload of `subscribe` in graphql-transport-ws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, ParamSpec, TypeVar

import orjson
from starlette.types import Scope

from app.api.engine import Operation
from app.errors import BadUserInput

P = ParamSpec("P")
R = TypeVar("R")

RESPONSE_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"
EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed"
"""Only with the parameter `subscriptionSpec`: without it, it means another way to write results."""
HTML = "text/html"
_JSON = (PLAIN_JSON, RESPONSE_JSON)
_REMEMBERED, _LONGEST_REMEMBERED = 128, 200
"""How many headers that say a type, and of how many characters."""
DOCUMENT_IDS = ("documentId", "doc_id", "id")
"""How clients name a document that is known: the draft's parameter, and Relay's customs."""

_KINDS = {
    str: "a string",
    dict: "an object",
    list: "a list",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}


def _field(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    value = fields.get(name)
    if value is None or type(value) is kind:
        return value
    raise BadUserInput(f"{name} must be {_KINDS[kind]}, not {_KINDS[type(value)]}.")


def operation_from(fields: Any) -> Operation:
    """The operation that a decoded JSON value names. Raises BadUserInput with the parameter that is wrong."""
    if isinstance(fields, list):
        raise BadUserInput("Batches are not served: send one operation per request, or several over a WebSocket.")
    if not isinstance(fields, dict):
        raise BadUserInput('Expected a JSON object such as {"query": "{ __typename }"}.')
    operation = Operation(
        query=_field(fields, "query", str),
        variables=_field(fields, "variables", dict),
        operation_name=_field(fields, "operationName", str),
        extensions=_field(fields, "extensions", dict),
    )
    if operation.query:
        return operation
    id_ = next((fields[name] for name in DOCUMENT_IDS if isinstance(fields.get(name), str) and fields[name]), None)
    if id_ is not None:
        return replace(operation, document_id=id_)
    if "persistedQuery" not in (operation.extensions or {}):
        raise BadUserInput("query is missing: it must be a string with a GraphQL document.")
    return operation


def _remembering(read: Callable[P, R]) -> Callable[P, R]:
    """The same function of a short header, which most clients send alike, found out once."""
    known = lru_cache(maxsize=_REMEMBERED)(read)

    def remembering(*arguments: P.args, **named: P.kwargs) -> R:
        header = arguments[0]
        is_short = not isinstance(header, str) or len(header) <= _LONGEST_REMEMBERED
        return known(*arguments, **named) if is_short else read(*arguments, **named)  # type: ignore[arg-type]

    return remembering


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request by their names in small letters; of those that came twice the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def operation_from_json(body: bytes) -> Operation:
    """The operation of a POST body."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadUserInput(f"The body is not JSON: {error}.") from None
    return operation_from(fields)


def operation_from_parameters(parameters: Mapping[str, str]) -> Operation:
    """The operation of a GET request's query string, where variables and extensions are JSON texts."""
    fields: dict[str, Any] = dict(parameters)
    for name in ("variables", "extensions"):
        if name in fields:
            try:
                fields[name] = orjson.loads(fields[name]) if fields[name] else None
            except orjson.JSONDecodeError as error:
                raise BadUserInput(f"{name} is not JSON: {error}.") from None
    if not fields.get("operationName"):
        fields.pop("operationName", None)
    return operation_from(fields)


@_remembering
def is_json(content_type: str | None) -> bool:
    """Whether a body of this type can be read: JSON, in UTF-8 where the type says a charset."""
    kind, _, parameters = (content_type or "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return kind.strip().lower() == PLAIN_JSON and charset in {"", "utf-8", "utf8"}


@_remembering
def best_type(accept: str | None, offers: tuple[str, ...]) -> str | None:
    """The offer that the client likes best; `application/json` where it does not say, None where it takes none.

    Of several ranges that an offer falls under the most specific one decides. Among offers of the same quality the one
    that is named first wins. A wildcard means JSON, and `application/json` before the newer type, and comes behind
    what is named.
    """
    named: dict[str, tuple[float, int]] = {}
    wild: dict[str, tuple[float, int]] = {}
    for place, each in enumerate((accept or "*/*").split(",")):
        kind, *parameters = (part.strip().lower() for part in each.split(";"))
        if kind == MULTIPART and not any(parameter.startswith("subscriptionspec=") for parameter in parameters):
            continue
        known = wild if kind.endswith("/*") else named
        known.setdefault(kind, (_quality(parameters), place))
    ranked: list[tuple[float, bool, int, bool, str]] = []
    for offer in offers:
        ranges = ("application/*", "*/*") if offer in _JSON else ()
        found = named.get(offer) or next((wild[each] for each in ranges if each in wild), None)
        if found is not None and found[0] > 0:
            ranked.append((-found[0], offer not in named, found[1], offer != PLAIN_JSON, offer))
    return min(ranked)[-1] if ranked else None


def _quality(parameters: Sequence[str]) -> float:
    for each in parameters:
        if each.startswith("q="):
            try:
                return float(each[2:])
            except ValueError:
                return 0.0
    return 1.0
