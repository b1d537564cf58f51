"""The verbs of one process, over the parts that they share."""

from __future__ import annotations

from dataclasses import dataclass

from app.gateway.acting.activities import Activities
from app.gateway.acting.consistency import Consistency
from app.gateway.acting.recording import Recording
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
from app.gateway.reading.operating import Operating
from app.gateway.reading.reading import Reading
from app.gateway.reading.relations import Relations
from app.gateway.reading.stats import StatsReading
from app.gateway.schedules.scheduling import Scheduling
from app.gateway.starting.starting import Starting
from app.gateway.tenancy.keys import Keys
from app.gateway.tenancy.minting import Minting
from app.gateway.tenancy.tenants import Tenants
from app.gateway.watching.feeds import Feeds
from app.gateway.watching.jobs import Jobs
from app.gateway.watching.live_lists import LiveLists
from app.gateway.watching.polling import Polling
from app.gateway.watching.watching import Watching
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
    recording: Recording
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
