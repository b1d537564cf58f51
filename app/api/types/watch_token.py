"""What opens a few runs to whoever holds it."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.gateway.tenancy.minting import Watch


@strawberry.type(description="Opens a few runs to whoever holds it, for a while.")
class WatchToken:
    token: str = strawberry.field(description="Sent as `Authorization: Bearer`, or in connection_init.")
    expires_at: datetime

    @classmethod
    def of(cls, watch: Watch) -> WatchToken:
        return cls(token=watch.token, expires_at=watch.expires_at)
