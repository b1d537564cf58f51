"""Where records are read: an HTTP endpoint or a table.

Both are asked for a tenant's records in an environment: over HTTP as `?tenant_id=&environment_id=` and, where only
some are wanted, `ids=` by commas; a table has these two columns and the key of its records, which pages are read by.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from app.workflows.failures import validation_error
from app.workflows.outbound import Connections
from app.workflows.sync.ends import Page, Source
from app.workflows.sync.model import RecordSource
from app.workflows.sync.pages import asked, page_of, total_of
from app.workflows.systems import HttpSystem, PostgresSystem, http_system, postgres_system, quoted


@asynccontextmanager
async def open_records(request: Any, connections: Connections, key: str) -> AsyncIterator[Source]:
    """The records of a valid SyncInput, by the column `key`. Raises ApplicationError."""
    source = request.source
    if source.kind == "http":
        async with http_system(connections, source.url or "", source.connection) as system:
            yield HttpSource(system, source, request)
    else:
        async with postgres_system(connections, source.connection or "") as database:
            yield TableSource(database, source, request, key)


class HttpSource:
    mark = None

    def __init__(self, system: HttpSystem, source: RecordSource, request: Any) -> None:
        self._system = system
        self._style = source.pagination
        self._asked = {"tenant_id": request.tenant_id, "environment_id": request.environment_id}
        if request.ids:
            self._asked["ids"] = ",".join(request.ids)

    async def count(self) -> int | None:
        parameters = self._asked | asked(self._style, None, 1)
        return total_of(await self._system.call("GET", params=parameters), self._system.name)

    async def page(self, cursor: str | None, limit: int) -> Page:
        if self._style == "link" and cursor is not None:
            if not self._system.below(cursor):
                raise validation_error(f"{self._system.name} leads on to another host, {cursor!r}, which is refused.")
            response = await self._system.answer("GET", cursor)
        else:
            response = await self._system.answer("GET", params=self._asked | asked(self._style, cursor, limit))
        body = self._system.json(response)
        return page_of(self._style, response, body, cursor, limit, self._system.name)


class TableSource:
    """`where` says more of which records, with `values` from `$6`."""

    mark = None

    def __init__(
        self,
        system: PostgresSystem,
        source: RecordSource,
        request: Any,
        key: str,
        where: str = "",
        values: Sequence[Any] = (),
    ) -> None:
        self._system = system
        self._key = key
        self._values = values
        self._tenant = (request.tenant_id, request.environment_id, list(request.ids) or None)
        self._from = f"""from {quoted(source.table or "")} record
            where tenant_id = $1 and environment_id = $2 and ($3::text[] is null or "{key}"::text = any($3)) {where}"""
        # The key of the last record has the type that the table says, so that its index is used.
        self._behind = (
            f"""and "{key}" > (select "{key}" from jsonb_populate_record(null::{quoted(source.table or "")}, $5))"""
        )

    async def count(self) -> int | None:
        query = f"select count(*) {self._from} and $4::int is null and $5::jsonb is null"
        count: int = await self._system.value(query, *self._tenant, None, None, *self._values)
        return count

    async def page(self, cursor: str | None, limit: int) -> Page:
        behind = self._behind if cursor is not None else "and $5::jsonb is null"
        rows = await self._system.rows(
            f'select to_jsonb(record)::text {self._from} {behind} order by "{self._key}" limit $4::int',
            *self._tenant,
            limit,
            cursor,
            *self._values,
        )
        records = [json.loads(row[0]) for row in rows]
        last = json.dumps({self._key: records[-1][self._key]}) if len(records) == limit else None
        return Page(records, last)
