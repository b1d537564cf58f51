"""What is set for tenants, and what they use of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.model import Page, Quotas, Tenant, TenantStatus, TenantUsage
from app.store.database import Database, Row
from app.store.listing.conditions import Conditions

_QUOTAS = tuple(Quotas.__dataclass_fields__)
_PLAIN = tuple(name for name in Tenant.__dataclass_fields__ if name not in {"id", "environments", "quotas"})
CHANGEABLE = frozenset(
    {"display_name", "company_name", "plan", "roles", "default_environment", "task_queue", "archive_retention_days"}
    | {f"max_{name}" for name in _QUOTAS}
)
"""The columns that an update may name."""

_SELECT = f"""
select tenant as id, {", ".join(_PLAIN)}, {", ".join(f"max_{name}" for name in _QUOTAS)},
    array(select environment from tenant_environments e where e.tenant = tenants.tenant order by environment)
        as environments
from tenants
"""

# Runs that were started on their own: what continues another run, or is a child of one, is no start of its tenant.
# Two limits, so that neither a busy minute nor a long list of keys makes it slow.
_USAGE = """
select
    (select coalesce(sum(runs), 0) from execution_counts
        where tenant = $1 and status in ('RUNNING', 'PAUSED'))::bigint as open_workflows,
    started.starts, started.oldest_start,
    (select count(*) from (select from api_keys where tenant = $1 and revoked_at is null
        and (expires_at is null or expires_at > now()) limit 10001) as held) as api_keys
from (
    select count(*) as starts, min(start_time) as oldest_start from (
        select start_time from executions
        where start_time > now() - interval '60 seconds' and tenant = $1
            and ($2::text[] = '{}' or environment = any($2))
            and parent_workflow_id is null and previous_run_id is null
        order by start_time desc limit $3
    ) as latest
) as started
"""


_ENVIRONMENTS = """
with gone as (
    delete from tenant_environments where tenant = $1 and environment <> all($2::text[])
)
insert into tenant_environments (tenant, environment) select $1, unnest($2::text[]) on conflict do nothing
"""


class Tenants:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, tenant: str) -> Tenant | None:
        """What is set for it; None where nothing is."""
        row = await self._database.fetchrow(f"{_SELECT} where tenant = $1", tenant)
        return _tenant_of(row) if row else None

    async def many(self, tenants: Collection[str]) -> list[Tenant]:
        """Those of them that something is set for."""
        rows = await self._database.fetch(f"{_SELECT} where tenant = any($1)", list(tenants))
        return [_tenant_of(row) for row in rows]

    async def page(self, statuses: Collection[str], limit: int, after: str | None = None) -> Page[Tenant]:
        """By their ids, behind one; of some statuses, or with none given of all."""
        conditions = _conditions(statuses)
        if after is not None:
            conditions.add("tenant > {}", after)
        rows = await self._database.fetch(
            f"{_SELECT} {conditions.where} order by tenant limit {limit + 1}", *conditions.arguments
        )
        return Page(tuple(_tenant_of(row) for row in rows[:limit]), len(rows) > limit, after is not None)

    async def count(self, statuses: Collection[str]) -> int:
        conditions = _conditions(statuses)
        total: int = await self._database.fetchval(
            f"select count(*) from tenants {conditions.where}", *conditions.arguments
        )
        return total

    async def usage(self, tenant: str, environments: Sequence[str] = (), most: int = 10_001) -> TenantUsage:
        """`environments` are all that it has, if that is known; starts are counted up to `most`."""
        row = await self._database.fetchrow(_USAGE, tenant, list(environments), most)
        assert row is not None
        return TenantUsage(**dict(row))

    async def update(self, tenant: str, changes: Mapping[str, Any]) -> None:
        """Set columns of `CHANGEABLE`, and its `environments`; nothing happens to a tenant that is still being made."""
        columns = {name: value for name, value in changes.items() if name != "environments"}
        assert columns.keys() <= CHANGEABLE
        set_ = "".join(f", {name} = ${place}" for place, name in enumerate(columns, 2))
        async with self._database.transaction() as connection:
            tag = await connection.execute(
                f"update tenants set updated_at = now(){set_} where tenant = $1 and status <> 'PROVISIONING'",
                tenant,
                *columns.values(),
            )
            if "environments" in changes and tag == "UPDATE 1":
                await connection.execute(_ENVIRONMENTS, tenant, list(changes["environments"]))

    async def switch(self, tenant: str, before: TenantStatus, after: TenantStatus, reason: str | None) -> bool:
        """Go from one status to the other; whether it was in the first."""
        tag = await self._database.execute(
            "update tenants set status = $3, status_reason = $4, updated_at = now() where tenant = $1 and status = $2",
            tenant,
            before,
            after,
            reason,
        )
        return tag == "UPDATE 1"


def _conditions(statuses: Collection[str]) -> Conditions:
    conditions = Conditions()
    conditions.any_of("status", sorted(statuses))
    return conditions


def _tenant_of(row: Row) -> Tenant:
    values = dict(row)
    key = values["administrator_key"]
    return Tenant(
        id=values["id"],
        environments=tuple(values["environments"]),
        quotas=Quotas(**{name: values[f"max_{name}"] for name in _QUOTAS}),
        **{
            **{name: values[name] for name in _PLAIN},
            "status": TenantStatus(values["status"]),
            "roles": tuple(values["roles"]) if values["roles"] is not None else None,
            "administrator_key": str(key) if key is not None else None,
        },
    )
