"""Batch operations: one act on every run that a query or a filter finds."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from app import cluster
from app.api.connections import Connection
from app.api.context import Info
from app.api.described import Described
from app.api.scalars import Cursor
from app.cluster import BatchState
from app.gateway.seeing import said, shown

BatchValue = Described[cluster.Batch, cluster.Batch]


@strawberry.type(description="A run on which a batch operation failed.")
class BatchFailure:
    namespace: str
    workflow_id: str
    run_id: strawberry.ID
    code: str = strawberry.field(description="As of a userError, or of an outage that lasted.")
    message: str


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

    @strawberry.field(
        description="How many it left alone, since they did not match any more at their turn; null for Temporal's jobs."
    )
    @staticmethod
    async def skipped(root: strawberry.Parent[BatchValue]) -> int | None:
        return (await root.detail()).skipped

    @strawberry.field(description="Why it has failed as a whole.")
    @staticmethod
    async def problem(root: strawberry.Parent[BatchValue]) -> str | None:
        problem = (await root.detail()).problem
        return problem and said(problem)

    @strawberry.field(
        graphql_type=JSON | None,
        description="Which runs, as Tideline understood the filter that was given; null for Temporal's jobs.",
    )
    @staticmethod
    async def filter(root: strawberry.Parent[BatchValue]) -> object:
        return (await root.detail()).filter

    @strawberry.field(description="Of the run that does it; null for Temporal's jobs.")
    @staticmethod
    async def workflow_id(root: strawberry.Parent[BatchValue]) -> str | None:
        workflow_id = (await root.detail()).workflow_id
        return workflow_id and shown(workflow_id)

    @strawberry.field(description="The first 100 runs on which it failed. Empty for Temporal's jobs: they do not tell.")
    @staticmethod
    async def failed_items(root: strawberry.Parent[BatchValue], info: Info) -> list[BatchFailure]:
        batch = await root.detail()
        if not batch.workflow_id or not batch.failed:
            return []
        found = await info.context.gateway.batches.failures(batch.job_id)
        return [
            BatchFailure(
                namespace=each.ref.namespace,
                workflow_id=shown(each.ref.workflow_id),
                run_id=strawberry.ID(each.ref.run_id),
                code=each.code,
                message=said(each.message),
            )
            for each in found
        ]


@strawberry.type
class BatchOperationEdge:
    node: BatchOperation
    cursor: Cursor


@strawberry.type(description="A page of batch operations, namespace by namespace.")
class BatchOperationConnection(Connection):
    edges: list[BatchOperationEdge]
    nodes: list[BatchOperation]
