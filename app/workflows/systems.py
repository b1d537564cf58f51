"""How other systems are reached: connections by name, HTTP and Postgres, each call with a deadline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx

from app.workflows.failures import (
    network_errors,
    not_found_error,
    postgres_errors,
    response_error,
    validation_error,
)
from app.workflows.outbound import Connections, guarded_client, named_client

_CONNECT_SECONDS = 10.0
_CALL_SECONDS = 30.0


class HttpSystem:
    """A system that speaks JSON over HTTP."""

    def __init__(self, client: httpx.AsyncClient, url: str, name: str) -> None:
        self._client = client
        self._url = url
        self.name = name

    async def call(self, method: str, url: str | None = None, **request: Any) -> Any:
        """The answer's JSON. Raises ApplicationError. Redirects, which could lead anywhere, are refused."""
        return self.json(await self.answer(method, url, **request))

    async def answer(self, method: str, url: str | None = None, **request: Any) -> httpx.Response:
        """An answer of 2xx. Raises ApplicationError."""
        with network_errors(self.name):
            response = await self._client.request(method, self._url if url is None else url, **request)
        if error := response_error(response, self.name, datetime.now(UTC)):
            raise error
        return response

    def json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            raise validation_error(f"{self.name} answered no JSON.") from None

    def below(self, url: str) -> bool:
        """Whether a link of an answer stays at the host that was asked."""
        asked = self._client.base_url.join(self._url)
        linked = asked.join(url)
        return (linked.scheme, linked.host, linked.port) == (asked.scheme, asked.host, asked.port)


@asynccontextmanager
async def http_system(connections: Connections, url: str, connection: str | None) -> AsyncIterator[HttpSystem]:
    """`url` is absolute, or a path below the URL of the named connection."""
    base, name = "", url
    if connection is not None:
        base = url_of(connections, connection, "http", "https")
        name = f"{url} of connection {connection!r}" if url else f"Connection {connection!r}"
    async with named_client(base) if base else guarded_client(connections.allowed) as client:
        yield HttpSystem(client, url, name)


class PostgresSystem:
    """A database under the name of its connection."""

    def __init__(self, connection: asyncpg.Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    async def rows(self, query: str, *values: Any) -> Sequence[Any]:
        """Raises ApplicationError."""
        with postgres_errors(self._name):
            rows: Sequence[Any] = await self._connection.fetch(query, *values)
        return rows

    async def value(self, query: str, *values: Any) -> Any:
        """The first value of the first row. Raises ApplicationError."""
        with postgres_errors(self._name):
            return await self._connection.fetchval(query, *values)  # type: ignore[no-untyped-call]


@asynccontextmanager
async def postgres_system(connections: Connections, name: str) -> AsyncIterator[PostgresSystem]:
    """A connection of its own for one activity."""
    dsn = url_of(connections, name, "postgres", "postgresql")
    with postgres_errors(name):
        connection = await asyncpg.connect(  # type: ignore[no-untyped-call]
            dsn,
            timeout=_CONNECT_SECONDS,
            command_timeout=_CALL_SECONDS,
            server_settings={"application_name": "tideline-worker"},
        )
    try:
        yield PostgresSystem(connection, name)
    finally:
        with postgres_errors(name):
            await connection.close(timeout=5)


def url_of(connections: Connections, name: str, *schemes: str) -> str:
    """Raises NotFoundError for an unknown name and ValidationError for a connection of another kind."""
    if name not in connections:
        known = ", ".join(sorted(connections)) or "none"
        raise not_found_error(f"The worker has no connection {name!r}; TIDELINE_CONNECTIONS has: {known}.")
    if urlsplit(connections[name]).scheme not in schemes:
        raise validation_error(f"Connection {name!r} is no {schemes[-1]} connection.")
    return connections[name]


def quoted(table: str) -> str:
    """`schema.table` as SQL identifiers. The request's validation has let only a-z, 0-9 and _ through."""
    return ".".join(f'"{part.replace(chr(34), chr(34) * 2)}"' for part in table.split("."))
