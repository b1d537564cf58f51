"""Runs: one, many by name, and lists."""

from __future__ import annotations

import strawberry

from app import model
from app.api.connections import MAX_LIST, ConnectionValue, size
from app.api.context import Info, read_of
from app.api.inputs import WorkflowFilter, WorkflowOrder, WorkflowRef
from app.api.inputs.orders import order_of
from app.api.listing import connection, listing_of
from app.api.scalars import Cursor
from app.api.types.execution import WorkflowConnection, WorkflowExecution
from app.gateway.naming import Name
from app.store.listing import Filter


@strawberry.type
class WorkflowQuery:
    @strawberry.field(
        graphql_type=WorkflowExecution | None,
        description="One run; without runId the latest of its id. Null where there is none.",
    )
    @staticmethod
    async def workflow(
        info: Info, workflow_id: str, run_id: strawberry.ID | None = None, namespace: str | None = None
    ) -> model.Execution | None:
        context = info.context
        return await context.gateway.reading.execution(context.identity, namespace, workflow_id, run_id)

    @strawberry.field(
        graphql_type=list[WorkflowExecution | None],
        description="Many runs in one answer, in order, null where unknown; at most 100.",
    )
    @staticmethod
    async def workflow_batch(info: Info, refs: list[WorkflowRef]) -> list[model.Execution | BaseException | None]:
        size(len(refs), default=0, most=MAX_LIST, argument="refs")
        context = info.context
        reading = context.gateway.reading
        names = [Name(reading.namespace(ref.namespace), ref.workflow_id, ref.run_id) for ref in refs]
        return await reading.named(context.identity, names)

    @strawberry.field(
        graphql_type=WorkflowConnection,
        description=(
            "Runs, newest first unless orderBy says otherwise; first and last are at most 100. A cursor belongs to its"
            " filter and order. offset is for interfaces with page numbers: at most 10000, without cursors; what starts"
            " meanwhile moves its pages, but never those of cursors. With the consistencyToken of a mutation the list"
            " has that change: it waits up to 5 seconds for it, then fails with TIMEOUT."
        ),
    )
    @staticmethod
    async def workflows(
        info: Info,
        filter: WorkflowFilter | None = None,
        order_by: list[WorkflowOrder] | None = None,
        first: int | None = None,
        after: Cursor | None = None,
        last: int | None = None,
        before: Cursor | None = None,
        offset: int | None = None,
        consistency_token: str | None = None,
    ) -> ConnectionValue[model.Execution]:
        wanted = filter.value(info.context.gateway.reading.namespace(None)) if filter else Filter()
        listing = listing_of(wanted, order_of(order_by), first, after, last, before, offset)
        context, attributes = info.context, read_of("WorkflowExecution", info)
        await context.gateway.consistency.reached(context.identity, consistency_token)
        return await connection(context.gateway.reading.lists, context.identity, listing, attributes)
