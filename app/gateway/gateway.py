"""The verbs of one process, over the parts that they share."""

from __future__ import annotations

from dataclasses import dataclass

from app.gateway.activities import Activities
from app.gateway.alerts import AlertReading
from app.gateway.asking import Asking
from app.gateway.audits import AuditReading
from app.gateway.batch_reading import BatchReading
from app.gateway.batching import Batching
from app.gateway.consistency import Consistency
from app.gateway.feeds import Feeds
from app.gateway.health import Health
from app.gateway.histories import Histories
from app.gateway.jobs import Jobs
from app.gateway.keys import Keys
from app.gateway.live_lists import LiveLists
from app.gateway.many import Many
from app.gateway.minting import Minting
from app.gateway.operating import Operating
from app.gateway.polling import Polling
from app.gateway.quotas import Quotas
from app.gateway.reading import Reading
from app.gateway.relations import Relations
from app.gateway.runs import Runs
from app.gateway.scheduling import Scheduling
from app.gateway.starting import Starting
from app.gateway.stats import StatsReading
from app.gateway.tenants import Tenants
from app.gateway.watching import Watching
from app.limits import Subscriptions
from app.registry import Registry
from app.temporal.capabilities import Offers
from app.temporal.payloads import Payloads


@dataclass(frozen=True, slots=True)
class Gateway:
    reading: Reading
    starting: Starting
    consistency: Consistency
    watching: Watching
    registry: Registry
    health: Health
    relations: Relations
    histories: Histories
    asking: Asking
    payloads: Payloads
    operating: Operating
    scheduling: Scheduling
    stats: StatsReading
    alerts: AlertReading
    polling: Polling
    subscriptions: Subscriptions
    audit: AuditReading
    keys: Keys
    tenants: Tenants
    quotas: Quotas
    minting: Minting
    feeds: Feeds
    live_lists: LiveLists
    jobs: Jobs
    runs: Runs
    activities: Activities
    many: Many
    batching: Batching
    batches: BatchReading
    offers: Offers
