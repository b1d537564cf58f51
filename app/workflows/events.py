"""Events that were not taken at their time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from app.workflows.entry import Entry
    from app.workflows.sync.checks import Problem, address, connection, pace, table, tenancy
    from app.workflows.sync.model import SyncResult
    from app.workflows.sync.run import PHASES, Plan, synchronise


@dataclass(frozen=True)
class EventTable:
    """Where events are kept: a Postgres table with tenant_id, environment_id, event_id (of one tenant's own), status,
    attempts, last_error and occurred_at."""

    connection: str
    table: str
    """As `schema.table`."""


@dataclass(frozen=True)
class EventTarget:
    """Where events go: each is posted by itself as JSON."""

    url: str
    """An http or https URL; with `connection`, a path below the connection's URL."""
    connection: str | None = None


@dataclass(frozen=True)
class ReprocessEventsInput:
    """Send events again, and note of each what came of it."""

    tenant_id: str
    environment_id: str
    events: EventTable
    target: EventTarget
    statuses: tuple[str, ...] = ("failed",)
    """Events in one of these statuses."""
    start: datetime | None = None
    """Events that occurred then or later."""
    end: datetime | None = None
    """Events that occurred before."""
    ids: tuple[str, ...] = ()
    """Only these events; else all that fit."""
    page_size: int = 50
    """Events read at a time, 1 to 1000."""
    rate_limit: float | None = None
    """At most this many events a second; None: as fast as they are taken."""
    max_errors: int = 1000
    """Events that may be refused before the run gives up."""


def problems(request: ReprocessEventsInput) -> Iterator[Problem]:
    yield from tenancy(request)
    yield from pace(request)
    yield from connection(("events", "connection"), request.events.connection)
    yield from table(("events", "table"), request.events.table)
    yield from address("target", request.target.url, request.target.connection)
    if not request.statuses or "processed" in request.statuses:
        yield ("statuses",), "statuses must name at least one status, and not processed."
    for name in ("start", "end"):
        time = getattr(request, name)
        if time is not None and time.tzinfo is None:
            yield (name,), f"{name} must be a time with its offset."
    span = request.start and request.start.tzinfo and request.end and request.end.tzinfo
    if span and request.start and request.end and request.start >= request.end:
        yield ("end",), "end must be after start."


@workflow.defn(name="ReprocessEventsWorkflow", failure_exception_types=[TypeError])
class ReprocessEventsWorkflow:
    """Sends events again that were not taken, one by one in the order of their ids.

    An event that is taken is then `processed`; one that is refused is `failed`, with the reason. Sent twice, as when a
    worker dies between, it has the same Idempotency-Key. What a worker sent between its last heartbeat and its death is
    not in the counts.
    """

    @workflow.run
    async def run(self, request: ReprocessEventsInput) -> SyncResult:
        return await synchronise(Plan("events", "events", problems), request)


WORKFLOWS = (
    Entry(
        workflow=ReprocessEventsWorkflow,
        task_queue="events",
        activities="app.workflows.sync.events:activities",
        check=problems,
        phases=PHASES,
        tenant_field="tenant_id",
        environment_field="environment_id",
    ),
)
