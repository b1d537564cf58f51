"""Timers, named by their summary where they have one."""

from __future__ import annotations

from datetime import timedelta

from temporalio.api.history.v1 import HistoryEvent

from app.history.fold import Fold, summary_of
from app.model import TimelineKind, TimelineStatus
from app.protos import seconds_of


def key_of(started_event_id: int) -> str:
    return f"timer:{started_event_id}"


def on_started(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.timer_started_event_attributes
    seconds = seconds_of(attributes.start_to_fire_timeout) or 0.0
    summary = summary_of(event)
    fold.add_bar(
        key_of(fold.event_id),
        TimelineKind.TIMER,
        summary or attributes.timer_id,
        TimelineStatus.RUNNING,
        summary=summary,
        detail={
            "timerId": attributes.timer_id,
            "seconds": seconds,
            "fireTime": (fold.time + timedelta(seconds=seconds)).isoformat(),
        },
    )


def on_fired(fold: Fold, event: HistoryEvent) -> None:
    fold.end_bar(key_of(event.timer_fired_event_attributes.started_event_id), TimelineStatus.COMPLETED)


def on_canceled(fold: Fold, event: HistoryEvent) -> None:
    fold.end_bar(key_of(event.timer_canceled_event_attributes.started_event_id), TimelineStatus.CANCELED)
