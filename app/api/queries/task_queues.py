"""Task queues."""

from __future__ import annotations

import strawberry

from app import cluster
from app.api.context import Info
from app.api.types.task_queue import TaskQueue


@strawberry.type
class TaskQueueQuery:
    @strawberry.field(
        graphql_type=TaskQueue | None,
        description="Who polls a task queue and what waits in it; null to those who see one tenant only.",
    )
    @staticmethod
    async def task_queue(info: Info, name: str, namespace: str | None = None) -> cluster.TaskQueue | None:
        return await info.context.gateway.operating.task_queue(info.context.identity, namespace, name)
