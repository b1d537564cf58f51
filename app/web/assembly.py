"""The gateway of one process, joined from its connections."""

from __future__ import annotations

from contextlib import AsyncExitStack

from app.bus import Bus
from app.gateway import Acting, Gateway, Reading, Watching
from app.gateway.activities import Activities
from app.gateway.acts import Acts
from app.gateway.alerts import AlertReading
from app.gateway.asking import Asking
from app.gateway.health import Health
from app.gateway.histories import Histories
from app.gateway.insights import Insights
from app.gateway.many import Many
from app.gateway.operating import Operating
from app.gateway.recording import Recording
from app.gateway.relations import Relations
from app.gateway.runs import Runs
from app.gateway.stats import StatsReading
from app.gateway.writing import Writing
from app.hub import Hub
from app.indexer.hints import RUNS, hint_of
from app.indexer.writer import CHANGES
from app.model import ExecutionRef
from app.registry import Registry
from app.store.alerts import Alerts
from app.store.archive import Archive
from app.store.audit import Audit
from app.store.bottlenecks import Bottlenecks
from app.store.database import Database
from app.store.executions import Executions
from app.store.profiles import Profiles
from app.store.relations import Relations as StoredRelations
from app.store.stats import Statistics
from app.temporal.capabilities import Offers
from app.temporal.connection import Temporal


async def assemble(stack: AsyncExitStack, temporal: Temporal, database: Database, bus: Bus, health: Health) -> Gateway:
    """The verbs over their connections; what they start is closed with the stack."""
    executions, archive = Executions(database), Archive(database)

    async def closed(ref: ExecutionRef) -> None:
        await bus.publish(RUNS, hint_of(ref))

    async def changed() -> None:
        await bus.publish(CHANGES, "")

    hub = Hub(temporal, archive.pages, on_closed=closed)
    stack.push_async_callback(hub.close)
    insights = Insights(temporal, Profiles(database))
    reading = Reading(temporal, executions, archive, hub, insights)
    registry = Registry()
    recording = Recording(Audit(database), temporal.default_namespace)
    writing, acts = Writing(temporal, executions, changed), Acts(reading, recording)
    return Gateway(
        reading=reading,
        acting=Acting(temporal, recording, reading, registry, writing),
        watching=Watching(reading, hub, insights),
        registry=registry,
        health=health,
        relations=Relations(StoredRelations(database), reading),
        histories=Histories(temporal, archive),
        asking=Asking(temporal),
        payloads=temporal.payloads,
        operating=Operating(temporal),
        stats=StatsReading(Statistics(database), Bottlenecks(database), reading.lists),
        alerts=AlertReading(Alerts(database)),
        runs=Runs(temporal, acts, writing),
        activities=Activities(temporal, acts, reading, writing),
        many=Many(recording),
        offers=Offers(temporal),
    )
