"""Events of a run's history, as Temporal recorded them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import strawberry
from strawberry.scalars import JSON

from app.history import event_attributes, event_type_name, human_line
from app.protos import time_of

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent as EventProto


@strawberry.type(description="One event of a run's history.")
class HistoryEvent:
    @strawberry.field(description="Its number in the run's history, from 1.")
    @staticmethod
    def event_id(root: strawberry.Parent[object]) -> int:
        return _event(root).event_id

    @strawberry.field(description="Temporal's name of its type, such as ActivityTaskScheduled.")
    @staticmethod
    def event_type(root: strawberry.Parent[object]) -> str:
        return event_type_name(_event(root))

    @strawberry.field
    @staticmethod
    def event_time(root: strawberry.Parent[object]) -> datetime | None:
        return time_of(_event(root).event_time)

    @strawberry.field(description="A short line for a person.")
    @staticmethod
    def summary(root: strawberry.Parent[object]) -> str:
        return human_line(_event(root))

    @strawberry.field(description="Its attributes as Temporal names them, payloads decoded.")
    @staticmethod
    def attributes(root: strawberry.Parent[object]) -> JSON:
        return event_attributes(_event(root))  # type: ignore[no-any-return]


def _event(root: object) -> EventProto:
    return root  # type: ignore[return-value]
