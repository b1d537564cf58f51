"""How a run hangs together with others: parent and children, previous and next run."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.types.nodes import SelectedField, Selection

from app import model
from app.api.connections import DEFAULT_LIST, MAX_LIST, ConnectionValue, EdgeValue, size
from app.api.context import Info
from app.api.places import kind_within
from app.api.scalars import Cursor
from app.cursors import seal, unseal
from app.store.relations import Window

if TYPE_CHECKING:
    from app.api.types.execution import WorkflowConnection, WorkflowExecution

Row = strawberry.Parent[model.Execution]
Run = Annotated["WorkflowExecution", strawberry.lazy("app.api.types.execution")]
Runs = Annotated["WorkflowConnection", strawberry.lazy("app.api.types.execution")]


@strawberry.type
class Family:
    @strawberry.field(
        graphql_type=Run | None,
        description="The run that started it as a child. Null where it has none, or one that you may not see.",
    )
    @staticmethod
    def parent(root: Row, info: Info) -> Awaitable[model.Execution | None] | None:
        return related(root, info, root.parent_workflow_id, root.parent_run_id)

    @strawberry.field(
        graphql_type=Run | None, description="The top of its tree of children: itself, where it has no parent."
    )
    @staticmethod
    def root(root: Row, info: Info) -> model.Execution | Awaitable[model.Execution | None] | None:
        if root.root_run_id in {None, root.run_id}:
            return root
        return related(root, info, root.root_workflow_id, root.root_run_id)

    @strawberry.field(
        graphql_type=Runs,
        description=(
            "The runs that it started as children, in the order of their start, with the runs that continue them;"
            " first is at most 100. From the index, where a start shows within about a second."
        ),
    )
    @staticmethod
    async def children(
        root: Row, info: Info, first: int | None = None, after: Cursor | None = None
    ) -> ConnectionValue[model.Execution]:
        limit = size(first, default=DEFAULT_LIST, most=MAX_LIST)
        kind = kind_within(root.ref, "children")
        place = unseal(kind, tuple[datetime, str], after, argument="after") if after is not None else None
        window = Window(root.ref, limit + 1, place, counted=selects(info, "totalCount"))
        found = await info.context.loaders.children.load(window)

        async def count() -> int:
            return found.count or 0

        return ConnectionValue(
            edges=tuple(EdgeValue(each, seal(kind, (each.start_time, each.run_id))) for each in found.runs[:limit]),
            has_next=len(found.runs) > limit,
            has_previous=place is not None,
            count=count,
        )

    @strawberry.field(
        graphql_type=Run | None,
        description="The run that it continues, by continue-as-new, retry, cron or reset.",
    )
    @staticmethod
    async def previous_run(root: Row, info: Info) -> model.Execution | None:
        return await info.context.loaders.previous_run(root)

    @strawberry.field(
        graphql_type=Run | None,
        description="The run that continues it; null while none is known, up to about a second after its close.",
    )
    @staticmethod
    async def next_run(root: Row, info: Info) -> model.Execution | None:
        return await info.context.loaders.next_run(root)


def selects(info: Info, name: str) -> bool:
    """Whether the document selects this field of the value, be it in a fragment."""
    left: list[Selection] = [each for field in info.selected_fields for each in field.selections]
    while left:
        each = left.pop()
        if isinstance(each, SelectedField):
            if each.name == name:
                return True
        else:
            left += each.selections
    return False


def related(
    execution: model.Execution, info: Info, workflow_id: str | None, run_id: str | None
) -> Awaitable[model.Execution | None] | None:
    """Another run, by its name. Null where it is unknown or another tenant's. Where there is none, nothing is awaited:
    most runs of a page are alone."""
    if not workflow_id or not run_id:
        return None
    return _loaded(info, model.ExecutionRef(execution.namespace, workflow_id, run_id))


async def _loaded(info: Info, ref: model.ExecutionRef) -> model.Execution | None:
    # Asked for when it is waited for, as all that is read of a page, so that one statement reads it.
    return await info.context.loaders.executions.load(ref)
