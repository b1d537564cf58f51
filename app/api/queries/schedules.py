"""Schedules: one, and the list."""

from __future__ import annotations

import strawberry

from app import cluster
from app.api.connections import ConnectionValue
from app.api.context import Info
from app.api.described import Described
from app.api.places import connection, kind_of, window
from app.api.scalars import Cursor
from app.api.types.schedule import Schedule, ScheduleConnection, ScheduleValue
from app.errors import NotFound


@strawberry.type
class ScheduleQuery:
    @strawberry.field(
        graphql_type=ScheduleConnection,
        description=(
            "Schedules, namespace by namespace; first is at most 100. `query` is in the language of Temporal's"
            " visibility, such as `TemporalSchedulePaused = true`. A tenant sees those whose search attributes or"
            " memo name it."
        ),
    )
    @staticmethod
    async def schedules(
        info: Info,
        first: int | None = None,
        after: Cursor | None = None,
        query: str | None = None,
        namespace: str | None = None,
    ) -> ConnectionValue[ScheduleValue]:
        identity, operating = info.context.identity, info.context.gateway.operating
        kind, wanted = kind_of("schedules", query, namespace), query or ""
        limit, place = window(kind, first, after)

        async def describe(row: cluster.Schedule) -> cluster.ScheduleDetail:
            found = await operating.schedule_of(identity, row.namespace, row.schedule_id)
            if found is None:
                raise NotFound(f"There is no schedule {row.schedule_id!r} any more.")
            return found

        return connection(
            kind,
            await operating.schedules(identity, namespace, wanted, limit, place),
            describe,
            lambda: operating.count_schedules(identity, namespace, wanted),
            behind=place is not None,
        )

    @strawberry.field(graphql_type=Schedule | None, description="One schedule; null where there is none.")
    @staticmethod
    async def schedule(info: Info, schedule_id: str, namespace: str | None = None) -> ScheduleValue | None:
        found = await info.context.gateway.operating.schedule(info.context.identity, namespace, schedule_id)
        return Described.known(found.schedule, found) if found else None
