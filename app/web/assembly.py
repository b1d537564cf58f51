"""The gateway of one process, joined from its connections."""

from __future__ import annotations

from contextlib import AsyncExitStack

from app.access import Sealer, Tickets
from app.access.workflow_ids import WorkflowIds
from app.bus import Bus
from app.gateway import Acting, Gateway, Reading, Watching
from app.gateway.alerts import AlertReading
from app.gateway.asking import Asking
from app.gateway.audits import AuditReading
from app.gateway.consistency import Consistency
from app.gateway.feeds import Feeds
from app.gateway.health import Health
from app.gateway.histories import Histories
from app.gateway.insights import Insights
from app.gateway.jobs import Jobs
from app.gateway.keys import Keys
from app.gateway.live_lists import LiveLists
from app.gateway.minting import Minting
from app.gateway.once import Once
from app.gateway.operating import Operating
from app.gateway.outcomes import Outcomes
from app.gateway.planning import Planning
from app.gateway.polling import Polling
from app.gateway.recording import Recording
from app.gateway.relations import Relations
from app.gateway.scheduling import Scheduling
from app.gateway.starting import Starting
from app.gateway.stats import StatsReading
from app.hub import Hub
from app.hub.feed import Feed
from app.hub.matches import Matches
from app.indexer.hints import RUNS, hint_of
from app.indexer.writer import CHANGES
from app.limits import Subscriptions
from app.model import ExecutionRef
from app.registry import Registry
from app.settings import Settings
from app.store.alerts import Alerts
from app.store.api_keys import ApiKeys
from app.store.archive import Archive
from app.store.audit import Audit
from app.store.bottlenecks import Bottlenecks
from app.store.changes import Changes
from app.store.database import Database
from app.store.executions import Executions
from app.store.idempotency import Idempotency
from app.store.matching import Matching
from app.store.profiles import Profiles
from app.store.relations import Relations as StoredRelations
from app.store.secrets import Secrets
from app.store.stats import Statistics
from app.temporal.connection import Temporal
from app.web.warden import KEYS


async def assemble(
    stack: AsyncExitStack,
    temporal: Temporal,
    database: Database,
    bus: Bus,
    health: Health,
    settings: Settings | None = None,
    registry: Registry | None = None,
    sealer: Sealer | None = None,
) -> Gateway:
    """The verbs over their connections; what they start is closed with the stack."""
    settings = settings or Settings()
    secrets = Secrets(database)
    sealer = sealer or Sealer(None, secrets.signing_key)
    tickets = Tickets(secrets.put_ticket, secrets.take_ticket)
    # What is asked on behalf of one caller stays behind the wall; what is shared by several, and what is written
    # once it was decided, does not.
    walled = database.walled
    executions, archive = Executions(walled), Archive(walled)

    async def closed(ref: ExecutionRef) -> None:
        await bus.publish(RUNS, hint_of(ref))

    async def changed() -> None:
        await bus.publish(CHANGES, "")

    async def key_changed(key_id: str) -> None:
        await bus.publish(KEYS, key_id)

    hub = Hub(temporal, Archive(database).pages, on_closed=closed)
    stack.push_async_callback(hub.close)
    insights = Insights(temporal, Profiles(database))
    ids = WorkflowIds(apart=_are_apart(settings))
    reading = Reading(temporal, executions, archive, hub, insights, ids)
    operating = Operating(temporal)
    registry = registry or Registry()
    audit = Audit(database)
    recording = Recording(audit, temporal.default_namespace)
    stack.push_async_callback(recording.close)
    once = Once(Idempotency(database), recording, changed)
    stack.push_async_callback(once.close)
    outcomes = Outcomes(temporal, once, reading)
    consistency = Consistency(temporal, executions, changed)
    watching = Watching(reading, hub, insights)
    subscriptions = Subscriptions(settings.max_subscriptions, settings.max_subscriptions_per_identity)
    feed = Feed(Changes(database), lambda: bus.listen(CHANGES), fallback=settings.fallback_interval)
    matches = Matches(feed, Matching(database), Alerts(database))
    live_lists, jobs = LiveLists(feed, matches, executions, reading.lists), Jobs(operating)
    for each in (feed, live_lists, jobs):
        stack.push_async_callback(each.close)
    return Gateway(
        reading=reading,
        starting=Starting(temporal, executions, outcomes, Planning(temporal, reading, registry), consistency),
        acting=Acting(temporal, outcomes),
        consistency=consistency,
        watching=watching,
        registry=registry,
        health=health,
        relations=Relations(StoredRelations(walled), reading),
        histories=Histories(temporal, archive),
        asking=Asking(temporal),
        payloads=temporal.payloads,
        operating=operating,
        scheduling=Scheduling(temporal, operating, recording, registry, ids),
        stats=StatsReading(Statistics(walled), Bottlenecks(walled), reading.lists),
        alerts=AlertReading(Alerts(walled)),
        polling=Polling(watching, hub, subscriptions, deadline=settings.request_timeout),
        subscriptions=subscriptions,
        audit=AuditReading(Audit(walled)),
        keys=Keys(ApiKeys(walled), recording, key_changed),
        minting=Minting(sealer, tickets, reading, recording, settings.watch_token_max),
        feeds=Feeds(feed, matches, reading.lists),
        live_lists=live_lists,
        jobs=jobs,
    )


def _are_apart(settings: Settings) -> bool:
    """Whether tenants have workflow ids of their own."""
    needs_token = settings.auth == "required" or settings.jwks_url is not None or settings.jwt_secret is not None
    return settings.workflow_ids == "tenant" or (not settings.workflow_ids and needs_token)
