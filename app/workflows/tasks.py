"""Files of tasks: every row into a table or to an endpoint, and a report of those that were refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from app.workflows.entry import Entry
    from app.workflows.sync.checks import (
        Problem,
        address,
        columns,
        connection,
        file_path,
        pace,
        table,
        tenancy,
    )
    from app.workflows.sync.model import SyncResult
    from app.workflows.sync.run import PHASES, Plan, synchronise


@dataclass(frozen=True)
class FilePlace:
    """A file below the folder that a connection names, as in `files=file:///srv/files`."""

    connection: str
    path: str
    """Such as `2026/customers.csv`."""


@dataclass(frozen=True)
class TaskFile:
    """The file of rows: `url`, or `path` below the folder of `connection`."""

    format: Literal["csv", "jsonl"]
    """CSV whose first line names the columns, or a JSON object a line; both UTF-8."""
    connection: str | None = None
    """The name of a folder, with `path`; or, with `url`, of the system that has the file."""
    path: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class RowTarget:
    """Where rows go. `table` upserts them in a Postgres table by `key`; `http` posts each by itself."""

    kind: Literal["table", "http"]
    connection: str | None = None
    table: str | None = None
    """As `schema.table`. It has the columns tenant_id and environment_id, and those of the file."""
    key: tuple[str, ...] = ()
    """The columns that, with tenant_id and environment_id, tell a row from others; a unique index must have them."""
    url: str | None = None
    """An http or https URL; with `connection`, a path below the connection's URL."""


@dataclass(frozen=True)
class TaskProcessingInput:
    """Process a file row by row."""

    tenant_id: str
    environment_id: str
    file: TaskFile
    target: RowTarget
    report: FilePlace | None = None
    """Where the rows that were refused are written, as JSON lines with the reason of each."""
    page_size: int = 100
    """Rows read at a time, 1 to 1000."""
    rate_limit: float | None = None
    """At most this many rows a second; None: as fast as they are taken."""
    max_errors: int = 1000
    """Rows that may be refused before the run gives up."""


def problems(request: TaskProcessingInput) -> Iterator[Problem]:
    yield from tenancy(request)
    yield from pace(request)
    if request.file.url is not None:
        yield from address("file", request.file.url, request.file.connection)
    else:
        yield from connection(("file", "connection"), request.file.connection)
        yield from file_path(("file", "path"), request.file.path)
    if request.target.kind == "http":
        yield from address("target", request.target.url, request.target.connection)
    else:
        yield from connection(("target", "connection"), request.target.connection)
        yield from table(("target", "table"), request.target.table)
        yield from columns(("target", "key"), request.target.key)
        if not request.target.key:
            yield ("target", "key"), "target.key must name at least one column when kind is table."
    if request.report is not None:
        yield from connection(("report", "connection"), request.report.connection)
        yield from file_path(("report", "path"), request.report.path)


_PLAN = Plan("task_rows", "rows", problems)


@workflow.defn(name="TaskProcessingWorkflow", failure_exception_types=[TypeError])
class TaskProcessingWorkflow:
    """Processes a file of CSV or JSON lines row by row, and tells how far it is.

    A row that is refused is told in the report with its reason, and the others go on; more than max_errors of them
    fail the run. A worker that dies is followed by another that goes on where it was.
    """

    @workflow.run
    async def run(self, request: TaskProcessingInput) -> SyncResult:
        return await synchronise(_PLAN, request)


@workflow.defn(name="TaskProcessingWithProgressWorkflow", failure_exception_types=[TypeError])
class TaskProcessingWithProgressWorkflow:
    """TaskProcessingWorkflow, which tells its progress in any case, on a queue of its own."""

    @workflow.run
    async def run(self, request: TaskProcessingInput) -> SyncResult:
        return await synchronise(_PLAN, request)


WORKFLOWS = tuple(
    Entry(
        workflow=each,
        task_queue=queue,
        activities="app.workflows.sync.tasks:activities",
        check=problems,
        phases=PHASES,
        tenant_field="tenant_id",
        environment_field="environment_id",
    )
    for each, queue in (
        (TaskProcessingWorkflow, "task-processing"),
        (TaskProcessingWithProgressWorkflow, "task-processing-with-progress"),
    )
)
