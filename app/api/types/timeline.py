"""The timeline of a run: the bars of a Gantt chart."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.scalars import JSON

from app import model
from app.access import Exposure, Part
from app.api.connections import Connection
from app.api.context import Info, view_of
from app.api.node import Bound, Node
from app.api.scalars import Cursor
from app.api.types.activity import Activity
from app.api.types.failure import Failure
from app.api.types.values import NOT_DECODED, shown, shown_single
from app.api.veil import WITHHELD, exposure
from app.gateway.seeing import shown as shown_id
from app.model import TimelineKind, TimelineStatus, milliseconds

if TYPE_CHECKING:
    from app.api.types.execution import WorkflowExecution

Root = strawberry.Parent[Bound[model.TimelineItem]]


@strawberry.type(description="One bar of a Gantt chart, ready to draw.")
class TimelineItem(Node):
    kind: TimelineKind
    name: str
    status: TimelineStatus
    start_time: datetime
    end_time: datetime | None = strawberry.field(description="Null while it lasts.")
    attempt: int | None
    lane: int = strawberry.field(description="Row index; items that overlap have different lanes.")
    event_ids: list[int]
    summary: str | None

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, Bound) and isinstance(value.value, model.TimelineItem)

    @strawberry.field(description="Milliseconds; null while it lasts.")
    @staticmethod
    def duration_ms(root: Root) -> float | None:
        return milliseconds(root.value.start_time, root.value.end_time)

    @strawberry.field(graphql_type=Activity | None, description="The activity behind an ACTIVITY or LOCAL_ACTIVITY.")
    @staticmethod
    async def activity(root: Root, info: Info) -> Bound[model.Activity] | None:
        item = root.value
        if item.activity_id is None:
            return None
        execution = await info.context.loaders.executions.load(root.ref)
        if execution is None:
            return None
        found = find_activity((await view_of(execution, info)).projection.activities, item)
        return Bound(root.ref, found) if found else None

    @strawberry.field(
        graphql_type=Annotated["WorkflowExecution", strawberry.lazy("app.api.types.execution")] | None,
        description="The run of a CHILD_WORKFLOW.",
    )
    @staticmethod
    async def child(root: Root, info: Info) -> model.Execution | None:
        child = root.value.child
        return await info.context.loaders.executions.load(child) if child and child.run_id else None

    @strawberry.field(graphql_type=Failure | None, description="Why it ended badly.")
    @staticmethod
    def failure(root: Root) -> Bound[model.Failure] | None:
        return Bound.to(root.ref, root.value.failure)

    @strawberry.field(
        graphql_type=list[JSON | None] | None,
        description=f"What went in: arguments of an activity, child, signal or update. {NOT_DECODED} {WITHHELD}",
    )
    @staticmethod
    def input(root: Root, info: Info) -> Any:
        return shown(info, root.ref, root.value.input, Part.INPUT)

    @strawberry.field(
        graphql_type=JSON | None, description=f"What came out; null while open or for nothing. {NOT_DECODED} {WITHHELD}"
    )
    @staticmethod
    def result(root: Root, info: Info) -> Any:
        return shown_single(info, root.ref, root.value.result, Part.RESULT)

    @strawberry.field(description="What else is known of an item of its kind.")
    @staticmethod
    def detail(root: Root, info: Info) -> JSON:
        found = dict(root.value.detail)
        if isinstance(workflow_id := found.get("workflowId"), str):
            found["workflowId"] = shown_id(workflow_id)
        if exposure(info, root.ref, Part.FAILURE) is not Exposure.SHOWN:
            found.pop("cause", None)
        return found  # type: ignore[return-value]


def find_activity(activities: Iterable[model.Activity], item: model.TimelineItem) -> model.Activity | None:
    """An id may be used again within a run: the item's events tell which use it is."""
    same = (each for each in activities if each.activity_id == item.activity_id)
    return next((each for each in same if each.scheduled_event_id in item.event_ids), None)


@strawberry.type
class TimelineEdge:
    node: TimelineItem
    cursor: Cursor


@strawberry.type(description="A page of timeline items.")
class TimelineConnection(Connection):
    edges: list[TimelineEdge]
    nodes: list[TimelineItem]
