"""Following alerts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import strawberry

from app.api.context import Info
from app.api.inputs.alerts import AlertFilter
from app.api.scalars import Cursor
from app.api.sharing import Update
from app.api.subscriptions.counting import began, met
from app.api.types.list_update import AlertUpdate, alert_update, opened
from app.store.alerts import AlertFilter as StoredFilter

FIELD = "alerts"


@strawberry.type
class AlertSubscription:
    @strawberry.subscription(
        graphql_type=AsyncGenerator[AlertUpdate, None],
        description=(
            "Alerts as they are raised, updated and resolved, in order, each change once; behind `after`, what changed"
            " since. The filter is of the alert as it is when its change is read: one that asks for open alerts is not"
            " told that they are resolved."
        ),
    )
    @staticmethod
    async def alerts(
        info: Info, filter: AlertFilter | None = None, after: Cursor | None = None
    ) -> AsyncGenerator[Update, None]:
        context, place = info.context, opened(info.context.resume or after)
        wanted = filter.value() if filter else StoredFilter()
        steps = context.gateway.feeds.alerts(context.identity, wanted, place)
        began(info, FIELD, resumed=place is not None)
        async with aclosing(steps):
            async for step in steps:
                met(FIELD, step.gap)
                happened = step.change.time if step.change else None
                yield Update(step.place, partial(alert_update, step, context), happened=happened)
