"""The id under which Temporal is told of a mutation."""

from __future__ import annotations

import uuid

from app.api.context import Info

_KEYS = uuid.UUID("0f5c1f6e-7d0a-4c53-9a3e-3a1f3b0f9a51")


def request_of(info: Info, key: str | None) -> str | None:
    """The same UUID for the same key of one mutation in one tenant and environment; None without a key."""
    if key is None:
        return None
    identity = info.context.identity
    return str(uuid.uuid5(_KEYS, "\0".join((identity.tenant, identity.environment, info.field_name, key))))
