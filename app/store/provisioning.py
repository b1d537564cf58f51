"""Making a tenant, step by step, and taking each step back.

Every step names the run that does it. Doing one twice is doing it once; taking one back that was not done changes
nothing. Whoever takes a step back first writes down that its run is undone, under a lock that each step takes as well:
an attempt that comes late, when nobody waits for it any more, then finds that and makes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.model import Quotas
from app.store.database import Connection, Database


class AlreadyThere(Exception):
    """The tenant is there, of another making; the text says so."""


class Undone(Exception):
    """This run has been taken back: it makes nothing any more."""


@dataclass(frozen=True, slots=True)
class Maker:
    """The run that makes a tenant."""

    tenant: str
    workflow_id: str
    first_run_id: str

    @property
    def names(self) -> tuple[str, str, str]:
        return self.tenant, self.workflow_id, self.first_run_id


@dataclass(frozen=True, slots=True)
class KeyMade:
    key_id: str
    hand_over_id: str
    claim_until: datetime


@dataclass(frozen=True, slots=True, repr=False)
class NewKey:
    """A key to be kept, without its secret but sealed; `hand_over_id` is what it was sealed for."""

    name: str
    prefix: str
    digest: bytes
    role: str
    hand_over_id: str
    sealed: bytes
    made_for: str
    claim_until: datetime


_OWN = "tenant = $1 and provisioned_by = $2 and provisioned_run = $3"


class Provisioning:
    """Every method raises as `Database` does; those that make something raise Undone as well."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, maker: Maker) -> None:
        """Raises AlreadyThere where the tenant is there, or its name is in use."""
        async with self._making(maker) as connection:
            await self._check(connection, maker)

    async def create(self, maker: Maker, *, display_name: str, company_name: str | None, created_by: str) -> None:
        """Write the tenant down; what an earlier run of the workflow id left half made goes. Raises AlreadyThere."""
        async with self._making(maker) as connection:
            await self._check(connection, maker)
            await _remove_earlier(connection, maker)
            await connection.execute(
                "insert into tenants (tenant, provisioned_by, provisioned_run, status, display_name, company_name,"
                " created_by) values ($1, $2, $3, 'PROVISIONING', $4, $5, $6)"
                " on conflict (tenant) do update set display_name = excluded.display_name,"
                " company_name = excluded.company_name",
                *(*maker.names, display_name, company_name, created_by),
            )

    async def remove(self, maker: Maker) -> None:
        async with self._undoing(maker) as connection:
            await connection.execute(f"delete from tenants where {_OWN} and status = 'PROVISIONING'", *maker.names)

    async def create_environments(self, maker: Maker, environments: Sequence[str]) -> None:
        async with self._making(maker) as connection:
            await self._require_own(connection, maker)
            await connection.execute(
                "insert into tenant_environments (tenant, environment) select $1, unnest($2::text[])"
                " on conflict do nothing",
                maker.tenant,
                list(environments),
            )

    async def remove_environments(self, maker: Maker) -> None:
        async with self._undoing(maker) as connection:
            await connection.execute(
                f"delete from tenant_environments where tenant in (select tenant from tenants where {_OWN})",
                *maker.names,
            )

    async def administrator(self, maker: Maker) -> KeyMade | None:
        """What was made of the administrator so far."""
        row = await self._database.fetchrow(
            "select h.key_id::text, h.id::text as hand_over_id, h.expires_at as claim_until"
            " from tenants t join hand_overs h on h.key_id = t.administrator_key"
            " where t.tenant = $1 and t.provisioned_by = $2 and t.provisioned_run = $3",
            *maker.names,
        )
        return KeyMade(**dict(row)) if row else None

    async def create_administrator(self, maker: Maker, name: str, email: str, key: NewKey) -> None:
        """Make the key and its hand-over; nothing where that was done before."""
        async with self._making(maker) as connection:
            if await self._require_own(connection, maker) is not None:
                return
            key_id = await connection.fetchval(
                "insert into api_keys (name, prefix, digest, roles, tenant, environment, created_by)"
                " values ($1, $2, $3, $4, $5, null, $6) returning id",
                *(key.name, key.prefix, key.digest, [key.role], maker.tenant, key.made_for),
            )
            await connection.execute(
                "insert into hand_overs (id, tenant, key_id, sealed, made_for, expires_at)"
                " values ($1::text::uuid, $2, $3, $4, $5, $6)",
                *(key.hand_over_id, maker.tenant, key_id, key.sealed, key.made_for, key.claim_until),
            )
            await connection.execute(
                "update tenants set administrator_name = $2, administrator_email = $3, administrator_key = $4"
                " where tenant = $1",
                *(maker.tenant, name, email, key_id),
            )

    async def remove_administrator(self, maker: Maker) -> None:
        async with self._undoing(maker) as connection:
            await _remove_key(connection, maker)
            await connection.execute(
                "update tenants set administrator_name = null, administrator_email = null, administrator_key = null"
                f" where {_OWN}",
                *maker.names,
            )

    async def set(self, maker: Maker, **columns: Any) -> None:
        """Set columns of the tenant that is being made."""
        async with self._making(maker) as connection:
            await self._require_own(connection, maker)
            await connection.execute(_setting(columns), *maker.names, *columns.values())

    async def clear(self, maker: Maker, columns: Collection[str]) -> None:
        async with self._undoing(maker) as connection:
            await connection.execute(_setting(columns), *maker.names, *(None for _ in columns))

    async def activate(self, maker: Maker) -> None:
        async with self._making(maker) as connection:
            await connection.execute(
                f"update tenants set status = 'ACTIVE' where {_OWN} and status = 'PROVISIONING'", *maker.names
            )

    async def deactivate(self, maker: Maker) -> None:
        async with self._undoing(maker) as connection:
            await connection.execute(f"update tenants set status = 'PROVISIONING' where {_OWN}", *maker.names)

    @asynccontextmanager
    async def _making(self, maker: Maker) -> AsyncIterator[Connection]:
        async with self._locked(maker) as connection:
            if await connection.fetchval(
                "select 1 from undone_provisionings where provisioned_by = $1 and provisioned_run = $2",
                *maker.names[1:],
            ):
                raise Undone(f"What run {maker.first_run_id} made was taken back: start the provisioning anew.")
            yield connection

    @asynccontextmanager
    async def _undoing(self, maker: Maker) -> AsyncIterator[Connection]:
        async with self._locked(maker) as connection:
            await _note_undone(connection, maker.workflow_id, maker.first_run_id)
            yield connection

    @asynccontextmanager
    async def _locked(self, maker: Maker) -> AsyncIterator[Connection]:
        """One at a time for a tenant, whichever runs want it."""
        async with self._database.transaction() as connection:
            await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 7))", maker.tenant)
            yield connection

    async def _check(self, connection: Connection, maker: Maker) -> None:
        row = await connection.fetchrow(
            "select status, provisioned_by, provisioned_run from tenants where tenant = $1", maker.tenant
        )
        if row is not None:
            is_own = (row["provisioned_by"], row["provisioned_run"]) == (maker.workflow_id, maker.first_run_id)
            # No two runs of one workflow id are open at once: what another one left, nobody makes any more.
            is_left = row["provisioned_by"] == maker.workflow_id and not is_own
            if row["status"] != "PROVISIONING" or not (is_own or is_left):
                raise AlreadyThere(f"There is a tenant {maker.tenant!r} already.")
            return
        if await connection.fetchval(
            "select exists (select from executions where tenant = $1) or exists (select from api_keys where tenant = $1"
            " and revoked_at is null)",
            maker.tenant,
        ):
            raise AlreadyThere(f"{maker.tenant!r} has runs or API keys already: choose another tenant_id.")

    async def _require_own(self, connection: Connection, maker: Maker) -> Any:
        """The administrator's key, if there is one by now. Raises AlreadyThere where the tenant is not (any more)
        being made by this run."""
        row = await connection.fetchrow(
            f"select administrator_key from tenants where {_OWN} and status = 'PROVISIONING'", *maker.names
        )
        if row is None:
            raise AlreadyThere(f"Tenant {maker.tenant!r} is not being made by this run.")
        return row["administrator_key"]


def _setting(columns: Collection[str]) -> str:
    set_ = "".join(f", {name} = ${place}" for place, name in enumerate(columns, 4))
    return f"update tenants set updated_at = now(){set_} where {_OWN} and status = 'PROVISIONING'"


async def _remove_earlier(connection: Connection, maker: Maker) -> None:
    """Of a run that was terminated, so that it took nothing back itself."""
    earlier = await connection.fetchval(
        "select provisioned_run from tenants where tenant = $1 and provisioned_by = $2 and provisioned_run <> $3"
        " and status = 'PROVISIONING'",
        *maker.names,
    )
    if earlier is None:
        return
    left = Maker(maker.tenant, maker.workflow_id, earlier)
    await _note_undone(connection, left.workflow_id, left.first_run_id)
    await _remove_key(connection, left)
    await connection.execute(f"delete from tenants where {_OWN}", *left.names)


async def _remove_key(connection: Connection, maker: Maker) -> None:
    """Nobody could come in with it: the tenant was never let in."""
    await connection.execute(
        f"delete from api_keys where id in (select administrator_key from tenants where {_OWN})", *maker.names
    )


async def _note_undone(connection: Connection, workflow_id: str, first_run_id: str) -> None:
    """For as long as an attempt could still come late, and much longer."""
    await connection.execute("delete from undone_provisionings where undone_at < now() - interval '30 days'")
    await connection.execute(
        "insert into undone_provisionings (provisioned_by, provisioned_run) values ($1, $2) on conflict do nothing",
        workflow_id,
        first_run_id,
    )


def columns_of(quotas: Quotas) -> dict[str, int | None]:
    return {f"max_{name}": getattr(quotas, name) for name in Quotas.__dataclass_fields__}
