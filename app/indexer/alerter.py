"""Alerts: every few seconds each rule looks at the index and at Temporal, and its alerts become what it found.

What a round asks is bounded: one statement a rule, and for what only Temporal knows some runs and queues, others the
next time. A subject that could not be looked at keeps its alert.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from app.alerting import AlertKind, Finding, Rule
from app.cluster import TaskQueueKind
from app.errors import NotFound, TidelineError
from app.indexer.writer import CHANGES, Publish
from app.log import logger
from app.store.alerts import MOST, Alerts, OpenRun
from app.store.database import Row
from app.store.watermarks import Watermarks
from app.temporal import pollers, reads
from app.temporal.connection import Temporal

log = logger(__name__)

EVERY_SECONDS = 5.0
RUNS_A_ROUND = 25
"""How many open runs a rule of retries describes each time, besides those that it holds against."""
QUEUES_A_ROUND = 50
_AT_ONCE = 4
ENOUGH_RUNS = 5
_FIRST = (datetime(1970, 1, 1, tzinfo=UTC), "")

Found = tuple[list[Finding], set[str]]
"""What a rule holds against, and the subjects that were not looked at."""


class Alerter:
    """`step` is one round. `publish` sends the hint that something changed."""

    def __init__(
        self, rules: Sequence[Rule], temporal: Temporal, alerts: Alerts, watermarks: Watermarks, publish: Publish
    ) -> None:
        self._rules = rules
        self._temporal = temporal
        self._alerts = alerts
        self._watermarks = watermarks
        self._publish = publish
        self._places: dict[str, tuple[datetime, str]] = {}
        """How far each rule of retries has come in the open runs."""
        self._looks: Mapping[AlertKind, Callable[[Rule], Awaitable[Found]]] = {
            AlertKind.FAILURE_RATE: self._failure_rate,
            AlertKind.RUN_OVERDUE: self._overdue,
            AlertKind.ACTIVITY_RETRYING: self._retrying,
            AlertKind.NO_WORKERS: self._no_workers,
            AlertKind.INDEX_LAG: self._index_lag,
        }

    async def step(self) -> None:
        """Look with every rule. One that fails keeps the others from nothing; the last failure is raised."""
        failure: TidelineError | None = None
        changed = await self._alerts.resolve_others([rule.name for rule in self._rules])
        for rule in self._rules:
            try:
                found, unknown = await self._looks[rule.kind](rule)
                changed += await self._alerts.settle(rule, found, unknown)
            except TidelineError as error:
                failure = error
        if changed:
            await self._publish(CHANGES, "")
        if failure is not None:
            raise failure

    def _namespaces(self, rule: Rule) -> list[str]:
        return [each for each in self._temporal.namespaces if rule.namespace in {None, each}]

    async def _failure_rate(self, rule: Rule) -> Found:
        rows = await self._alerts.failures(rule, self._namespaces(rule))
        return [_failing(row, rule) for row in rows], set()

    async def _overdue(self, rule: Rule) -> Found:
        rows = await self._alerts.overdue(rule, self._namespaces(rule), ENOUGH_RUNS)
        return [_late(row) for row in rows], set()

    async def _index_lag(self, rule: Rule) -> Found:
        found = []
        for namespace in self._namespaces(rule):
            lag = await self._watermarks.lag(namespace)
            if lag is not None and lag > rule.threshold:
                message = f"The index of namespace {namespace} is {lag:.0f} s behind Temporal"
                found.append(Finding(namespace, namespace, message, lag, namespace=namespace))
        return found, set()

    async def _no_workers(self, rule: Rule) -> Found:
        found, unknown = [], set()
        for row in await self._alerts.open_queues(rule, self._namespaces(rule), QUEUES_A_ROUND):
            namespace, queue, runs = row["namespace"], row["task_queue"], row["runs"]
            subject = f"{namespace}/{queue}"
            try:
                if await pollers.has_pollers(self._temporal, namespace, queue, TaskQueueKind.WORKFLOW):
                    continue
            except TidelineError:
                unknown.add(subject)
                continue
            if runs > rule.threshold:
                message = f"No worker polls task queue {queue}; open runs on it: {runs}"
                found.append(Finding(subject, queue, message, float(runs), namespace=namespace))
        return found, unknown

    async def _retrying(self, rule: Rule) -> Found:
        held = await self._alerts.open_runs_of(rule)
        place = self._places.get(rule.name, _FIRST)
        others = await self._alerts.running(rule, self._namespaces(rule), place, RUNS_A_ROUND)
        last = others[-1] if len(others) == RUNS_A_ROUND else None
        self._places[rule.name] = (last.start_time, last.ref.run_id) if last else _FIRST
        runs = list({each.ref: each for each in (*held, *others)}.values())[:MOST]
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def look(run: OpenRun) -> Finding | TidelineError | None:
            async with at_once:
                try:
                    return await self._retries_of(run, rule)
                except TidelineError as error:
                    return error

        answers = await asyncio.gather(*(look(run) for run in runs))
        found = [each for each in answers if isinstance(each, Finding)]
        failed = {run.ref.run_id for run, each in zip(runs, answers, strict=True) if isinstance(each, TidelineError)}
        return found, failed

    async def _retries_of(self, run: OpenRun, rule: Rule) -> Finding | None:
        try:
            known = await reads.describe(self._temporal, run.ref.namespace, run.ref.workflow_id, run.ref.run_id)
        except NotFound:
            return None
        if known.execution.status.is_closed:  # A terminated run still shows what was pending.
            return None
        worst = max(known.pending_activities, key=lambda each: each.attempt, default=None)
        if worst is None or worst.attempt <= rule.threshold:
            return None
        reason = f": {worst.last_failure.message}" if worst.last_failure else ""
        return Finding(
            subject=run.ref.run_id,
            name=run.ref.workflow_id,
            message=f"Activity {worst.activity_type} of {run.ref.workflow_id} is on attempt {worst.attempt}{reason}",
            value=float(worst.attempt),
            namespace=run.ref.namespace,
            tenant=run.tenant,
            environment=run.environment,
            workflow_id=run.ref.workflow_id,
            run_id=run.ref.run_id,
        )


def _failing(row: Row, rule: Rule) -> Finding:
    rate = row["failed"] / row["closed"]
    return Finding(
        subject="/".join((row["namespace"], row["tenant"], row["environment"], row["workflow_type"])),
        name=row["workflow_type"],
        message=(
            f"{row['failed']} of the {row['closed']} runs of {row['workflow_type']} that closed within"
            f" {rule.window_minutes:g} min failed ({rate:.0%})"
        ),
        value=rate,
        namespace=row["namespace"],
        tenant=row["tenant"],
        environment=row["environment"],
    )


def _late(row: Row) -> Finding:
    return Finding(
        subject=row["run_id"],
        name=row["workflow_id"],
        message=(
            f"{row['workflow_type']} {row['workflow_id']} has not closed since {row['begun']:%Y-%m-%d %H:%M} UTC;"
            f" nine of ten runs took at most {row['p90']:.3g} s"
        ),
        # Rounded, so that time alone rewrites an alert ever more rarely.
        value=float(f"{row['seconds'] / row['p90']:.2g}"),
        namespace=row["namespace"],
        tenant=row["tenant"],
        environment=row["environment"],
        workflow_id=row["workflow_id"],
        run_id=row["run_id"],
    )
