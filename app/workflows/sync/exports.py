"""The activities of exports: the rows of a query into a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

from app.workflows.exports import ExecuteExportInput
from app.workflows.outbound import Connections
from app.workflows.sync.activities import Kind, activities_of
from app.workflows.sync.ends import Destination, Source
from app.workflows.sync.files import FileDestination, place
from app.workflows.sync.queries import asked, query_of, values_of


@asynccontextmanager
async def rows(request: ExecuteExportInput, connections: Connections) -> AsyncIterator[Source]:
    query = query_of(connections, request.queries, request.query)
    own = values_of(query, request.query, {each.name: each.value for each in request.parameters})
    async with asked(connections, query, [request.tenant_id, request.environment_id, *own]) as source:
        yield source


@asynccontextmanager
async def file(request: ExecuteExportInput, connections: Connections) -> AsyncIterator[Destination]:
    path = place(connections, request.file.connection, request.file.path)
    with closing(FileDestination(path, request.format)) as destination:
        yield destination


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    return activities_of(Kind("export_rows", ExecuteExportInput, rows, file), connections)
