"""How far the index follows each namespace."""

from __future__ import annotations

from datetime import datetime

from app.store.database import Database


class Watermarks:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seen_until(self, namespace: str) -> datetime | None:
        """The moment of Temporal's clock up to which everything is indexed; None for a new namespace."""
        moment: datetime | None = await self._database.fetchval(
            "select seen_until from watermarks where namespace = $1", namespace
        )
        return moment

    async def advance(self, namespace: str, seen_until: datetime | None) -> None:
        """The index is up to date now; the watermark never goes back."""
        await self._database.execute(
            "insert into watermarks as held (namespace, seen_until) values ($1, $2)"
            " on conflict (namespace) do update set"
            " seen_until = greatest(held.seen_until, excluded.seen_until), updated_at = now()",
            namespace,
            seen_until,
        )

    async def lag(self, namespace: str) -> float | None:
        """Seconds since the index was last known to be up to date; None where it never was."""
        seconds: float | None = await self._database.fetchval(
            "select extract(epoch from clock_timestamp() - updated_at)::float8 from watermarks where namespace = $1",
            namespace,
        )
        return seconds
