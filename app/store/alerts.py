"""Alerts: raised, updated and resolved by the leader; one open a rule and subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from app.alerting import AlertKind, Finding, Rule, Severity
from app.model import ExecutionRef, Page
from app.store.database import Database, Row
from app.store.executions import ref_of
from app.store.listing.conditions import Conditions

MOST = 200
"""How many subjects one rule may hold against at a time."""


@dataclass(frozen=True, slots=True)
class Alert:
    id: int
    rule: str
    kind: AlertKind
    severity: Severity
    name: str
    message: str
    value: float
    threshold: float
    raised_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None
    namespace: str | None = None
    tenant: str | None = None
    environment: str | None = None
    workflow_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What is None or empty does not restrict. `tenant` and `environment` are the caller's scope as well: with them
    only alerts of theirs are found, none of the platform."""

    id: int | None = None
    is_open: bool | None = None
    kinds: tuple[AlertKind, ...] = ()
    severities: tuple[Severity, ...] = ()
    rule: str | None = None
    workflow_ids: tuple[str, ...] = ()
    tenant: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class OpenRun:
    ref: ExecutionRef
    tenant: str
    environment: str
    start_time: datetime


@dataclass(frozen=True, slots=True)
class AlertPosition:
    """A place in the newest-first order."""

    raised_at: datetime
    id: int


_COLUMNS = ", ".join(Alert.__dataclass_fields__)

_TOLD = "id, tenant, environment, namespace, workflow_id, run_id"
_LOG = """
    insert into changes (tenant, environment, namespace, workflow_id, run_id, kind, alert)
    select coalesce(tenant, ''), coalesce(environment, ''), coalesce(namespace, ''), coalesce(workflow_id, ''),
        coalesce(run_id, ''), kind, id
"""

_SETTLE = f"""
with found as (
    select * from jsonb_to_recordset($5) as f (subject text, name text, message text, value double precision,
        namespace text, tenant text, environment text, workflow_id text, run_id text)
), resolved as (
    update alerts set resolved_at = now(), updated_at = now()
    where rule = $1 and resolved_at is null and subject not in (select subject from found)
        and subject <> all($6::text[])
    returning {_TOLD}, 'RESOLVED' as kind
), written as (
    insert into alerts as held (rule, kind, severity, threshold, subject, name, message, value, namespace, tenant,
        environment, workflow_id, run_id)
    select $1, $2, $3, $4, subject, name, message, value, namespace, tenant, environment, workflow_id, run_id from found
    on conflict (rule, subject) where resolved_at is null do update set severity = excluded.severity,
        threshold = excluded.threshold, message = excluded.message, value = excluded.value, updated_at = now()
    where (held.severity, held.threshold, held.message, held.value)
        is distinct from (excluded.severity, excluded.threshold, excluded.message, excluded.value)
    returning {_TOLD}, case when held.xmax = 0 then 'RAISED' else 'UPDATED' end as kind
), logged as (
    {_LOG} from (select * from resolved union all select * from written) changed
)
select (select count(*) from resolved) + (select count(*) from written)
"""

_RESOLVE_OTHERS = f"""
with resolved as (
    update alerts set resolved_at = now(), updated_at = now()
    where resolved_at is null and rule <> all($1)
    returning {_TOLD}, 'RESOLVED' as kind
), logged as (
    {_LOG} from resolved
)
select count(*) from resolved
"""

_FAILURES = """
select namespace, tenant, environment, workflow_type, count(*) as closed,
    count(*) filter (where status in ('FAILED', 'TIMED_OUT')) as failed
from executions
where close_time >= now() - make_interval(mins => $1) and namespace = any($2)
    and ($3::text is null or tenant = $3) and ($4::text is null or environment = $4)
    and ($5::text is null or workflow_type = $5) and ($6::text is null or task_queue = $6)
group by namespace, tenant, environment, workflow_type
having count(*) >= $7 and count(*) filter (where status in ('FAILED', 'TIMED_OUT')) > $8::double precision * count(*)
order by failed desc limit $9
"""

_OVERDUE = """
select e.namespace, e.tenant, e.environment, e.workflow_id, e.run_id, e.workflow_type, p.p90,
    coalesce(e.execution_time, e.start_time) as begun,
    extract(epoch from now() - coalesce(e.execution_time, e.start_time))::double precision as seconds
from executions e join profiles p using (namespace, tenant, environment, workflow_type)
where e.status = 'RUNNING' and e.namespace = any($1) and p.runs >= $5 and p.p90 > 0
    and ($2::text is null or e.tenant = $2) and ($3::text is null or e.environment = $3)
    and ($4::text is null or e.workflow_type = $4) and ($8::text is null or e.task_queue = $8)
    and e.start_time < now() - make_interval(secs => p.p90 * $6)
    and coalesce(e.execution_time, e.start_time) < now() - make_interval(secs => p.p90 * $6)
order by e.start_time limit $7
"""

_OPEN_QUEUES = """
select namespace, task_queue, count(*) as runs from executions
where status in ('RUNNING', 'PAUSED') and namespace = any($1) and ($2::text is null or task_queue = $2)
group by namespace, task_queue order by runs desc limit $3
"""

_OPEN_RUNS = """
select namespace, workflow_id, run_id, tenant, environment, start_time from executions
where status = 'RUNNING' and namespace = any($1) and ($2::text is null or tenant = $2)
    and ($3::text is null or environment = $3) and ($4::text is null or workflow_type = $4)
    and ($5::text is null or task_queue = $5)
    and (start_time, run_id) > (select $6::timestamptz, $7::text)
order by start_time, run_id limit $8
"""


class Alerts:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settle(self, rule: Rule, findings: Sequence[Finding], unknown: Iterable[str] = ()) -> int:
        """Raise, update and resolve, so that what is open of this rule is what was found; returns how many changed.

        Subjects in `unknown` were not looked at this time: they stay as they are.
        """
        changed: int = await self._database.fetchval(
            _SETTLE,
            rule.name,
            rule.kind,
            rule.severity,
            float(rule.threshold),
            [asdict(each) for each in findings[:MOST]],
            list(unknown),
        )
        return changed

    async def resolve_others(self, rules: Iterable[str]) -> int:
        """Resolve what is open of rules that are not there any more."""
        resolved: int = await self._database.fetchval(_RESOLVE_OTHERS, list(rules))
        return resolved

    async def open_runs_of(self, rule: Rule) -> list[OpenRun]:
        """The runs that this rule holds against, and that are still open in the index."""
        rows = await self._database.fetch(
            "select e.namespace, e.workflow_id, e.run_id, e.tenant, e.environment, e.start_time"
            " from alerts join executions e using (namespace, workflow_id, run_id)"
            " where rule = $1 and resolved_at is null and status in ('RUNNING', 'PAUSED')",
            rule.name,
        )
        return [_open_run(row) for row in rows]

    async def page(self, filter_: AlertFilter, limit: int, after: AlertPosition | None = None) -> Page[Alert]:
        """Newest first."""
        conditions = _conditions(filter_)
        if after is not None:
            conditions.add("(raised_at, id) < ({}, {})", after.raised_at, after.id)
        rows = await self._database.fetch(
            f"select {_COLUMNS} from alerts {conditions.where} order by raised_at desc, id desc limit {limit + 1}",
            *conditions.arguments,
        )
        return Page(
            items=tuple(_alert_of(row) for row in rows[:limit]),
            has_next=len(rows) > limit,
            has_previous=after is not None,
        )

    async def among(self, ids: Sequence[int], filter_: AlertFilter) -> dict[int, Alert]:
        """Those of the alerts that the filter has now, by their ids."""
        conditions = _conditions(filter_)
        conditions.add("id = any({})", list(ids))
        rows = await self._database.fetch(f"select {_COLUMNS} from alerts {conditions.where}", *conditions.arguments)
        found = [_alert_of(row) for row in rows]
        return {each.id: each for each in found}

    async def count(self, filter_: AlertFilter) -> int:
        conditions = _conditions(filter_)
        total: int = await self._database.fetchval(
            f"select count(*) from alerts {conditions.where}", *conditions.arguments
        )
        return total

    # What the rules look at.

    async def failures(self, rule: Rule, namespaces: Sequence[str]) -> list[Row]:
        """Types that fail too often: namespace, tenant, environment, workflow_type, closed, failed."""
        return await self._database.fetch(
            _FAILURES, int(max(1, rule.window_minutes)), list(namespaces), rule.tenant, rule.environment,
            rule.workflow_type, rule.task_queue, int(max(1, rule.minimum)), float(rule.threshold), MOST,
        )  # fmt: skip

    async def overdue(self, rule: Rule, namespaces: Sequence[str], enough: int) -> list[Row]:
        """Runs that last too long: their names, when they had begun, seconds since, and p90 of `enough` runs."""
        return await self._database.fetch(
            _OVERDUE, list(namespaces), rule.tenant, rule.environment, rule.workflow_type, enough,
            float(rule.threshold), MOST, rule.task_queue,
        )  # fmt: skip

    async def open_queues(self, rule: Rule, namespaces: Sequence[str], limit: int) -> list[Row]:
        """Task queues with open runs: namespace, task_queue, runs; most runs first."""
        return await self._database.fetch(_OPEN_QUEUES, list(namespaces), rule.task_queue, limit)

    async def running(
        self, rule: Rule, namespaces: Sequence[str], after: tuple[datetime, str], limit: int
    ) -> list[OpenRun]:
        """The next running runs behind a place, (start time, run id), in the order of their start."""
        rows = await self._database.fetch(
            _OPEN_RUNS, list(namespaces), rule.tenant, rule.environment, rule.workflow_type, rule.task_queue,
            *after, limit,
        )  # fmt: skip
        return [_open_run(row) for row in rows]


def _open_run(row: Row) -> OpenRun:
    return OpenRun(ref_of(row), row["tenant"], row["environment"], row["start_time"])


def _conditions(filter_: AlertFilter) -> Conditions:
    conditions = Conditions()
    for name in ("id", "rule", "tenant", "environment"):
        if (value := getattr(filter_, name)) is not None:
            conditions.add(f"{name} = {{}}", value)
    conditions.any_of("kind", filter_.kinds)
    conditions.any_of("severity", filter_.severities)
    conditions.any_of("workflow_id", filter_.workflow_ids)
    if filter_.is_open is not None:
        conditions.add("resolved_at is null" if filter_.is_open else "resolved_at is not null")
    return conditions


def _alert_of(row: Row) -> Alert:
    values = dict(row)
    return Alert(**{**values, "kind": AlertKind(values["kind"]), "severity": Severity(values["severity"])})
