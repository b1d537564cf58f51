"""The gateway of one process, joined from its connections."""

from __future__ import annotations

from contextlib import AsyncExitStack

from app.bus import Bus
from app.gateway import Acting, Gateway, Reading, Watching
from app.gateway.alerts import AlertReading
from app.gateway.asking import Asking
from app.gateway.feeds import Feeds
from app.gateway.health import Health
from app.gateway.histories import Histories
from app.gateway.insights import Insights
from app.gateway.jobs import Jobs
from app.gateway.live_lists import LiveLists
from app.gateway.operating import Operating
from app.gateway.recording import Recording
from app.gateway.relations import Relations
from app.gateway.stats import StatsReading
from app.hub import Hub
from app.hub.feed import Feed
from app.hub.matches import Matches
from app.indexer.hints import RUNS, hint_of
from app.indexer.writer import CHANGES
from app.model import ExecutionRef
from app.registry import Registry
from app.settings import Settings
from app.store.alerts import Alerts
from app.store.archive import Archive
from app.store.audit import Audit
from app.store.bottlenecks import Bottlenecks
from app.store.changes import Changes
from app.store.database import Database
from app.store.executions import Executions
from app.store.matching import Matching
from app.store.profiles import Profiles
from app.store.relations import Relations as StoredRelations
from app.store.stats import Statistics
from app.temporal.connection import Temporal


async def assemble(
    stack: AsyncExitStack,
    temporal: Temporal,
    database: Database,
    bus: Bus,
    health: Health,
    settings: Settings | None = None,
) -> Gateway:
    """The verbs over their connections; what they start is closed with the stack."""
    settings = settings or Settings()
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
    operating = Operating(temporal)
    feed = Feed(Changes(database), lambda: bus.listen(CHANGES), fallback=settings.fallback_interval)
    matches = Matches(feed, Matching(database), Alerts(database))
    live_lists, jobs = LiveLists(feed, matches, executions, reading.lists), Jobs(operating)
    for each in (feed, live_lists, jobs):
        stack.push_async_callback(each.close)
    return Gateway(
        reading=reading,
        acting=Acting(temporal, executions, recording, reading, registry, changed),
        watching=Watching(reading, hub, insights),
        registry=registry,
        health=health,
        relations=Relations(StoredRelations(database), reading),
        histories=Histories(temporal, archive),
        asking=Asking(temporal),
        payloads=temporal.payloads,
        operating=operating,
        stats=StatsReading(Statistics(database), Bottlenecks(database), reading.lists),
        alerts=AlertReading(Alerts(database)),
        feeds=Feeds(feed, matches, reading.lists),
        live_lists=live_lists,
        jobs=jobs,
    )
