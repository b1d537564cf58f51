"""Retention: what of the past is kept, tenant by tenant."""

from __future__ import annotations

from app.model import ExecutionRef
from app.store.database import Database
from app.store.executions import ref_of

# Every tenant has its own age, so each is asked for by itself, along the index on (tenant, close_time). No age, and
# infinity, come out as the hundred years that no run is old.
_PRUNE = """
with recursive seen (tenant) as (
    (select tenant from executions where close_time is not null order by tenant limit 1)
    union all
    select (select tenant from executions where close_time is not null and tenant > seen.tenant
            order by tenant limit 1)
    from seen where seen.tenant is not null
), aged as (
    select seen.tenant, coalesce(tenants.archive_retention_days, $1::double precision) as days
    from seen left join tenants using (tenant) where seen.tenant is not null
), due as (
    select e.namespace, e.workflow_id, e.run_id from aged cross join lateral (
        select namespace, workflow_id, run_id from executions
        where tenant = aged.tenant and close_time < now() - least(aged.days, 36500) * interval '1 day'
        order by close_time limit $2
    ) e
    limit $2
), gone as (
    delete from executions e using due
    where (e.namespace, e.workflow_id, e.run_id) = (due.namespace, due.workflow_id, due.run_id)
    returning e.*
), forgotten as (
    delete from archive a using due
    where (a.namespace, a.workflow_id, a.run_id) = (due.namespace, due.workflow_id, due.run_id)
), emptied as (
    delete from archive_events a using due
    where (a.namespace, a.workflow_id, a.run_id) = (due.namespace, due.workflow_id, due.run_id)
), uncounted as (
    delete from activities a using due
    where (a.namespace, a.workflow_id, a.run_id) = (due.namespace, due.workflow_id, due.run_id)
), logged as (
    insert into changes (tenant, environment, namespace, workflow_id, run_id, kind, gone)
    select tenant, environment, namespace, workflow_id, run_id, 'DELETED', to_jsonb(gone) from gone
)
select namespace, workflow_id, run_id from gone
"""


class Retention:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prune(self, days: float | None, limit: int = 200) -> list[ExecutionRef]:
        """Forget up to `limit` closed runs that are older than their tenant's days, or else `days`; None keeps
        them for ever. Tells which are gone: their rows, histories and activities, each with its change."""
        return [ref_of(row) for row in await self._database.fetch(_PRUNE, days, limit)]

    async def keep(self, tenant: str, days: float | None) -> None:
        """Set what a tenant's closed runs are kept for; infinity is for ever, None goes back to the setting."""
        await self._database.execute(
            "insert into tenants (tenant, archive_retention_days) values ($1, $2) on conflict (tenant)"
            " do update set archive_retention_days = excluded.archive_retention_days, updated_at = now()",
            tenant,
            days,
        )
