"""Queries into files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from app.workflows.entry import Entry
    from app.workflows.sync.checks import Problem, connection, file_path, identifier, pace, tenancy
    from app.workflows.sync.model import SyncResult
    from app.workflows.sync.run import PHASES, Plan, synchronise
    from app.workflows.tasks import FilePlace


@dataclass(frozen=True)
class Parameter:
    name: str
    value: str
    """As text; the query casts it to what it is."""


@dataclass(frozen=True)
class ExecuteExportInput:
    """Write what a named query answers to a file."""

    tenant_id: str
    environment_id: str
    query: str
    """The name of a query that the worker's operator allows; it sees this tenant's rows alone."""
    file: FilePlace
    """The file appears when it is whole, in place of an older one of its name."""
    format: Literal["csv", "jsonl"] = "csv"
    queries: str = "queries"
    """The connection that names the file of queries, as in `queries=file:///etc/tideline/queries.toml`."""
    parameters: tuple[Parameter, ...] = field(default=())
    page_size: int = 500
    """Rows read and written at a time, 1 to 1000."""
    rate_limit: float | None = None
    """At most this many rows a second; None: as fast as they are answered."""
    max_errors: int = 0


def problems(request: ExecuteExportInput) -> Iterator[Problem]:
    yield from tenancy(request)
    yield from pace(request)
    yield from identifier(("query",), request.query)
    yield from connection(("queries",), request.queries)
    yield from connection(("file", "connection"), request.file.connection)
    yield from file_path(("file", "path"), request.file.path)
    names = [each.name for each in request.parameters]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield ("parameters", index), f"parameters gives {name!r} twice."


@workflow.defn(name="ExecuteExportWorkflow", failure_exception_types=[TypeError])
class ExecuteExportWorkflow:
    """Writes the rows of a query to a file of CSV or JSON lines, and tells how far it is."""

    @workflow.run
    async def run(self, request: ExecuteExportInput) -> SyncResult:
        return await synchronise(Plan("export_rows", "rows", problems), request)


WORKFLOWS = (
    Entry(
        workflow=ExecuteExportWorkflow,
        task_queue="export",
        activities="app.workflows.sync.exports:activities",
        check=problems,
        phases=PHASES,
        tenant_field="tenant_id",
        environment_field="environment_id",
    ),
)
