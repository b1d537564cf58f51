"""API keys that nobody has seen yet, encrypted, until somebody takes them or their time is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.store.database import Database


@dataclass(frozen=True, slots=True)
class HandOver:
    """`sealed` is None once it is taken or its time is over."""

    id: str
    tenant: str
    key_id: str
    made_for: str
    expires_at: datetime
    is_over: bool
    sealed: bytes | None
    taken_at: datetime | None

    def __repr__(self) -> str:
        return f"HandOver({self.id})"


class HandOvers:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, id_: str) -> HandOver | None:
        if (uuid := _uuid(id_)) is None:
            return None
        row = await self._database.fetchrow(
            "select id::text, tenant, key_id::text, made_for, expires_at, expires_at <= now() as is_over, sealed,"
            " taken_at from hand_overs where id = $1",
            uuid,
        )
        return HandOver(**dict(row)) if row else None

    async def take(self, id_: str, by: str) -> bool:
        """Whether the caller is the first to take it, in time. From then on nobody can."""
        tag = await self._database.execute(
            "update hand_overs set sealed = null, taken_at = now(), taken_by = $2"
            " where id = $1 and sealed is not null and expires_at > now()",
            UUID(id_),
            by,
        )
        return tag == "UPDATE 1"

    async def prune(self) -> int:
        """Forget what nobody took in time, and revoke those keys, which nobody can ever use; how many."""
        count: int = await self._database.fetchval(
            """with over as (
                update hand_overs set sealed = null where expires_at <= now() and sealed is not null returning key_id
            ), revoked as (
                update api_keys set revoked_at = coalesce(revoked_at, now()) from over where id = key_id
            )
            select count(*) from over"""
        )
        return count


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
