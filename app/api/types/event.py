"""Events of a run's history, as Temporal recorded them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON
from temporalio.api.common.v1 import Payload as PayloadProto
from temporalio.api.history.v1 import HistoryEvent as EventProto

from app.access import Exposure, Part, Target
from app.api.connections import Connection
from app.api.context import Info, view_of
from app.api.scalars import Cursor
from app.api.types.values import NOT_DECODED
from app.api.veil import WITHHELD_KEYS, exposure, target_of, veiled_event, without_reason
from app.gateway.seeing import said, shown
from app.history import (
    FromEvents,
    FromProjection,
    Names,
    event_attributes,
    event_type_name,
    human_line,
    referred_by,
)
from app.model import Execution, ExecutionRef, Json, Projection
from app.protos import payload_of, time_of
from app.temporal.payloads import slots_of


class Naming:
    """What the events of one page refer to: read when the first line needs it, once for all."""

    def __init__(self, run: Execution, events: Sequence[EventProto], info: Info) -> None:
        self._run = run
        self._events = events
        self._info = info
        self._known: tuple[Names, Mapping[int, EventProto]] | None = None
        self._reading = asyncio.Lock()

    def is_needed(self, event: EventProto) -> bool:
        """Whether the line of the event says more with it."""
        hidden = self._info.context.gateway.payloads.has_codec and event.HasField("user_metadata")
        return hidden or bool(referred_by(event))

    async def line(self, event: EventProto) -> str:
        async with self._reading:
            if self._known is None:
                self._known = await self._read()
        names, readable = self._known
        return said(human_line(readable.get(event.event_id, event), names))

    async def _read(self) -> tuple[Names, Mapping[int, EventProto]]:
        """The events that are referred to, from the archive; else everything that the run has done."""
        events = await self._info.context.gateway.histories.referred(self._run, self._events)
        if events is not None:
            return FromEvents(events), events
        return FromProjection((await view_of(self._run, self._info)).projection), {}


@dataclass(frozen=True, slots=True)
class EventValue:
    """An event, and what tells of the things that it only names by the numbers of earlier events: the run's
    projection, or what is read when the event needs it."""

    event: EventProto
    projection: Projection | None = None
    run: Execution | ExecutionRef | None = None
    naming: Naming | None = None

    @property
    def target(self) -> Target:
        """Its run, as far as it is known."""
        if isinstance(self.run, Execution):
            return target_of(self.run)
        return Target(is_run=True, workflow_type=(self.projection.workflow_type if self.projection else "") or None)


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
        seen = exposure(info, root.target, Part.FAILURE)
        if seen is not Exposure.SHOWN and _has_failure(root.event):
            return said(without_reason(seen, human_line(root.event)))
        if root.naming is not None and root.naming.is_needed(root.event):
            return root.naming.line(root.event)
        names = FromProjection(root.projection) if root.projection else None
        return said(human_line(root.event, names) if names else human_line(root.event))

    @strawberry.field(
        graphql_type=JSON,
        description=f"Its attributes as Temporal names them, payloads decoded. {NOT_DECODED} {WITHHELD_KEYS}",
    )
    @staticmethod
    def attributes(root: Root, info: Info) -> Any:
        gateway = info.context.gateway
        if not gateway.payloads.has_codec:
            return veiled_event(info, root.target, event_attributes(root.event, shown))
        return _decoded(root, gateway.reading.namespace(root.run.namespace if root.run else None), info)


def _has_failure(event: EventProto) -> bool:
    which = event.WhichOneof("attributes")
    return which is not None and not {"failure", "outcome"}.isdisjoint(getattr(event, which).DESCRIPTOR.fields_by_name)


async def _decoded(root: EventValue, namespace: str, info: Info) -> Json:
    copy = EventProto()
    copy.CopyFrom(root.event)
    slots = list(slots_of(copy))
    readable = await info.context.loaders.readable(namespace, [payload_of(each) for each in slots])
    for slot, each in zip(slots, readable, strict=True):
        slot.CopyFrom(PayloadProto(metadata=each.metadata, data=each.data))
    return veiled_event(info, root.target, event_attributes(copy, shown))


@strawberry.type
class HistoryEventEdge:
    node: HistoryEvent
    cursor: Cursor


@strawberry.type(description="A page of events.")
class HistoryEventConnection(Connection):
    edges: list[HistoryEventEdge]
    nodes: list[HistoryEvent]
