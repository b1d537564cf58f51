"""Batch operations: one, and the list."""

from __future__ import annotations

import strawberry

from app import cluster
from app.api.connections import ConnectionValue
from app.api.context import Info
from app.api.described import Described
from app.api.places import connection, kind_of, window
from app.api.scalars import Cursor
from app.api.types.batch import BatchOperation, BatchOperationConnection, BatchValue
from app.errors import NotFound


@strawberry.type
class BatchQuery:
    @strawberry.field(
        graphql_type=BatchOperationConnection,
        description=(
            "Batch operations: Tideline's own, newest first, then Temporal's, namespace by namespace; first is at most"
            " 100. Who sees one tenant only sees its own."
        ),
    )
    @staticmethod
    async def batch_operations(
        info: Info, first: int | None = None, after: Cursor | None = None, namespace: str | None = None
    ) -> ConnectionValue[BatchValue]:
        identity, operating = info.context.identity, info.context.gateway.operating
        kind = kind_of("batchOperations", namespace)
        limit, place = window(kind, first, after)

        async def describe(row: cluster.Batch) -> cluster.Batch:
            found = await operating.batch(identity, row.namespace, row.job_id)
            if found is None:
                raise NotFound(f"There is no batch operation {row.job_id!r} any more.")
            return found

        return connection(
            kind,
            await operating.batches(identity, namespace, limit, place),
            describe,
            lambda: operating.count_batches(identity, namespace),
            behind=place is not None,
        )

    @strawberry.field(
        graphql_type=BatchOperation | None,
        description="One batch operation; null where there is none that you may see.",
    )
    @staticmethod
    async def batch_operation(info: Info, job_id: strawberry.ID, namespace: str | None = None) -> BatchValue | None:
        found = await info.context.gateway.operating.batch(info.context.identity, namespace, job_id)
        return Described.known(found, found) if found else None
