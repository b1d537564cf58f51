"""Batch operations: one act on every run that a query finds."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app import cluster
from app.api.connections import Connection
from app.api.described import Described
from app.api.scalars import Cursor
from app.cluster import BatchState

BatchValue = Described[cluster.Batch, cluster.Batch]


@strawberry.type(description="One act on every run that a query finds. Its counts cost a call of Temporal each.")
class BatchOperation:
    namespace: str
    state: BatchState
    operation: str = strawberry.field(description="Temporal's name, such as TERMINATE_WORKFLOW.")
    start_time: datetime | None
    close_time: datetime | None = strawberry.field(description="Null while it runs.")

    @strawberry.field
    @staticmethod
    def job_id(root: strawberry.Parent[BatchValue]) -> strawberry.ID:
        return strawberry.ID(root.row.job_id)

    @strawberry.field(description="Who started it, as its client named itself.")
    @staticmethod
    async def identity(root: strawberry.Parent[BatchValue]) -> str | None:
        return (await root.detail()).identity

    @strawberry.field(description="Why, in the words of who started it.")
    @staticmethod
    async def reason(root: strawberry.Parent[BatchValue]) -> str | None:
        return (await root.detail()).reason

    @strawberry.field(description="Which runs, in the language of Temporal's visibility; null where they were named.")
    @staticmethod
    async def query(root: strawberry.Parent[BatchValue]) -> str | None:
        return (await root.detail()).query

    @strawberry.field(description="How many runs it is to act on; 0 until Temporal has counted them.")
    @staticmethod
    async def total(root: strawberry.Parent[BatchValue]) -> int:
        return (await root.detail()).total or 0

    @strawberry.field(description="How many it has acted on.")
    @staticmethod
    async def completed(root: strawberry.Parent[BatchValue]) -> int:
        return (await root.detail()).completed or 0

    @strawberry.field(description="On how many it failed.")
    @staticmethod
    async def failed(root: strawberry.Parent[BatchValue]) -> int:
        return (await root.detail()).failed or 0


@strawberry.type
class BatchOperationEdge:
    node: BatchOperation
    cursor: Cursor


@strawberry.type(description="A page of batch operations, namespace by namespace.")
class BatchOperationConnection(Connection):
    edges: list[BatchOperationEdge]
    nodes: list[BatchOperation]
