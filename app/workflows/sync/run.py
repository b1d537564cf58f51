"""The workflow's half of a synchronisation: validate, count, sync, and on as new when the history has grown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import CancelledError
from temporalio.workflow import ActivityCancellationType

from app.workflows.beating import HEARTBEAT_TIMEOUT
from app.workflows.publishing import FINAL, carried, go_on, percent_of, phase, publish_progress, refuse
from app.workflows.sync.model import Leg, Position, Progress, SyncResult

PHASES = ("validate", "count", "sync")
RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=5),
    maximum_attempts=5,
    non_retryable_error_types=list(FINAL),
)
ONE_QUESTION = timedelta(minutes=2)
# One activity brings over what it can in this time and is then followed by another.
LEG_TIME = timedelta(minutes=10)
_LEG_LIMIT = LEG_TIME + timedelta(minutes=5)
MOST_LEGS = 500


@dataclass(frozen=True)
class Plan:
    """What is synchronised: the names of its two activities are `count_` and `sync_` before this."""

    name: str
    noun: str
    """What a record is, in the plural."""
    problems: Callable[[Any], Iterable[tuple[tuple[str | int, ...], str]]]


async def synchronise(plan: Plan, request: Any) -> SyncResult:
    """Bring every record over, and publish how far it is. `request` has the fields of SyncInput that are used."""
    before = carried(Progress)
    if before is not None:
        refuse(plan.problems(request))
    else:
        with phase("validate"):
            refuse(plan.problems(request))
        with phase("count"):
            expected = await _count(plan, request)
        before = Progress(Position(), expected, 0.0)
    with phase("sync"):
        position, legs = before.position, 0
        while not position.finished:
            if legs == MOST_LEGS or (legs and workflow.info().is_continue_as_new_suggested()):
                go_on(request, Progress(position, before.expected, _spent(before)))
            legs += 1
            leg = await _leg(plan, request, position, before.expected)
            position = leg.position
            percent = 99.0 if position.finished else percent_of(position.records, before.expected)
            # Not earlier: what a workflow publishes goes before its activity's heartbeats, and would hide them.
            publish_progress("sync", percent, position.said(before.expected), position.records, before.expected)
            if leg.cancelled and not position.finished:
                raise CancelledError(f"Cancelled: {position.said(before.expected)}.")
    publish_progress("done", 100.0, position.said(before.expected), position.records, before.expected)
    return SyncResult(
        records=position.records,
        created=position.created,
        updated=position.updated,
        unchanged=position.unchanged,
        failed=position.failed,
        duration=_spent(before),
        errors=position.errors,
        report=request.report.path if getattr(request, "report", None) and position.failed else None,
    )


async def _count(plan: Plan, request: Any) -> int | None:
    count: int | None = await workflow.execute_activity(
        f"count_{plan.name}",
        request,
        result_type=int | None,  # type: ignore[arg-type]  # a union is a type to the converter
        start_to_close_timeout=ONE_QUESTION,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RETRY,
        summary=f"Count the {plan.noun}",
    )
    return count


async def _leg(plan: Plan, request: Any, position: Position, expected: int | None) -> Leg:
    leg: Leg = await workflow.execute_activity(
        f"sync_{plan.name}",
        args=[request, position, expected],
        result_type=Leg,
        start_to_close_timeout=_LEG_LIMIT,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RETRY,
        # A cancelled synchronisation answers with how far it came.
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=f"Sync {'the' if expected is None else expected} {plan.noun}",
    )
    return leg


def _spent(before: Progress) -> float:
    return before.seconds + (workflow.now() - workflow.info().start_time).total_seconds()
