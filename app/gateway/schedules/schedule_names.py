"""What a caller calls a schedule, what Temporal does, and what a caller is told."""

from __future__ import annotations

from dataclasses import dataclass

from app.cluster import ScheduleDetail
from app.errors import Refusal
from app.gateway.acting.intent import Plan


@dataclass(frozen=True, slots=True)
class ScheduleName:
    """What a caller calls a schedule."""

    schedule_id: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What Temporal calls a schedule."""

    namespace: str
    schedule_id: str


@dataclass(frozen=True, slots=True)
class ScheduleOutcome:
    """The schedule as it is now; None where refusals say why nothing was done, and for one that is deleted."""

    schedule: ScheduleDetail | None = None
    refusals: tuple[Refusal, ...] = ()


def known_of(plan: Plan) -> Known:
    return Known(str(plan["namespace"]), str(plan["scheduleId"]))
