"""The gateway of one process, joined from its connections."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Protocol, TypeVar

from app.access import Envelope, Sealer, TenantBook, Tickets
from app.access.envelope import PURPOSE
from app.access.workflow_ids import WorkflowIds
from app.bus import Bus
from app.gateway import Gateway, Reading, Watching
from app.gateway.acting.activities import Activities
from app.gateway.acting.acts import Acts
from app.gateway.acting.consistency import Consistency
from app.gateway.acting.once import Once
from app.gateway.acting.outcomes import Outcomes
from app.gateway.acting.recording import Recording
from app.gateway.acting.rows import Rows
from app.gateway.acting.runs import Runs
from app.gateway.batches.batching import Batching
from app.gateway.batches.many import Many
from app.gateway.health import Health
from app.gateway.quotas import Quotas
from app.gateway.reading.alerts import AlertReading
from app.gateway.reading.asking import Asking
from app.gateway.reading.audits import AuditReading
from app.gateway.reading.batch_reading import BatchReading
from app.gateway.reading.histories import Histories
from app.gateway.reading.insights import Insights
from app.gateway.reading.operating import Operating
from app.gateway.reading.relations import Relations
from app.gateway.reading.stats import StatsReading
from app.gateway.schedules.scheduling import Scheduling
from app.gateway.starting.planning import Planning
from app.gateway.starting.starting import Starting
from app.gateway.tenancy.keys import SEEDS, Keys
from app.gateway.tenancy.minting import Minting
from app.gateway.tenancy.tenants import Tenants
from app.gateway.watching.feeds import Feeds
from app.gateway.watching.jobs import Jobs
from app.gateway.watching.live_lists import LiveLists
from app.gateway.watching.polling import Polling
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
from app.store.batches import Batches
from app.store.bottlenecks import Bottlenecks
from app.store.changes import Changes
from app.store.database import Database
from app.store.executions import Executions
from app.store.hand_overs import HandOvers
from app.store.idempotency import Idempotency
from app.store.matching import Matching
from app.store.profiles import Profiles
from app.store.relations import Relations as StoredRelations
from app.store.secrets import Secrets
from app.store.stats import Statistics
from app.store.tenants import Tenants as StoredTenants
from app.temporal.capabilities import Offers
from app.temporal.connection import Temporal
from app.web.warden import KEYS


def tenant_book(database: Database) -> TenantBook:
    stored = StoredTenants(database)
    return TenantBook(stored.find, stored.many)


class Closing(Protocol):
    async def close(self) -> None: ...


C = TypeVar("C", bound=Closing)


def assemble(
    stack: AsyncExitStack,
    temporal: Temporal,
    database: Database,
    bus: Bus,
    health: Health,
    settings: Settings | None = None,
    registry: Registry | None = None,
    sealer: Sealer | None = None,
    tenants: TenantBook | None = None,
) -> Gateway:
    """The verbs over their connections; what they start is closed with the stack."""
    book = tenants or tenant_book(database)
    own = _Shared(stack, temporal, database, bus, settings or Settings(), registry or Registry(), sealer, book)
    consistency = Consistency(temporal, own.executions, own.rows)
    return Gateway(
        reading=own.reading,
        relations=Relations(StoredRelations(own.walled), own.reading),
        histories=Histories(temporal, own.archive),
        asking=Asking(temporal),
        operating=own.operating,
        stats=StatsReading(Statistics(own.walled), Bottlenecks(own.walled), own.reading.lists),
        alerts=AlertReading(Alerts(own.walled), own.ids),
        audit=AuditReading(Audit(own.walled), own.ids),
        recording=own.recording,
        batches=own.batches,
        watching=own.watching,
        polling=Polling(own.watching, own.hub, own.subscriptions, deadline=own.settings.request_timeout),
        feeds=Feeds(own.feed, own.matches, own.reading.lists, own.ids),
        live_lists=own.closing(LiveLists(own.feed, own.matches, own.executions, own.reading.lists)),
        jobs=own.closing(Jobs(own.operating)),
        subscriptions=own.subscriptions,
        starting=Starting(temporal, own.executions, own.outcomes, own.planning, own.quotas, own.rows),
        consistency=consistency,
        runs=own.runs,
        many=Many(own.once, own.runs, consistency),
        activities=Activities(temporal, own.acts, own.reading),
        batching=Batching(temporal, own.outcomes, own.reading, own.rows, Batches(own.walled), own.batches),
        scheduling=Scheduling(temporal, own.operating, own.once, own.outcomes.lease, own.registry, own.quotas, own.ids),
        keys=own.keys(),
        tenants=own.tenants(),
        quotas=own.quotas,
        minting=own.minting(),
        offers=Offers(temporal),
        registry=own.registry,
        payloads=temporal.payloads,
        health=health,
    )


class _Shared:
    """What several of the verbs stand on, each closed after those that stand on it."""

    def __init__(
        self,
        stack: AsyncExitStack,
        temporal: Temporal,
        database: Database,
        bus: Bus,
        settings: Settings,
        registry: Registry,
        sealer: Sealer | None,
        book: TenantBook,
    ) -> None:
        self.stack = stack
        self.temporal = temporal
        self.database = database
        # What is asked on behalf of one caller stays behind the wall; what several callers share, and what is written
        # once it was decided, does not.
        self.walled = database.walled
        self.bus = bus
        self.settings = settings
        self.registry = registry
        self.ids = WorkflowIds(apart=are_apart(settings))
        self.sealer = sealer or Sealer(None, Secrets(database).signing_key)
        self.book = book
        self.executions = Executions(self.walled)
        self.rows = self.closing(Rows(self.executions, self.changed))
        self.quotas = Quotas(book, StoredTenants(database), self.rows.settled)
        self.archive = Archive(self.walled)
        self.hub = self.closing(Hub(temporal, Archive(database).pages, on_closed=self.closed))
        self.insights = Insights(temporal, Profiles(database))
        self.reading = Reading(temporal, self.executions, self.archive, self.hub, self.insights, self.ids)
        self.recording = self.closing(Recording(Audit(database), temporal.default_namespace))
        self.once = self.closing(Once(Idempotency(database), self.recording, self.rows.put))
        self.feed = self.closing(
            Feed(Changes(database), lambda: bus.listen(CHANGES), fallback=settings.fallback_interval)
        )
        self.batches = BatchReading(Batches(self.walled), self.executions)
        self.operating = Operating(temporal, self.batches, self.ids)
        self.planning = Planning(temporal, self.reading, registry, self.quotas)
        self.watching = Watching(self.reading, self.hub, self.insights)
        self.subscriptions = Subscriptions(
            settings.max_subscriptions, settings.max_subscriptions_per_identity, self.quotas.most_subscriptions
        )
        self.matches = Matches(self.feed, Matching(self.walled), Alerts(self.walled))
        self.outcomes = Outcomes(temporal, self.once, self.reading)
        self.acts = Acts(temporal, self.outcomes, self.quotas)
        self.runs = Runs(temporal, self.acts, self.executions, self.changed)

    async def closed(self, ref: ExecutionRef) -> None:
        await self.bus.publish(RUNS, hint_of(ref))

    async def changed(self) -> None:
        await self.bus.publish(CHANGES, "")

    async def key_changed(self, key_id: str) -> None:
        await self.bus.publish(KEYS, key_id)

    async def tenant_changed(self, tenant: str) -> None:
        self.book.forget()
        await self.bus.publish(KEYS, tenant)

    def keys(self) -> Keys:
        return Keys(ApiKeys(self.walled), self.quotas, self.once, self.key_changed, lambda: self.sealer.key_for(SEEDS))

    def tenants(self) -> Tenants:
        return Tenants(
            StoredTenants(self.database),
            HandOvers(self.database),
            ApiKeys(self.database),
            Envelope(lambda: self.sealer.key_for(PURPOSE)),
            self.once,
            self.recording,
            self.tenant_changed,
        )

    def minting(self) -> Minting:
        secrets = Secrets(self.database)
        tickets = Tickets(secrets.put_ticket, secrets.take_ticket)
        return Minting(self.sealer, tickets, self.reading, self.recording, self.settings.watch_token_max)

    def closing(self, part: C) -> C:
        """The part, which is closed with the stack."""
        self.stack.push_async_callback(part.close)
        return part


def are_apart(settings: Settings) -> bool:
    """Whether tenants have workflow ids of their own."""
    needs_token = settings.auth == "required" or settings.jwks_url is not None or settings.jwt_secret is not None
    return settings.workflow_ids == "tenant" or (not settings.workflow_ids and needs_token)
