"""The parts of a schedule as Temporal's messages: what is given is written into them, the rest stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import RetryPolicy as RetryPolicyProto
from temporalio.api.enums.v1 import ScheduleOverlapPolicy
from temporalio.api.schedule.v1 import IntervalSpec, Schedule, StructuredCalendarSpec
from temporalio.api.schedule.v1 import Range as RangeProto

from app.cluster.schedule import OverlapPolicy
from app.cluster.schedule_change import (
    ActionChange,
    CalendarRanges,
    PoliciesChange,
    Range,
    ScheduleChange,
    SpecChange,
    StateChange,
)
from app.model import Json, RetryPolicy
from app.temporal.actions import payload, payloads
from app.temporal.connection import TENANT_ATTRIBUTES

if TYPE_CHECKING:
    from temporalio.api.common.v1 import Payload
    from temporalio.api.schedule.v1 import SchedulePolicies, ScheduleSpec, ScheduleState
    from temporalio.api.workflow.v1 import NewWorkflowExecutionInfo

# What the server would take for "matches nothing", and its callers mean as "nothing special".
_USUAL: Mapping[str, Sequence[Range]] = {
    "second": (Range(0, 0),),
    "minute": (Range(0, 0),),
    "hour": (Range(0, 0),),
    "day_of_month": (Range(1, 31),),
    "month": (Range(1, 12),),
    "year": (),
    "day_of_week": (Range(0, 6),),
}


def write(schedule: Schedule, change: ScheduleChange, kept_memo: Collection[str]) -> None:
    """Keys of the runs' memo that are to be kept stay, whatever replaces the others, and so does whose they are."""
    _write_spec(schedule.spec, change.spec)
    _write_policies(schedule.policies, change.policies)
    _write_state(schedule.state, change.state)
    _write_action(schedule.action.start_workflow, change.action, kept_memo)


def _write_spec(proto: ScheduleSpec, change: SpecChange) -> None:
    if "calendars" in change or "cron" in change:
        # Servers make calendars of cron strings, and keep no mark of which they were.
        for name in ("structured_calendar", "calendar", "cron_string"):
            proto.ClearField(name)
        proto.structured_calendar.extend(map(_calendar, change.get("calendars", ())))
        proto.cron_string.extend(change.get("cron", ()))
    if "intervals" in change:
        proto.ClearField("interval")
        proto.interval.extend(
            IntervalSpec(interval=duration(each.every), phase=duration(each.offset)) for each in change["intervals"]
        )
    if "excluded" in change:
        proto.ClearField("exclude_structured_calendar")
        proto.ClearField("exclude_calendar")
        proto.exclude_structured_calendar.extend(map(_calendar, change["excluded"]))
    if "start_time" in change:
        _set(proto, "start_time", _stamp(change["start_time"]))
    if "end_time" in change:
        _set(proto, "end_time", _stamp(change["end_time"]))
    if "jitter" in change:
        _set(proto, "jitter", duration(change["jitter"]))
    if "time_zone" in change:
        proto.ClearField("timezone_data")
        proto.timezone_name = change["time_zone"]


def _write_policies(proto: SchedulePolicies, change: PoliciesChange) -> None:
    if "overlap" in change:
        proto.overlap_policy = overlap_number(change["overlap"])
    if "catch_up_window" in change:
        _set(proto, "catchup_window", duration(change["catch_up_window"]))
    if "pause_on_failure" in change:
        proto.pause_on_failure = change["pause_on_failure"]
    if "keep_original_workflow_id" in change:
        proto.keep_original_workflow_id = change["keep_original_workflow_id"]


def _write_state(proto: ScheduleState, change: StateChange) -> None:
    if "notes" in change:
        proto.notes = change["notes"]
    if "paused" in change:
        proto.paused = change["paused"]
    if "remaining_starts" in change:
        remaining = change["remaining_starts"]
        proto.limited_actions = remaining is not None
        proto.remaining_actions = remaining or 0


def _write_action(proto: NewWorkflowExecutionInfo, change: ActionChange, kept_memo: Collection[str]) -> None:
    if "workflow_type" in change:
        proto.workflow_type.name = change["workflow_type"]
    if "task_queue" in change:
        proto.task_queue.name = change["task_queue"] or ""
    if "workflow_id" in change:
        proto.workflow_id = change["workflow_id"] or ""
    if "input" in change:
        proto.input.CopyFrom(payloads(change["input"]))
    if "memo" in change:
        replace_fields(proto.memo.fields, change["memo"], kept_memo)
    if "metadata" in change:
        replace_fields(proto.memo.fields, {"metadata": dict(change["metadata"])}, set(proto.memo.fields) - {"metadata"})
    if "search_attributes" in change:
        replace_fields(proto.search_attributes.indexed_fields, change["search_attributes"], TENANT_ATTRIBUTES)
    for name in ("summary", "details"):
        if name in change:
            text = change[name]
            _set(proto.user_metadata, name, payload(text) if text else None)
    for name in ("execution_timeout", "run_timeout", "task_timeout"):
        if name in change:
            _set(proto, f"workflow_{name}", duration(change[name]))  # type: ignore[literal-required]
    if "retry_policy" in change:
        _set(proto, "retry_policy", _retry_policy(change["retry_policy"]))


def replace_fields(fields: MutableMapping[str, Payload], given: Mapping[str, Json], kept: Collection[str]) -> None:
    """Replace all but the keys that are kept. Null leaves a key out."""
    for key in set(fields) - set(kept):
        del fields[key]
    for key, value in given.items():
        if value is not None:
            fields[key].CopyFrom(payload(value))


def overlap_number(policy: OverlapPolicy | None) -> ScheduleOverlapPolicy.ValueType:
    """None: the schedule's own."""
    return ScheduleOverlapPolicy.Value(f"SCHEDULE_OVERLAP_POLICY_{policy.value if policy else 'UNSPECIFIED'}")


def duration(seconds: float | None) -> Duration | None:
    if not seconds:
        return None
    span = Duration()
    span.FromMicroseconds(round(seconds * 1e6))
    return span


def _set(message: Any, name: str, value: Any) -> None:
    message.ClearField(name)
    if value is not None:
        getattr(message, name).CopyFrom(value)


def _stamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _calendar(ranges: CalendarRanges) -> StructuredCalendarSpec:
    fields = {name: _ranges(getattr(ranges, name) or usual) for name, usual in _USUAL.items()}
    return StructuredCalendarSpec(**fields, comment=ranges.comment or "")


def _ranges(ranges: Sequence[Range]) -> list[RangeProto]:
    return [RangeProto(start=each.start, end=each.end, step=each.step) for each in ranges]


def _retry_policy(policy: RetryPolicy | None) -> RetryPolicyProto | None:
    if policy is None:
        return None
    return RetryPolicyProto(
        initial_interval=duration(policy.initial_interval),
        backoff_coefficient=policy.backoff_coefficient,
        maximum_interval=duration(policy.maximum_interval),
        maximum_attempts=policy.maximum_attempts or 0,
        non_retryable_error_types=policy.non_retryable_error_types,
    )
