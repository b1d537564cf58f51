"""Nodes that ask a Postgres database, or write to it. Values go as parameters, never into the SQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from app.workflows.dag.configuration import Database
from app.workflows.failures import postgres_errors
from app.workflows.outbound import Connections
from app.workflows.systems import quoted, url_of

_CONNECT_SECONDS = 10.0


async def database(config: Database, connections: Connections, timeout: float) -> dict[str, Any]:
    """Raises ApplicationError."""
    reads = config.operation in {"query", "select"}
    statement, values = statement_of(config)
    async with _connected(connections, config.connection, timeout) as connection:
        with postgres_errors(config.connection):
            async with connection.transaction(readonly=reads):
                prepared = await connection.prepare(statement)
                rows = await prepared.fetch(*values)
                status = prepared.get_statusmsg() or ""
    if not reads:
        return {"count": int(number) if (number := status.rpartition(" ")[2]).isdecimal() else 0}
    found = [json.loads(row[0]) for row in rows]
    return {"rows": found[: config.limit], "count": min(len(found), config.limit), "more": len(found) > config.limit}


def statement_of(config: Database) -> tuple[str, Sequence[Any]]:
    """The SQL of a configuration and its values. Postgres itself reads JSON as the types of the columns."""
    row = config.query or ""
    match config.operation:
        case "query":
            return _rows(row.strip().rstrip(";"), config.limit), config.parameters
        case "execute":
            return row, config.parameters
    table = quoted(config.table or "")
    record = f"jsonb_populate_record(null::{table}, ${{}}::jsonb)"
    values, where = json.dumps(config.values), json.dumps(config.where)
    names = ", ".join(map(quoted, config.values))
    matches = " and ".join(f"held.{quoted(each)} is not distinct from wanted.{quoted(each)}" for each in config.where)
    match config.operation:
        case "insert":
            return f"insert into {table} ({names}) select {names} from {record.format(1)}", [values]
        case "update":
            changes = ", ".join(f"{quoted(each)} = made.{quoted(each)}" for each in config.values)
            made, wanted = record.format(1), record.format(2)
            return f"update {table} held set {changes} from {made} made, {wanted} wanted where {matches}", [
                values,
                where,
            ]
        case "delete":
            return f"delete from {table} held using {record.format(1)} wanted where {matches}", [where]
    columns = ", ".join(f"held.{quoted(each)}" for each in config.columns) or "held.*"
    chosen = f"select {columns} from {table} held, {record.format(1)} wanted where {matches or 'true'}"
    return _rows(chosen, config.limit), [where]


def _rows(query: str, limit: int) -> str:
    """The rows of a query as JSON, and one more than the limit to tell that there are more."""
    return f"select to_jsonb(found)::text from (\n{query}\n) found limit {limit + 1}"


@asynccontextmanager
async def _connected(connections: Connections, name: str, timeout: float) -> AsyncIterator[asyncpg.Connection]:
    dsn = url_of(connections, name, "postgres", "postgresql")
    with postgres_errors(name):
        connection = await asyncpg.connect(
            dsn,
            timeout=min(_CONNECT_SECONDS, timeout),
            command_timeout=timeout,
            server_settings={"application_name": "tideline-worker"},
        )
    try:
        yield connection
    finally:
        with postgres_errors(name):
            await connection.close(timeout=5)
