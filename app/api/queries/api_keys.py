"""API keys, for those who manage them."""

from __future__ import annotations

import strawberry

from app.api.context import Info
from app.api.types.api_key import ApiKey


@strawberry.type
class ApiKeyQuery:
    @strawberry.field(
        description="API keys of your tenant, newest first, at most 500; needs MANAGE_KEYS, which admins have."
    )
    @staticmethod
    async def api_keys(info: Info, include_revoked: bool = False) -> list[ApiKey]:
        found = await info.context.gateway.keys.listed(info.context.identity, with_revoked=include_revoked)
        return [ApiKey.of(each) for each in found]
