"""Alerts, newest first."""

from __future__ import annotations

import strawberry

from app.api.connections import DEFAULT_LIST, MAX_LIST, ConnectionValue, EdgeValue, size
from app.api.context import Info
from app.api.inputs.alerts import AlertFilter
from app.api.scalars import Cursor
from app.api.types.alert import AlertConnection
from app.cursors import seal, unseal
from app.store.alerts import Alert, AlertPosition
from app.store.alerts import AlertFilter as StoredFilter

KIND = "alerts"


@strawberry.type
class AlertQuery:
    @strawberry.field(
        graphql_type=AlertConnection,
        description="What the operator's rules hold against, newest first; first is at most 100.",
    )
    @staticmethod
    async def alerts(
        info: Info, filter: AlertFilter | None = None, first: int | None = None, after: Cursor | None = None
    ) -> ConnectionValue[Alert]:
        reading, identity = info.context.gateway.alerts, info.context.identity
        wanted = filter.value() if filter else StoredFilter()
        place = unseal(KIND, AlertPosition, after, argument="after") if after is not None else None
        page = await reading.page(identity, wanted, size(first, default=DEFAULT_LIST, most=MAX_LIST), place)
        return ConnectionValue(
            edges=tuple(EdgeValue(each, seal(KIND, AlertPosition(each.raised_at, each.id))) for each in page.items),
            has_next=page.has_next,
            has_previous=page.has_previous,
            count=lambda: reading.count(identity, wanted),
        )
