"""The verbs of one process, over the parts that they share."""

from __future__ import annotations

from dataclasses import dataclass

from app.gateway.acting import Acting
from app.gateway.activities import Activities
from app.gateway.alerts import AlertReading
from app.gateway.asking import Asking
from app.gateway.health import Health
from app.gateway.histories import Histories
from app.gateway.many import Many
from app.gateway.operating import Operating
from app.gateway.reading import Reading
from app.gateway.relations import Relations
from app.gateway.runs import Runs
from app.gateway.stats import StatsReading
from app.gateway.watching import Watching
from app.registry import Registry
from app.temporal.capabilities import Offers
from app.temporal.payloads import Payloads


@dataclass(frozen=True, slots=True)
class Gateway:
    reading: Reading
    acting: Acting
    watching: Watching
    registry: Registry
    health: Health
    relations: Relations
    histories: Histories
    asking: Asking
    payloads: Payloads
    operating: Operating
    stats: StatsReading
    alerts: AlertReading
    runs: Runs
    activities: Activities
    many: Many
    offers: Offers
