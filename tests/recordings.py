"""Recorded histories by name, and single events made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from app.history import project
from app.model import Activity, ExecutionRef, Projection, TimelineItem, TimelineKind

HISTORIES = Path(__file__).parent / "histories"
NAMES = sorted(path.stem for path in HISTORIES.glob("*.json"))
REF = ExecutionRef("default", "workflow", "run")
START = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def recorded(name: str) -> tuple[HistoryEvent, ...]:
    return tuple(WorkflowHistory.from_json("workflow", (HISTORIES / f"{name}.json").read_text()).events)


@cache
def folded(name: str) -> Projection:
    return project(REF, recorded(name))


def event(event_id: int, kind: str, seconds: float | None = None, **attributes: Any) -> HistoryEvent:
    """An event of type `kind` (such as TIMER_STARTED), by default `event_id` seconds after START."""
    made = HistoryEvent(event_id=event_id, event_type=EventType.Value(f"EVENT_TYPE_{kind}"))
    made.event_time.FromDatetime(START + timedelta(seconds=event_id if seconds is None else seconds))
    field = getattr(made, f"{kind.lower()}_event_attributes")
    field.SetInParent()
    field.MergeFrom(type(field)(**attributes))
    return made


def encoded(value: Any) -> Payload:
    if value is None:
        return Payload(metadata={"encoding": b"binary/null"})
    return Payload(metadata={"encoding": b"json/plain"}, data=orjson.dumps(value))


def activity(projection: Projection, activity_type: str, number: int = 0) -> Activity:
    return [each for each in projection.activities if each.activity_type == activity_type][number]


def items(projection: Projection, kind: TimelineKind) -> list[TimelineItem]:
    return [item for item in projection.timeline if item.kind is kind]
