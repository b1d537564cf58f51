"""What a worker needs to drive batches: the verbs that act on runs, and the activities over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from app.access import TenantBook
from app.bus import Bus
from app.gateway.acting.acts import Acts
from app.gateway.acting.once import Once
from app.gateway.acting.outcomes import Outcomes
from app.gateway.acting.recording import Recording
from app.gateway.acting.rows import Rows
from app.gateway.acting.runs import Runs
from app.gateway.batches.driving import Driver
from app.gateway.hosted.house import House
from app.gateway.quotas import Quotas
from app.gateway.reading.insights import Insights
from app.gateway.reading.reading import Reading
from app.hub import Hub
from app.indexer.writer import CHANGES
from app.store.archive import Archive
from app.store.audit import Audit
from app.store.batches import Batches
from app.store.database import Database
from app.store.executions import Executions
from app.store.idempotency import Idempotency
from app.store.profiles import Profiles
from app.store.tenants import Tenants
from app.temporal.connection import Temporal
from app.workflows.batches.workflow import ADVANCE, CLOSE, BatchInput, BatchProgress


async def drive(stack: AsyncExitStack, temporal: Temporal, database: Database, bus: Bus) -> Driver:
    """What acts in the name of those who asked for batches; what it starts is closed with the stack."""
    # As in a gateway, what is read in the name of somebody stays behind their wall.
    executions, archive = Executions(database.walled), Archive(database.walled)

    async def changed() -> None:
        await bus.publish(CHANGES, "")

    hub = Hub(temporal, Archive(database).pages)
    stack.push_async_callback(hub.close)
    reading = Reading(temporal, executions, archive, hub, Insights(temporal, Profiles(database)))
    recording = Recording(Audit(database), temporal.default_namespace)
    stack.push_async_callback(recording.close)
    rows = Rows(executions, changed)
    stack.push_async_callback(rows.close)
    once = Once(Idempotency(database), recording, rows.put)
    stack.push_async_callback(once.close)
    tenants = Tenants(database)
    quotas = Quotas(TenantBook(tenants.find, tenants.many), tenants, rows.settled)
    acts = Acts(temporal, Outcomes(temporal, once, reading), quotas)
    return Driver(Batches(database), Runs(temporal, acts, executions, changed))


async def activities(stack: AsyncExitStack, house: House) -> Sequence[Callable[..., Any]]:
    driver = await drive(stack, house.temporal, house.database, house.bus)

    @activity.defn(name=ADVANCE)
    async def advance(request: BatchInput) -> BatchProgress:
        found = await driver.advance(request.job_id, activity.heartbeat)
        if found is None:
            raise ApplicationError(f"There is no batch {request.job_id!r}.", non_retryable=True)
        return BatchProgress(found.state, found.total, found.completed, found.failed, found.skipped, found.problem)

    @activity.defn(name=CLOSE)
    async def close(request: BatchInput, state: str) -> None:
        await driver.close(request.job_id, state)

    return [advance, close]
