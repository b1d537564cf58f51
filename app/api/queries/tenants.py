"""Tenants: one, and the list."""

from __future__ import annotations

import strawberry

from app import model
from app.api.connections import DEFAULT_LIST, MAX_LIST, ConnectionValue, EdgeValue, size
from app.api.context import Info
from app.api.scalars import Cursor
from app.api.types.tenant import Tenant, TenantConnection
from app.cursors import seal, unseal
from app.model import TenantStatus

KIND = "tenants"


@strawberry.type
class TenantQuery:
    @strawberry.field(
        graphql_type=TenantConnection,
        description="Tenants by their ids, first at most 100. Needs MANAGE_TENANTS, which platforms have.",
    )
    @staticmethod
    async def tenants(
        info: Info, status: list[TenantStatus] | None = None, first: int | None = None, after: Cursor | None = None
    ) -> ConnectionValue[model.Tenant]:
        identity, tenants = info.context.identity, info.context.gateway.tenants
        statuses = frozenset(status or ())
        place = unseal(KIND, str, after, argument="after") if after is not None else None
        page = await tenants.page(identity, statuses, size(first, default=DEFAULT_LIST, most=MAX_LIST), place)
        return ConnectionValue(
            edges=tuple(EdgeValue(each, seal(KIND, each.id)) for each in page.items),
            has_next=page.has_next,
            has_previous=page.has_previous,
            count=lambda: tenants.count(identity, statuses),
        )

    @strawberry.field(
        graphql_type=Tenant | None,
        description="One tenant; null where nothing is set for it. Needs MANAGE_TENANTS, which platforms have.",
    )
    @staticmethod
    async def tenant(info: Info, id: strawberry.ID) -> model.Tenant | None:
        return await info.context.gateway.tenants.one(info.context.identity, id)
