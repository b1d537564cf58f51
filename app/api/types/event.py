"""Events of a run's history, as Temporal recorded them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import strawberry
from strawberry.scalars import JSON
from temporalio.api.history.v1 import HistoryEvent as EventProto

from app.history import event_attributes, event_type_name, human_line
from app.model import Projection
from app.protos import time_of


@dataclass(frozen=True, slots=True)
class EventValue:
    """An event and what the history says of the things that it only names by the numbers of earlier events."""

    event: EventProto
    projection: Projection | None = None


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

    @strawberry.field(description="A short line for a person.")
    @staticmethod
    def summary(root: Root) -> str:
        return human_line(root.event, root.projection)

    @strawberry.field(description="Its attributes as Temporal names them, payloads decoded.")
    @staticmethod
    def attributes(root: Root) -> JSON:
        return event_attributes(root.event)  # type: ignore[no-any-return]
