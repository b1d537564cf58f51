"""API keys, as everybody may see them who manages them: never the secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`tenant` and `environment` are what it sees; None is all. `prefix` is how its secret begins."""

    id: str
    name: str
    prefix: str
    roles: tuple[str, ...]
    tenant: str | None
    environment: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute."""
    revoked_at: datetime | None = None
