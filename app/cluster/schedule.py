"""Schedules: when they start which workflow, and what they have started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.model import ExecutionRef, Json, Payload, RetryPolicy, WorkflowStatus


class OverlapPolicy(StrEnum):
    """What happens when the next run is due and the one before is still open."""

    SKIP = "SKIP"
    BUFFER_ONE = "BUFFER_ONE"
    BUFFER_ALL = "BUFFER_ALL"
    CANCEL_OTHER = "CANCEL_OTHER"
    TERMINATE_OTHER = "TERMINATE_OTHER"
    ALLOW_ALL = "ALLOW_ALL"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Moments that match every field. Each field is a list of numbers and ranges as text, such as `8-18/2`, or
    `*`; months and days of the week are named."""

    second: str
    minute: str
    hour: str
    day_of_month: str
    month: str
    year: str
    day_of_week: str
    comment: str | None = None

    @property
    def text(self) -> str:
        """In words: `09:30 on Mon-Fri`; the fields by name where they make no single time of day."""
        words = [self._time]
        if self.day_of_week != "*":
            words.append(f"on {self.day_of_week}")
        if self.day_of_month != "*":
            words.append(f"on day {self.day_of_month}")
        if self.month != "*":
            words.append(f"in {self.month}")
        if self.year != "*":
            words.append(f"in {self.year}")
        return " ".join(words)

    @property
    def _time(self) -> str:
        parts = (self.hour, self.minute, self.second)
        if all(part.isdigit() for part in parts):
            shown = parts if int(self.second) else parts[:2]
            return ":".join(part.zfill(2) for part in shown)
        named = [f"hour {self.hour}", f"minute {self.minute}"]
        if self.second != "0":
            named.append(f"second {self.second}")
        return ", ".join(named)


@dataclass(frozen=True, slots=True)
class Interval:
    """Moments at epoch + n * every + offset, in seconds."""

    every: float
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """When: the union of calendars, intervals and cron strings, without what matches `excluded`."""

    calendars: tuple[Calendar, ...] = ()
    intervals: tuple[Interval, ...] = ()
    cron: tuple[str, ...] = ()
    """Only from servers that do not compile cron strings into calendars."""
    excluded: tuple[Calendar, ...] = ()
    start_time: datetime | None = None
    end_time: datetime | None = None
    jitter: float = 0.0
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """A run that a schedule started."""

    ref: ExecutionRef
    schedule_time: datetime | None = None
    """When it was due."""
    actual_time: datetime | None = None
    """When it was started."""
    status: WorkflowStatus | None = None
    """As the schedule last saw it, which may be behind."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as the list shows it. Recent runs are newest last, next times soonest first."""

    namespace: str
    schedule_id: str
    spec: ScheduleSpec
    workflow_type: str
    paused: bool
    notes: str | None
    tenant: str | None
    """None where neither its memo nor its search attributes name one."""
    environment: str | None
    recent_runs: tuple[ScheduleRun, ...] = ()
    next_times: tuple[datetime, ...] = ()
    memo: Mapping[str, Json] = field(default_factory=dict)
    search_attributes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SchedulePolicies:
    overlap: OverlapPolicy
    catch_up_window: float
    """How late a missed start may still happen, in seconds."""
    pause_on_failure: bool
    keep_original_workflow_id: bool


@dataclass(frozen=True, slots=True)
class ScheduleAction:
    """The workflow that a schedule starts; spans in seconds, None where there is no bound."""

    namespace: str
    workflow_type: str
    workflow_id: str
    """The started runs' ids are this and the time they were due, unless the policy keeps it."""
    task_queue: str
    input: tuple[Payload, ...] = ()
    memo: Mapping[str, Json] = field(default_factory=dict)
    search_attributes: Mapping[str, Json] = field(default_factory=dict)
    summary: str | None = None
    details: str | None = None
    execution_timeout: float | None = None
    run_timeout: float | None = None
    task_timeout: float | None = None
    retry_policy: RetryPolicy | None = None


@dataclass(frozen=True, slots=True)
class ScheduleCounts:
    """What a schedule has done since it was created."""

    started: int
    missed_catch_up_window: int
    overlap_skipped: int
    buffer_dropped: int
    buffered: int


@dataclass(frozen=True, slots=True)
class ScheduleDetail:
    """What only describe tells of a schedule."""

    schedule: Schedule
    action: ScheduleAction
    policies: SchedulePolicies
    counts: ScheduleCounts
    remaining_starts: int | None
    """None: no bound."""
    running: tuple[ExecutionRef, ...] = ()
    create_time: datetime | None = None
    update_time: datetime | None = None
