"""Runs: one, many by name, and lists."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import msgspec
import strawberry

from app import model
from app.api.connections import DEFAULT_LIST, MAX_LIST, ConnectionValue, EdgeValue, size
from app.api.context import Info
from app.api.inputs import WorkflowFilter, WorkflowRef
from app.api.scalars import Cursor
from app.api.types.execution import WorkflowConnection, WorkflowExecution
from app.cursors import seal, unseal
from app.errors import BadUserInput
from app.store.listing import Filter, Listing, Position


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
    async def workflow_batch(info: Info, refs: list[WorkflowRef]) -> list[model.Execution | None]:
        size(len(refs), default=0, most=MAX_LIST, argument="refs")
        context = info.context
        return await asyncio.gather(
            *(
                context.gateway.reading.execution(context.identity, ref.namespace, ref.workflow_id, ref.run_id)
                for ref in refs
            )
        )

    @strawberry.field(graphql_type=WorkflowConnection, description="Runs, newest first; first is at most 100.")
    @staticmethod
    async def workflows(
        info: Info,
        filter: WorkflowFilter | None = None,
        first: int | None = None,
        after: Cursor | None = None,
        last: int | None = None,
        before: Cursor | None = None,
    ) -> ConnectionValue[model.Execution]:
        context, wanted = info.context, filter.value() if filter else Filter()
        if wanted.namespace is not None:
            wanted = replace(wanted, namespace=context.gateway.reading.namespace(wanted.namespace))
        page = await context.gateway.reading.page(context.identity, listing(wanted, first, after, last, before))
        kind = cursor_kind(wanted)
        return ConnectionValue(
            edges=tuple(EdgeValue(each, seal(kind, Position(each.start_time, each.run_id))) for each in page.items),
            has_next=page.has_next,
            has_previous=page.has_previous,
            count=lambda: context.gateway.reading.count(context.identity, wanted),
        )


def cursor_kind(wanted: Filter) -> str:
    """Cursors belong to their filter: in another list they would point nowhere."""
    return "workflows " + hashlib.blake2b(msgspec.json.encode(wanted, order="sorted"), digest_size=6).hexdigest()


def listing(wanted: Filter, first: int | None, after: str | None, last: int | None, before: str | None) -> Listing:
    """The window that Relay's arguments describe."""
    if first is not None and last is not None:
        raise BadUserInput("first and last cannot both be given: choose one end of the list.", path=("last",))
    backwards = last is not None
    return Listing(
        filter=wanted,
        limit=size(
            last if backwards else first,
            default=DEFAULT_LIST,
            most=MAX_LIST,
            argument="last" if backwards else "first",
        ),
        after=place(wanted, after, "after"),
        before=place(wanted, before, "before"),
        from_end=backwards,
    )


def place(wanted: Filter, cursor: str | None, argument: str) -> Position | None:
    return unseal(cursor_kind(wanted), Position, cursor, argument=argument) if cursor is not None else None
