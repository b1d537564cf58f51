"""How nodes reach other systems: an HTTP client for a URL of an input or a named connection, and named secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from app.workflows.failures import network_errors, response_error, validation_error
from app.workflows.outbound import Connections, guarded_client, named_client
from app.workflows.systems import url_of

LARGEST_OUTPUT = 128 * 1024
"""Bytes of JSON. What a node answers is kept in the history, and again when the run continues as new."""


def http_client(connections: Connections, connection: str | None, timeout: float) -> httpx.AsyncClient:
    """A client for absolute URLs that lead to public addresses, or for paths below a named connection."""
    limits = httpx.Timeout(timeout, connect=min(10.0, timeout))
    if connection is None:
        return guarded_client(connections.allowed, timeout=limits)
    # What stands behind a question mark is for us, such as the model of an agent.
    return named_client(url_of(connections, connection, "http", "https").partition("?")[0], timeout=limits)


def secret_of(connections: Connections, name: str) -> bytes:
    """The password of a named connection. Raises NotFoundError, and ValidationError where it has none."""
    password = urlsplit(url_of(connections, name, "https", "http", "hmac")).password
    if not password:
        raise validation_error(f"Connection {name!r} has no password to sign with, as in {name}=hmac://:secret@{name}.")
    return unquote(password).encode()


async def answer(client: httpx.AsyncClient, name: str, method: str, url: str, **request: Any) -> httpx.Response:
    """The whole answer of 2xx, at most `LARGEST_OUTPUT` bytes. Raises ApplicationError. Redirects are refused."""
    with network_errors(name):
        async with client.stream(method, url, **request) as response:
            if error := response_error(response, name, datetime.now(UTC)):
                raise error
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_OUTPUT:
                    raise validation_error(f"{name} answered more than {LARGEST_OUTPUT} bytes: ask for less.")
    response._content = bytes(body)  # so that it reads as one that was not streamed
    return response


def content(response: httpx.Response) -> Any:
    """The body as JSON where it is JSON, None where it is empty, else as text."""
    try:
        return json.loads(response.content) if response.content else None
    except ValueError:
        return response.text
