"""Anything by its global id."""

from __future__ import annotations

import asyncio

import strawberry

from app.api.connections import MAX_LIST, size
from app.api.context import Info, view_of
from app.api.node import Bound, Node, parse_node_id
from app.model import ExecutionRef


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
    kind, parts = parse_node_id(node_id, argument)
    if kind == "Alert":
        [number] = parts
        return await info.context.gateway.alerts.get(info.context.identity, _number(number))
    ref = ExecutionRef(*parts[:3])
    execution = await info.context.loaders.executions.load(ref)
    if execution is None or kind == "WorkflowExecution":
        return execution
    projection, part = (await view_of(execution, info)).projection, parts[3]
    if kind == "Activity":
        activity = next((each for each in projection.activities if str(each.scheduled_event_id) == part), None)
        return Bound(ref, activity) if activity else None
    item = next((each for each in projection.timeline if each.key == part), None)
    return Bound(ref, item) if item else None


def _number(text: str) -> int:
    """No alert has 0, which stands for what is no number of one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
