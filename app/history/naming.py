"""What events refer to: activities, timers and operations, by the numbers of the events that began them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Protocol

from temporalio.api.history.v1 import HistoryEvent

from app.model import Activity, Projection
from app.protos import text_of


class Names(Protocol):
    """None for what is not known, and attempt 1."""

    def activity(self, scheduled_event_id: int) -> str | None:
        """The type of an activity."""

    def attempt(self, scheduled_event_id: int, started_event_id: int) -> int:
        """Which attempt of an activity began with an event."""

    def bar(self, kind: str, event_id: int) -> str | None:
        """What the timeline calls a timer or a nexus operation."""


class FromProjection:
    """Names of everything that a run has done."""

    def __init__(self, projection: Projection) -> None:
        self._activities = projection.activities
        self._timeline = projection.timeline

    def activity(self, scheduled_event_id: int) -> str | None:
        found = self._activity(scheduled_event_id)
        return found.activity_type if found else None

    def attempt(self, scheduled_event_id: int, started_event_id: int) -> int:
        found = self._activity(scheduled_event_id)
        return found.attempt if found else 1

    def bar(self, kind: str, event_id: int) -> str | None:
        return next((item.name for item in self._timeline if item.key == f"{kind}:{event_id}"), None)

    def _activity(self, event_id: int) -> Activity | None:
        place = bisect_left(self._activities, event_id, key=lambda each: each.scheduled_event_id)
        found = self._activities[place] if place < len(self._activities) else None
        return found if found and found.scheduled_event_id == event_id else None


class FromEvents:
    """Names of what these events began."""

    def __init__(self, events: Mapping[int, HistoryEvent]) -> None:
        self._events = events

    def activity(self, scheduled_event_id: int) -> str | None:
        event = self._events.get(scheduled_event_id)
        return event.activity_task_scheduled_event_attributes.activity_type.name or None if event else None

    def attempt(self, scheduled_event_id: int, started_event_id: int) -> int:
        event = self._events.get(started_event_id)
        return max(1, event.activity_task_started_event_attributes.attempt) if event else 1

    def bar(self, kind: str, event_id: int) -> str | None:
        event = self._events.get(event_id)
        if event is None:
            return None
        if event.HasField("timer_started_event_attributes"):
            return text_of(event.user_metadata.summary) or event.timer_started_event_attributes.timer_id
        operation = event.nexus_operation_scheduled_event_attributes
        return f"{operation.service}.{operation.operation}" if operation.operation else None


_REFERRING = {
    "activity_task_": ("scheduled_event_id", "started_event_id"),
    "timer_": ("started_event_id",),
    "nexus_operation_": ("scheduled_event_id",),
}


def referred_by(event: HistoryEvent) -> set[int]:
    """The numbers of the earlier events that say what this one is about."""
    which = event.WhichOneof("attributes") or ""
    fields = next((fields for beginning, fields in _REFERRING.items() if which.startswith(beginning)), ())
    attributes = getattr(event, which) if fields else None
    return {number for field in fields if (number := getattr(attributes, field, 0))}
