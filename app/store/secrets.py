"""What the gateways share to let callers in: the key that they sign with, and tickets that are good once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.store.database import Database

_SIGNING = "tokens"


class Secrets:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def signing_key(self) -> bytes:
        """The key of this database, made by whoever asks first."""
        await self._database.execute(
            "insert into shared_secrets (name, value) values ($1, $2) on conflict do nothing",
            _SIGNING,
            secrets.token_bytes(32),
        )
        key: bytes = await self._database.fetchval("select value from shared_secrets where name = $1", _SIGNING)
        return key

    async def put_ticket(self, digest: bytes, identity: Mapping[str, Any], expires_at: datetime) -> None:
        """Keep what a ticket stands for, and forget those that nobody came with in time."""
        await self._database.execute("delete from stream_tickets where expires_at < now()")
        await self._database.execute(
            "insert into stream_tickets (digest, identity, expires_at) values ($1, $2, $3)",
            digest,
            dict(identity),
            expires_at,
        )

    async def take_ticket(self, digest: bytes) -> Mapping[str, Any] | None:
        """What it stands for, to the first who asks in time."""
        found: Mapping[str, Any] | None = await self._database.fetchval(
            "delete from stream_tickets where digest = $1 and expires_at > now() returning identity", digest
        )
        return found
