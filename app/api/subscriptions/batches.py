"""Following batch operations."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import strawberry

from app import cluster
from app.api.context import Info
from app.api.described import Described
from app.api.sharing import Update
from app.api.types.batch import BatchOperation, BatchValue


@strawberry.type
class BatchSubscription:
    @strawberry.subscription(
        graphql_type=AsyncGenerator[BatchOperation, None],
        description="A batch operation now and whenever something that is selected has changed, until it has ended.",
    )
    @staticmethod
    async def batch_operation(
        info: Info, job_id: strawberry.ID, namespace: str | None = None
    ) -> AsyncGenerator[Update, None]:
        context = info.context
        steps = context.gateway.jobs.follow(context.identity, namespace, job_id)
        async with aclosing(steps):
            async for step in steps:
                yield Update(step.place, partial(_described, step.batch), is_state=True)


def _described(batch: cluster.Batch) -> tuple[BatchValue, None]:
    return Described.known(batch, batch), None
