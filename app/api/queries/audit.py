"""Who did what, newest first."""

from __future__ import annotations

import strawberry

from app.api.connections import DEFAULT_LIST, MAX_LIST, ConnectionValue, EdgeValue, size
from app.api.context import Info
from app.api.inputs.audit import AuditFilter
from app.api.scalars import Cursor
from app.api.types.audit import AuditConnection
from app.cursors import seal, unseal
from app.store.audit import Act
from app.store.audit import AuditFilter as StoredFilter

KIND = "audit"


@strawberry.type
class AuditQuery:
    @strawberry.field(
        graphql_type=AuditConnection,
        description="Who did what, newest first; for admins, of their tenant. first is at most 100.",
    )
    @staticmethod
    async def audit(
        info: Info, filter: AuditFilter | None = None, first: int | None = None, after: Cursor | None = None
    ) -> ConnectionValue[Act]:
        reading, identity = info.context.gateway.audit, info.context.identity
        wanted = filter.value() if filter else StoredFilter()
        before = unseal(KIND, int, after, argument="after") if after is not None else None
        page = await reading.page(identity, wanted, size(first, default=DEFAULT_LIST, most=MAX_LIST), before)
        return ConnectionValue(
            edges=tuple(EdgeValue(each, seal(KIND, each.position)) for each in page.items),
            has_next=page.has_next,
            has_previous=page.has_previous,
            count=lambda: reading.count(identity, wanted),
        )
