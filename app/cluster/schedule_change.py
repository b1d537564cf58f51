"""What somebody wants of a schedule: only what is given is changed. Spans are in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from app.cluster.schedule import Interval, OverlapPolicy
from app.model import Json, RetryPolicy


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers from `start` to `end`, both within, in steps."""

    start: int
    end: int
    step: int = 1


@dataclass(frozen=True, slots=True)
class CalendarRanges:
    """Moments that match every field. Without ranges, seconds, minutes and hours are 0 and any other field matches
    all. Sunday is 0."""

    second: Sequence[Range] = ()
    minute: Sequence[Range] = ()
    hour: Sequence[Range] = ()
    day_of_month: Sequence[Range] = ()
    month: Sequence[Range] = ()
    year: Sequence[Range] = ()
    day_of_week: Sequence[Range] = ()
    comment: str | None = None


class SpecChange(TypedDict, total=False):
    """`calendars` and `cron` are one set in Temporal: giving one of them replaces both."""

    calendars: Sequence[CalendarRanges]
    cron: Sequence[str]
    intervals: Sequence[Interval]
    excluded: Sequence[CalendarRanges]
    start_time: datetime | None
    end_time: datetime | None
    jitter: float
    time_zone: str


class PoliciesChange(TypedDict, total=False):
    overlap: OverlapPolicy
    catch_up_window: float | None
    pause_on_failure: bool
    keep_original_workflow_id: bool


class ActionChange(TypedDict, total=False):
    """None leaves it to the registry, or to the server."""

    workflow_type: str
    workflow_id: str | None
    input: Sequence[Json]
    task_queue: str | None
    metadata: Mapping[str, Json]
    memo: Mapping[str, Json]
    search_attributes: Mapping[str, Json]
    summary: str | None
    details: str | None
    execution_timeout: float | None
    run_timeout: float | None
    task_timeout: float | None
    retry_policy: RetryPolicy | None


class StateChange(TypedDict, total=False):
    notes: str
    paused: bool
    remaining_starts: int | None
    """None: no bound."""


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    spec: SpecChange = field(default_factory=SpecChange)
    policies: PoliciesChange = field(default_factory=PoliciesChange)
    action: ActionChange = field(default_factory=ActionChange)
    state: StateChange = field(default_factory=StateChange)
    memo: Mapping[str, Json] | None = None
    """None leaves it as it is."""
    search_attributes: Mapping[str, Json] | None = None
