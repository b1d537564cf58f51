"""Anything by its global id."""

from __future__ import annotations

import asyncio

import strawberry

from app.api.connections import MAX_LIST, size
from app.api.context import Info, view_of
from app.api.node import Bound, Node, parse_node_id


@strawberry.type
class NodeQuery:
    @strawberry.field(graphql_type=Node | None, description="Anything by its global id; null where there is none.")
    @staticmethod
    async def node(info: Info, id: strawberry.ID) -> object | None:
        return await find_node(info, id, "id")

    @strawberry.field(graphql_type=list[Node | None], description="At most 100, in the order of their ids.")
    @staticmethod
    async def nodes(info: Info, ids: list[strawberry.ID]) -> list[object | None]:
        size(len(ids), default=0, most=MAX_LIST, argument="ids")
        return await asyncio.gather(*(find_node(info, each, "ids") for each in ids))


async def find_node(info: Info, node_id: str, argument: str) -> object | None:
    kind, ref, part = parse_node_id(node_id, argument)
    execution = await info.context.loaders.executions.load(ref)
    if execution is None or (kind == "WorkflowExecution") != (part is None):
        return None
    if kind == "WorkflowExecution":
        return execution
    projection = (await view_of(execution, info)).projection
    if kind == "Activity":
        activity = next((each for each in projection.activities if str(each.scheduled_event_id) == part), None)
        return Bound(ref, activity) if activity else None
    if kind == "TimelineItem":
        item = next((each for each in projection.timeline if each.key == part), None)
        return Bound(ref, item) if item else None
    return None
