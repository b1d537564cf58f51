"""Events of a run's history, as Temporal recorded them."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON
from temporalio.api.common.v1 import Payload as PayloadProto
from temporalio.api.history.v1 import HistoryEvent as EventProto

from app.api.connections import Connection
from app.api.context import Info, view_of
from app.api.scalars import Cursor
from app.api.types.values import NOT_DECODED
from app.history import event_attributes, event_type_name, human_line
from app.model import Execution, ExecutionRef, Json, Projection
from app.protos import payload_of, time_of
from app.temporal.payloads import slots_of


@dataclass(frozen=True, slots=True)
class EventValue:
    """An event and what the history says of the things that it only names by the numbers of earlier events. Without
    a projection the run's is read when the event needs it."""

    event: EventProto
    projection: Projection | None = None
    run: Execution | ExecutionRef | None = None


Root = strawberry.Parent[EventValue]


@strawberry.type(description="One event of a run's history.")
class HistoryEvent:
    @strawberry.field(description="Its number in the run's history, from 1.")
    @staticmethod
    def event_id(root: Root) -> int:
        return root.event.event_id

    @strawberry.field(description="Temporal's name of its type, such as ActivityTaskScheduled.")
    @staticmethod
    def event_type(root: Root) -> str:
        return event_type_name(root.event)

    @strawberry.field
    @staticmethod
    def event_time(root: Root) -> datetime | None:
        return time_of(root.event.event_time)

    @strawberry.field(graphql_type=str, description="A short line for a person.")
    @staticmethod
    def summary(root: Root, info: Info) -> str | Awaitable[str]:
        if root.projection is None and isinstance(root.run, Execution) and _refers_back(root.event):
            return _told(root.event, root.run, info)
        return human_line(root.event, root.projection)

    @strawberry.field(
        graphql_type=JSON, description=f"Its attributes as Temporal names them, payloads decoded. {NOT_DECODED}"
    )
    @staticmethod
    def attributes(root: Root, info: Info) -> Any:
        gateway = info.context.gateway
        if not gateway.payloads.has_codec:
            return event_attributes(root.event)
        return _decoded(root.event, gateway.reading.namespace(root.run.namespace if root.run else None), info)


def _refers_back(event: EventProto) -> bool:
    """Whether the event names an activity, timer or operation by the number of an earlier event only."""
    which = event.WhichOneof("attributes")
    if which is None or which.startswith("workflow_task_"):
        return False
    return not {"scheduled_event_id", "started_event_id"}.isdisjoint(getattr(event, which).DESCRIPTOR.fields_by_name)


async def _told(event: EventProto, run: Execution, info: Info) -> str:
    return human_line(event, (await view_of(run, info)).projection)


async def _decoded(event: EventProto, namespace: str, info: Info) -> Json:
    copy = EventProto()
    copy.CopyFrom(event)
    slots = list(slots_of(copy))
    readable = await info.context.loaders.readable(namespace, [payload_of(each) for each in slots])
    for slot, each in zip(slots, readable, strict=True):
        slot.CopyFrom(PayloadProto(metadata=each.metadata, data=each.data))
    return event_attributes(copy)


@strawberry.type
class HistoryEventEdge:
    node: HistoryEvent
    cursor: Cursor


@strawberry.type(description="A page of events.")
class HistoryEventConnection(Connection):
    edges: list[HistoryEventEdge]
    nodes: list[HistoryEvent]
