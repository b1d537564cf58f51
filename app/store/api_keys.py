"""API keys: found by the hash of their secret, and never without it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from app.model import ApiKey
from app.store.database import Database, Row
from app.store.listing.conditions import Conditions

MOST = 500
"""How many keys a list shows."""

_COLUMNS = ", ".join(ApiKey.__dataclass_fields__)
_HELD = """
select count(*) from api_keys
where tenant = $1 and revoked_at is null and (expires_at is null or expires_at > now())
"""


class ApiKeys:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        name: str,
        *,
        prefix: str,
        digest: bytes,
        roles: Collection[str],
        tenant: str | None,
        environment: str | None,
        created_by: str,
        expires_at: datetime | None,
        most: int | None = None,
    ) -> ApiKey | None:
        """The key; None where its tenant has as many that hold as it may have at `most`, whoever makes others now."""
        async with self._database.everywhere.transaction() as connection:
            if most is not None:
                await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 8))", tenant)
                if await connection.fetchval(_HELD, tenant) >= most:
                    return None
            row = await connection.fetchrow(
                "insert into api_keys (name, prefix, digest, roles, tenant, environment, created_by, expires_at)"
                f" values ($1, $2, $3, $4, $5, $6, $7, $8) returning {_COLUMNS}",
                name, prefix, digest, list(roles), tenant, environment, created_by, expires_at,
            )  # fmt: skip
        return _key_of(row)

    async def by_digest(self, digest: bytes) -> ApiKey | None:
        row = await self._database.everywhere.fetchrow(f"select {_COLUMNS} from api_keys where digest = $1", digest)
        return _key_of(row) if row else None

    async def find(self, id_: str) -> ApiKey | None:
        if (uuid := _uuid(id_)) is None:
            return None
        row = await self._database.fetchrow(f"select {_COLUMNS} from api_keys where id = $1", uuid)
        return _key_of(row) if row else None

    async def revoke(self, id_: str, tenant: str | None, environment: str | None) -> ApiKey | None:
        """Revoke a key of this tenant and environment, or with None of any; None where there is none. One that is
        revoked already stays as it is."""
        if (uuid := _uuid(id_)) is None:
            return None
        row = await self._database.everywhere.fetchrow(
            "update api_keys set revoked_at = coalesce(revoked_at, now())"
            " where id = $1 and ($2::text is null or tenant = $2) and ($3::text is null or environment = $3)"
            f" returning {_COLUMNS}",
            uuid,
            tenant,
            environment,
        )
        return _key_of(row) if row else None

    async def listed(self, tenant: str | None, environment: str | None, *, with_revoked: bool) -> list[ApiKey]:
        """Newest first."""
        conditions = Conditions()
        if tenant is not None:
            conditions.add("tenant = {}", tenant)
        if environment is not None:
            conditions.add("environment = {}", environment)
        if not with_revoked:
            conditions.add("revoked_at is null")
        rows = await self._database.fetch(
            f"select {_COLUMNS} from api_keys {conditions.where} order by created_at desc, id limit {MOST}",
            *conditions.arguments,
        )
        return [_key_of(row) for row in rows]

    async def touch(self, id_: str) -> None:
        """Note that it is used now, unless that was noted within the minute."""
        await self._database.everywhere.execute(
            "update api_keys set last_used_at = now() where id = $1"
            " and (last_used_at is null or last_used_at < now() - interval '1 minute')",
            UUID(id_),
        )

    async def revoked(self, ids: Collection[str]) -> set[str]:
        """Those that no longer hold: revoked, or not there at all."""
        known = {uuid for each in ids if (uuid := _uuid(each)) is not None}
        rows = await self._database.everywhere.fetch(
            "select id from api_keys where id = any($1) and revoked_at is null", list(known)
        )
        return set(ids) - {str(row["id"]) for row in rows}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _key_of(row: Row) -> ApiKey:
    values = dict(row)
    return ApiKey(**{**values, "id": str(values["id"]), "roles": tuple(values["roles"])})
