"""Workers."""

from __future__ import annotations

import strawberry

from app.api.connections import ConnectionValue
from app.api.context import Info
from app.api.places import connection, kind_of, window
from app.api.scalars import Cursor
from app.api.types.worker import WorkerConnection, WorkerValue


@strawberry.type
class WorkerQuery:
    @strawberry.field(
        graphql_type=WorkerConnection,
        description=(
            "Workers that send heartbeats, namespace by namespace; first is at most 100. Empty to those who see one"
            " tenant only."
        ),
    )
    @staticmethod
    async def workers(
        info: Info,
        task_queue: str | None = None,
        first: int | None = None,
        after: Cursor | None = None,
        namespace: str | None = None,
    ) -> ConnectionValue[WorkerValue]:
        identity, operating = info.context.identity, info.context.gateway.operating
        kind = kind_of("workers", task_queue, namespace)
        limit, place = window(kind, first, after)
        return connection(
            kind,
            await operating.workers(identity, namespace, task_queue, limit, place),
            operating.worker,
            lambda: operating.count_workers(identity, namespace, task_queue),
            behind=place is not None,
        )
