"""The activities of task processing: rows of a file into a table or to an endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

from app.workflows.outbound import Connections
from app.workflows.sync.activities import Kind, activities_of
from app.workflows.sync.downloads import downloaded
from app.workflows.sync.ends import Destination, Source
from app.workflows.sync.files import FileSource, place
from app.workflows.sync.posts import PostDestination
from app.workflows.sync.reports import NoReport, Report, report_into
from app.workflows.sync.tables import TableDestination
from app.workflows.systems import http_system, postgres_system
from app.workflows.tasks import TaskProcessingInput


@asynccontextmanager
async def rows(request: TaskProcessingInput, connections: Connections) -> AsyncIterator[Source]:
    file = request.file
    if file.url is None:
        path = place(connections, file.connection or "", file.path or "")
        with closing(FileSource(path, file.format, f"File {file.path} of connection {file.connection!r}")) as source:
            yield source
    else:
        async with downloaded(connections, file.url, file.connection) as path:
            with closing(FileSource(path, file.format, file.url)) as source:
                yield source


@asynccontextmanager
async def target(request: TaskProcessingInput, connections: Connections) -> AsyncIterator[Destination]:
    wanted = request.target
    if wanted.kind == "http":
        scope = f"{request.tenant_id}\n{request.environment_id}\n{wanted.url}"
        async with http_system(connections, wanted.url or "", wanted.connection) as system:
            yield PostDestination(system, scope, wanted.key)
    else:
        async with postgres_system(connections, wanted.connection or "") as database:
            yield TableDestination(database, wanted.table or "", wanted.key, request.tenant_id, request.environment_id)


@asynccontextmanager
async def report(request: TaskProcessingInput, connections: Connections) -> AsyncIterator[Report]:
    if request.report is None:
        yield NoReport()
    else:
        async with report_into(place(connections, request.report.connection, request.report.path)) as file:
            yield file


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    return activities_of(Kind("task_rows", TaskProcessingInput, rows, target, report), connections)
