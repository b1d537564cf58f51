"""The activities of reprocessing: events of a table to an endpoint, and what came of each back to the table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from temporalio.exceptions import ApplicationError

from app.workflows.events import ReprocessEventsInput
from app.workflows.outbound import Connections
from app.workflows.sync.activities import Kind, activities_of
from app.workflows.sync.ends import Destination, Record, Remote, Source
from app.workflows.sync.model import Outcome, RecordSource
from app.workflows.sync.posts import PostDestination
from app.workflows.sync.sources import TableSource
from app.workflows.systems import PostgresSystem, http_system, postgres_system, quoted

_WHERE = """and status = any($6::text[]) and ($7::timestamptz is null or occurred_at >= $7)
    and ($8::timestamptz is null or occurred_at < $8)"""


class EventDestination(Remote):
    batch = 1

    def __init__(self, posts: PostDestination, system: PostgresSystem, request: ReprocessEventsInput) -> None:
        self._posts = posts
        self._system = system
        self._tenant = (request.tenant_id, request.environment_id)
        self._mark = f"""update {quoted(request.events.table)}
            set status = $4, last_error = $5, attempts = attempts + 1
            where tenant_id = $1 and environment_id = $2 and event_id = $3"""
        self.key = posts.key

    async def upsert(self, records: Sequence[Record]) -> Sequence[Outcome]:
        (record,) = records
        key = self.key(record) or ""
        try:
            outcomes = await self._posts.upsert(records)
        except ApplicationError as error:
            if error.type == "ValidationError":
                await self._system.rows(self._mark, *self._tenant, key, "failed", error.message[:500])
            raise
        await self._system.rows(self._mark, *self._tenant, key, "processed", None)
        return outcomes


@asynccontextmanager
async def unprocessed(request: ReprocessEventsInput, connections: Connections) -> AsyncIterator[Source]:
    events = RecordSource(kind="postgres", connection=request.events.connection, table=request.events.table)
    values = (list(request.statuses), request.start, request.end)
    async with postgres_system(connections, request.events.connection) as database:
        yield TableSource(database, events, request, "event_id", _WHERE, values)


@asynccontextmanager
async def target(request: ReprocessEventsInput, connections: Connections) -> AsyncIterator[Destination]:
    scope = f"{request.tenant_id}\n{request.environment_id}\n{request.events.table}"
    async with (
        http_system(connections, request.target.url, request.target.connection) as system,
        postgres_system(connections, request.events.connection) as database,
    ):
        yield EventDestination(PostDestination(system, scope, ("event_id",)), database, request)


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    return activities_of(Kind("events", ReprocessEventsInput, unprocessed, target), connections)
