"""The messages of graphql-transport-ws: clients' are read strictly, answers are spliced. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from app.api.engine import Operation
from app.errors import BadUserInput
from app.web.request import operation_from

SUBPROTOCOL = "graphql-transport-ws"

ACK = '{"type":"connection_ack"}'
PING = '{"type":"ping"}'


def refreshed(why_not: str | None) -> str:
    """The pong that answers a ping with a new token."""
    payload = {"refreshed": why_not is None, **({"message": why_not} if why_not else {})}
    return orjson.dumps({"type": "pong", "payload": payload}).decode()


Payload = Mapping[str, Any]

_KINDS = ("connection_init", "ping", "pong", "subscribe", "complete")  # a tuple, since a type may be unhashable


class Close(IntEnum):
    """Why the server ends a connection: the protocol's codes, and RFC 6455's below 4000."""

    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY_INITIALISATIONS = 4429


class ClosedError(Exception):
    """The connection must end with this code and reason."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        # A close frame holds 123 bytes of reason; a character is not cut in two.
        self.reason = reason.encode()[:123].decode(errors="ignore")


@dataclass(frozen=True, slots=True, repr=False)
class Init:
    payload: Payload


@dataclass(frozen=True, slots=True, repr=False)
class Ping:
    """The server answers with a pong that has the same payload. With `authorization` in it the client goes on under
    another token, which the pong does not repeat."""

    payload: Payload | None = None


@dataclass(frozen=True, slots=True)
class Pong:
    """The client is there."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    id: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Complete:
    id: str


ClientMessage = Init | Ping | Pong | Subscribe | Complete


def parse(text: str | None) -> ClientMessage:
    """A client's message from a text frame; None stands for a binary one. Raises ClosedError."""
    try:
        return _parse(text)
    except BadUserInput as error:
        raise ClosedError(Close.BAD_REQUEST, error.message) from None


def _parse(text: str | None) -> ClientMessage:
    if text is None:
        raise BadUserInput("Messages are JSON in text frames, not binary ones.")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadUserInput("The message is not JSON.") from None
    if not isinstance(message, dict):
        raise BadUserInput("The message must be a JSON object.")
    kind, payload = message.get("type"), message.get("payload")
    if kind not in _KINDS:
        raise BadUserInput(f"Unknown message type {orjson.dumps(kind).decode()}.")
    if payload is not None and kind != "complete" and not isinstance(payload, dict):
        raise BadUserInput(f"The payload of {kind} must be an object.")
    match kind:
        case "connection_init":
            return Init(payload or {})
        case "ping":
            return Ping(payload)
        case "pong":
            return Pong()
        case "subscribe":
            return Subscribe(_id(message), operation_from(payload))
        case _:
            return Complete(_id(message))


def _id(message: Mapping[str, Any]) -> str:
    found = message.get("id")
    if not isinstance(found, str) or not found:
        raise BadUserInput(f"The id of {message['type']} must be a string that is not empty.")
    return found


def pong(payload: Payload | None) -> str:
    if payload is None:
        return '{"type":"pong"}'
    return (b'{"type":"pong","payload":' + orjson.dumps(payload) + b"}").decode()


@dataclass(frozen=True, slots=True)
class Writer:
    """Messages of one operation, with its id encoded once and results spliced in as they are."""

    next_prefix: bytes
    error_prefix: bytes
    complete: str

    @classmethod
    def of(cls, id_: str) -> Writer:
        head = b'{"id":' + orjson.dumps(id_) + b',"type":"'
        return cls(head + b'next","payload":', head + b'error","payload":', (head + b'complete"}').decode())

    def next(self, body: bytes) -> str:
        """`body` is a GraphQL response object as JSON."""
        return (self.next_prefix + body + b"}").decode()

    def error(self, errors: bytes) -> str:
        """`errors` is a list of GraphQL errors as JSON."""
        return (self.error_prefix + errors + b"}").decode()
