"""API keys, without their secrets."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app import model
from app.access import Role


@strawberry.type(description="An API key. Its secret was shown once, when it was made, and is not kept.")
class ApiKey:
    id: strawberry.ID
    name: str
    prefix: str = strawberry.field(description="How its secret begins, to tell keys apart by.")
    roles: list[Role]
    tenant: str | None = strawberry.field(description="The tenant that it sees; null: every one.")
    environment: str | None = strawberry.field(description="The environment that it sees; null: every one.")
    created_by: str
    created_at: datetime
    expires_at: datetime | None = strawberry.field(description="Null: never.")
    last_used_at: datetime | None = strawberry.field(description="To the minute; null: never.")
    revoked_at: datetime | None = strawberry.field(description="Null while it is good.")

    @classmethod
    def of(cls, key: model.ApiKey) -> ApiKey:
        return cls(
            id=strawberry.ID(key.id),
            name=key.name,
            prefix=key.prefix,
            roles=[Role(each) for each in key.roles],
            tenant=key.tenant,
            environment=key.environment,
            created_by=key.created_by,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )
