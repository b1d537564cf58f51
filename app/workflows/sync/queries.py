"""Queries that may be asked by name, from a TOML file that the worker's operator keeps:

    [open-invoices]
    connection = "billing"
    sql = "select invoice_id, amount_due from invoices where tenant_id = $1 and environment_id = $2 order by invoice_id"
    parameters = ["currency"]

`$1` and `$2` are the tenant and the environment, which a query must use; its own parameters follow, each a text that
the query casts to what it is, as in `$3::text::date`. An order that stays lets a query be gone on with.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from app.workflows.failures import not_found_error, postgres_errors, validation_error
from app.workflows.outbound import Connections
from app.workflows.sync.ends import Page
from app.workflows.systems import url_of

_CALL_SECONDS = 60.0


@dataclass(frozen=True)
class Query:
    connection: str
    sql: str
    parameters: tuple[str, ...] = ()


def query_of(connections: Connections, catalog: str, name: str) -> Query:
    """The query of that name in the file that the connection `catalog` names. Raises ApplicationError."""
    path = Path(unquote(urlsplit(url_of(connections, catalog, "file")).path))
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise validation_error(f"The queries of connection {catalog!r} cannot be read: {error}.") from None
    if name not in found:
        raise not_found_error(f"There is no query {name!r}; there are: {', '.join(sorted(found)) or 'none'}.")
    try:
        return Query(
            connection=found[name]["connection"],
            sql=found[name]["sql"],
            parameters=tuple(found[name].get("parameters", ())),
        )
    except (KeyError, TypeError):
        raise validation_error(f"Query {name!r} of connection {catalog!r} must have connection and sql.") from None


def values_of(query: Query, name: str, given: Mapping[str, str]) -> list[str]:
    """The values of its parameters in order. Raises ValidationError for one too few or too many."""
    if wrong := set(given) ^ set(query.parameters):
        wanted = ", ".join(query.parameters) or "none"
        raise validation_error(f"Query {name!r} takes the parameters {wanted}; not so with {', '.join(sorted(wrong))}.")
    return [given[each] for each in query.parameters]


@asynccontextmanager
async def asked(connections: Connections, query: Query, values: Sequence[str]) -> AsyncIterator[QuerySource]:
    """The rows of a query, in one read-only transaction that sees one state of the database."""
    dsn = url_of(connections, query.connection, "postgres", "postgresql")
    with postgres_errors(query.connection):
        connection = await asyncpg.connect(  # type: ignore[no-untyped-call]
            dsn, timeout=10, command_timeout=_CALL_SECONDS, server_settings={"application_name": "tideline-worker"}
        )
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield QuerySource(connection, query, values)
    finally:
        with postgres_errors(query.connection):
            await connection.close(timeout=5)


class QuerySource:
    """A cursor is the number of rows before it."""

    mark = None

    def __init__(self, connection: asyncpg.Connection, query: Query, values: Sequence[str]) -> None:
        self._connection = connection
        self._query = query
        self._values = values
        self._rows: Any = None

    async def count(self) -> int | None:
        with postgres_errors(self._query.connection):
            count: int = await self._connection.fetchval(  # type: ignore[no-untyped-call]
                f"select count(*) from ({self._query.sql}) counted", *self._values
            )
        return count

    async def page(self, cursor: str | None, limit: int) -> Page:
        before = int(cursor or "0")
        with postgres_errors(self._query.connection):
            if self._rows is None:
                rows: Any = self._connection.cursor(self._query.sql, *self._values)  # type: ignore[no-untyped-call]
                self._rows = await rows
                if before:
                    await self._rows.forward(before)
            found = await self._rows.fetch(limit)
        records = [{name: _plain(value) for name, value in row.items()} for row in found]
        return Page(records, str(before + limit) if len(records) == limit else None)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, asyncpg.Record):
        return {name: _plain(each) for name, each in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else json.loads(json.dumps(value, default=str))
