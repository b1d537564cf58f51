"""What mutations of schedules are given. A field that is left out of an update stays as it is; null takes it away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.starts import KEY, RetryPolicyInput
from app.api.inputs.values import json_object
from app.cluster import Interval, OverlapPolicy
from app.cluster.schedule_change import (
    ActionChange,
    CalendarRanges,
    PoliciesChange,
    Range,
    ScheduleChange,
    SpecChange,
    StateChange,
)
from app.errors import Path
from app.gateway.schedules.schedule_names import ScheduleName

UNSET: Any = strawberry.UNSET


def _optional(description: str | None = None) -> Any:
    return strawberry.field(default=UNSET, description=description)


@strawberry.input(description="The numbers from start to end, both within.")
class ScheduleRangeInput:
    start: int
    end: int | None = strawberry.field(default=None, description="start where not given.")
    step: int = 1

    def value(self) -> Range:
        return Range(self.start, self.start if self.end is None else self.end, self.step)


@strawberry.input(
    description=(
        "Moments that match every field, in the schedule's time zone. Seconds, minutes and hours that are not given"
        " are 0; any other field that is not given matches all."
    )
)
class ScheduleCalendarInput:
    second: list[ScheduleRangeInput] | None = None
    minute: list[ScheduleRangeInput] | None = None
    hour: list[ScheduleRangeInput] | None = None
    day_of_month: list[ScheduleRangeInput] | None = None
    month: list[ScheduleRangeInput] | None = None
    year: list[ScheduleRangeInput] | None = None
    day_of_week: list[ScheduleRangeInput] | None = strawberry.field(default=None, description="0, Sunday, to 6.")
    comment: str | None = None

    def value(self) -> CalendarRanges:
        def ranges(given: list[ScheduleRangeInput] | None) -> Sequence[Range]:
            return [each.value() for each in given or ()]

        return CalendarRanges(
            second=ranges(self.second),
            minute=ranges(self.minute),
            hour=ranges(self.hour),
            day_of_month=ranges(self.day_of_month),
            month=ranges(self.month),
            year=ranges(self.year),
            day_of_week=ranges(self.day_of_week),
            comment=self.comment,
        )


@strawberry.input(description="Moments at a fixed distance, counted from 1970-01-01 UTC.")
class ScheduleIntervalInput:
    every_seconds: float = strawberry.field(description="Whole seconds, 1 or more.")
    offset_seconds: float = strawberry.field(default=0.0, description="Whole seconds: how far the moments are shifted.")

    def value(self) -> Interval:
        return Interval(self.every_seconds, self.offset_seconds)


@strawberry.input(description="When runs start: at every moment of its parts but the excluded ones.")
class ScheduleSpecInput:
    calendars: list[ScheduleCalendarInput] | None = _optional(
        "Temporal makes calendars of cron strings: an update that gives one of the two replaces both."
    )
    cron: list[str] | None = _optional("Such as 30 9 * * MON-FRI, or @daily.")
    intervals: list[ScheduleIntervalInput] | None = _optional()
    excluded: list[ScheduleCalendarInput] | None = _optional("Moments at which nothing starts.")
    start_time: datetime | None = _optional("Nothing starts earlier; null: no bound.")
    end_time: datetime | None = _optional("Nothing starts later; null: no bound.")
    jitter_seconds: float | None = _optional("Each start is put off at random by up to this.")
    time_zone: str | None = _optional("IANA name of the zone of calendars and cron strings; UTC where not given.")

    def value(self) -> SpecChange:
        change: SpecChange = {}
        if self.calendars is not UNSET:
            change["calendars"] = [each.value() for each in self.calendars or ()]
        if self.cron is not UNSET:
            change["cron"] = self.cron or []
        if self.intervals is not UNSET:
            change["intervals"] = [each.value() for each in self.intervals or ()]
        if self.excluded is not UNSET:
            change["excluded"] = [each.value() for each in self.excluded or ()]
        if self.start_time is not UNSET:
            change["start_time"] = utc(self.start_time)
        if self.end_time is not UNSET:
            change["end_time"] = utc(self.end_time)
        if self.jitter_seconds is not UNSET:
            change["jitter"] = self.jitter_seconds or 0.0
        if self.time_zone is not UNSET:
            change["time_zone"] = self.time_zone or ""
        return change


@strawberry.input
class SchedulePoliciesInput:
    overlap: OverlapPolicy | None = _optional("SKIP where not given.")
    catch_up_window_seconds: float | None = _optional(
        "How late a start that was missed may still happen; Temporal's default, a year, where not given."
    )
    pause_on_failure: bool | None = _optional("Whether a run that fails for good pauses the schedule.")
    keep_original_workflow_id: bool | None = _optional(
        "Whether every run has the same workflow id, without the time it was due."
    )

    def value(self) -> PoliciesChange:
        change: PoliciesChange = {}
        if self.overlap is not UNSET:
            change["overlap"] = self.overlap or OverlapPolicy.SKIP
        if self.catch_up_window_seconds is not UNSET:
            change["catch_up_window"] = self.catch_up_window_seconds
        if self.pause_on_failure is not UNSET:
            change["pause_on_failure"] = bool(self.pause_on_failure)
        if self.keep_original_workflow_id is not UNSET:
            change["keep_original_workflow_id"] = bool(self.keep_original_workflow_id)
        return change


_AS_THEY_ARE = ("workflow_id", "task_queue", "summary", "details")
_OBJECTS = {"metadata": "metadata", "memo": "memo", "search_attributes": "searchAttributes"}
_SPANS = ("execution_timeout", "run_timeout", "task_timeout")


@strawberry.input(description="The workflow that is started, checked as startWorkflow checks it.")
class ScheduleActionInput:
    workflow_type: str | None = _optional("Needed by a new schedule.")
    workflow_id: str | None = _optional(
        "What the runs' workflow ids begin with; they go on with the time they were due. The schedule's id where not"
        " given."
    )
    input: list[JSON | None] | None = _optional("The workflow's arguments; one object for most.")
    task_queue: str | None = _optional("From the registry where it is not given.")
    metadata: JSON | None = _optional("An object, by which the runs can be searched.")
    memo: JSON | None = _optional("Of the runs.")
    search_attributes: JSON | None = _optional("Of the runs.")
    summary: str | None = _optional("Temporal's static summary, one line.")
    details: str | None = _optional("Temporal's static details, Markdown.")
    execution_timeout_seconds: float | None = _optional()
    run_timeout_seconds: float | None = _optional()
    task_timeout_seconds: float | None = _optional()
    retry_policy: RetryPolicyInput | None = _optional()

    def value(self, path: Path) -> ActionChange:
        """BadUserInput at `path` for what is no object."""
        change: dict[str, Any] = {name: getattr(self, name) for name in _AS_THEY_ARE}
        change["workflow_type"] = _if_given(self.workflow_type, lambda given: given or "")
        change["input"] = _if_given(self.input, lambda given: given or [])
        for name, shown in _OBJECTS.items():
            change[name] = _object(getattr(self, name), (*path, shown))
        for name in _SPANS:
            change[name] = getattr(self, f"{name}_seconds")
        change["retry_policy"] = _if_given(self.retry_policy, lambda given: given.value() if given else None)
        return {name: value for name, value in change.items() if value is not UNSET}  # type: ignore[return-value]


@strawberry.input
class ScheduleRef:
    schedule_id: str
    namespace: str | None = None
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    @property
    def named(self) -> ScheduleName:
        return ScheduleName(self.schedule_id, self.namespace)


@strawberry.input
class CreateScheduleInput(ScheduleRef):
    spec: ScheduleSpecInput = strawberry.field(description="An empty one starts nothing by itself.")
    action: ScheduleActionInput
    policies: SchedulePoliciesInput | None = None
    notes: str | None = strawberry.field(default=None, description="What to say of its state.")
    paused: bool = False
    remaining_starts: int | None = strawberry.field(default=None, description="How many runs it may start; null: any.")
    trigger_now: bool = strawberry.field(default=False, description="Start a run at once as well.")
    memo: JSON | None = strawberry.field(default=None, description="Of the schedule.")
    search_attributes: JSON | None = strawberry.field(default=None, description="Of the schedule.")

    def value(self) -> ScheduleChange:
        return ScheduleChange(
            spec=self.spec.value(),
            policies=self.policies.value() if self.policies else {},
            action=self.action.value(("action",)),
            state={"notes": self.notes or "", "paused": self.paused, "remaining_starts": self.remaining_starts},
            memo=json_object(self.memo, ("memo",)),
            search_attributes=json_object(self.search_attributes, ("searchAttributes",)),
        )


@strawberry.input(description="Only what is given is changed, whoever else changes the rest meanwhile.")
class UpdateScheduleInput(ScheduleRef):
    spec: ScheduleSpecInput | None = None
    action: ScheduleActionInput | None = None
    policies: SchedulePoliciesInput | None = None
    notes: str | None = _optional()
    remaining_starts: int | None = _optional("How many more runs it may start; null: any.")
    memo: JSON | None = _optional("Of the schedule, as a whole; not every server can change it.")
    search_attributes: JSON | None = _optional("Of the schedule, as a whole.")

    def value(self) -> ScheduleChange:
        state: StateChange = {}
        if self.notes is not UNSET:
            state["notes"] = self.notes or ""
        if self.remaining_starts is not UNSET:
            state["remaining_starts"] = self.remaining_starts
        memo = _object(self.memo, ("memo",))
        attributes = _object(self.search_attributes, ("searchAttributes",))
        return ScheduleChange(
            spec=self.spec.value() if self.spec else {},
            policies=self.policies.value() if self.policies else {},
            action=self.action.value(("action",)) if self.action else {},
            state=state,
            memo=None if memo is UNSET else memo,
            search_attributes=None if attributes is UNSET else attributes,
        )


@strawberry.input
class PauseScheduleInput(ScheduleRef):
    notes: str | None = strawberry.field(default=None, description="Why; who did it where not given.")


@strawberry.input
class UnpauseScheduleInput(ScheduleRef):
    notes: str | None = strawberry.field(default=None, description="Why; who did it where not given.")


@strawberry.input
class TriggerScheduleInput(ScheduleRef):
    overlap: OverlapPolicy | None = strawberry.field(default=None, description="The schedule's own where not given.")


@strawberry.input
class BackfillScheduleInput(ScheduleRef):
    start_time: datetime = strawberry.field(description="The first moment within.")
    end_time: datetime = strawberry.field(description="The last moment within.")
    overlap: OverlapPolicy | None = strawberry.field(
        default=None, description="The schedule's own where not given: with SKIP, most of them would be left out."
    )


@strawberry.input
class DeleteScheduleInput(ScheduleRef):
    pass


def utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _if_given(value: Any, read: Callable[[Any], Any]) -> Any:
    return value if value is UNSET else read(value)


def _object(value: Any, path: Path) -> Mapping[str, Any] | Any:
    return value if value is UNSET else json_object(value, path)
