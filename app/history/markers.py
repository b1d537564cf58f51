"""Markers: what the SDKs record of things that ran inside a workflow task.

Local activities, in three formats. The SDKs on Temporal's Rust core (Python, TypeScript, .NET, Ruby) write
`core_local_activity` with a JSON `data` in snake case; Go writes `LocalActivity` with a JSON `data` of its
struct; Java writes `LocalActivity` with one detail per field and `meta`. Patches: `core_patch` or
`Version`. Everything else is an instantaneous item of its own name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import Payloads
from temporalio.api.history.v1 import HistoryEvent, MarkerRecordedEventAttributes

from app.history.activities import ENDS, is_compensation, key_of
from app.history.fold import Fold, summary_of
from app.model import (
    Activity,
    ActivityStatus,
    Attempt,
    Failure,
    FailureKind,
    Json,
    Payload,
    TimelineItem,
    TimelineKind,
    TimelineStatus,
)
from app.protos import failure_of, json_of, payload_of, payloads_of

Details = Mapping[str, Payloads]


def on_recorded(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.marker_recorded_event_attributes
    name = attributes.marker_name
    if name in {"core_local_activity", "LocalActivity"}:
        _local_activity(fold, event, attributes)
    elif name in {"core_patch", "Version"}:
        patch = _patch(attributes.details)
        if patch and patch not in fold.run.patches:
            fold.set(patches=(*fold.run.patches, patch))
    else:
        failure = failure_of(attributes.failure) if attributes.HasField("failure") else None
        fold.add_moment(
            f"marker:{fold.event_id}",
            TimelineKind.MARKER,
            name,
            failure=failure,
            summary=summary_of(event),
            result=_outcome(attributes.details),
        )


@dataclass(frozen=True)
class _Local:
    """What a marker tells of a local activity, whatever SDK wrote it."""

    activity_id: str
    activity_type: str
    attempt: int = 1
    scheduled_time: datetime | None = None
    complete_time: datetime | None = None
    backoff: timedelta | None = None
    """Set where the activity failed and goes on after a timer."""


def _local_activity(fold: Fold, event: HistoryEvent, attributes: MarkerRecordedEventAttributes) -> None:
    local = _read_local(attributes.details, fold.event_id)
    failure = failure_of(attributes.failure) if attributes.HasField("failure") else None
    status = _status(failure, local)
    retry_key = (local.activity_type, local.scheduled_time or fold.time)
    first_event_id = fold.local_retries.pop(retry_key, fold.event_id)
    activity = _activity(fold, event, attributes, local, first_event_id)
    activity = replace(activity, status=status, summary=activity.summary or summary_of(event))
    if status is ActivityStatus.RETRYING:
        fold.local_retries[retry_key] = first_event_id
        retry_time = fold.time + (local.backoff or timedelta())
        activity = replace(activity, last_failure=failure, next_attempt_time=retry_time)
    else:
        started = activity.start_time if local.attempt == 1 else None
        closing = Attempt(local.attempt, started, close_time=_end(fold, local), failure=failure)
        attempts = (*activity.attempts, closing)
        activity = replace(activity, close_time=closing.close_time, failure=failure, attempts=attempts)
        fold.closed_activities += 1
    fold.activities[first_event_id] = activity
    _bar(fold, activity)
    if first_event_id == fold.event_id and is_compensation(activity.summary, activity.activity_id):
        fold.compensations.append(first_event_id)
    fold.move(activity.activity_type)


def _activity(
    fold: Fold,
    event: HistoryEvent,
    attributes: MarkerRecordedEventAttributes,
    local: _Local,
    first_event_id: int,
) -> Activity:
    known = fold.activities.get(first_event_id)
    if known is not None:
        before = Attempt(known.attempt, failure=known.last_failure)
        return replace(
            known,
            attempt=local.attempt,
            attempts=(*known.attempts, before),
            result=_outcome(attributes.details),
            next_attempt_time=None,
        )
    scheduled = min(local.scheduled_time or _end(fold, local), fold.time)
    return Activity(
        activity_id=local.activity_id,
        activity_type=local.activity_type,
        status=ActivityStatus.COMPLETED,
        scheduled_event_id=first_event_id,
        scheduled_time=scheduled,
        attempt=local.attempt,
        start_time=scheduled if local.attempt == 1 else None,
        is_local=True,
        input=payloads_of(attributes.details["input"]) if "input" in attributes.details else (),
        result=_outcome(attributes.details),
    )


def _bar(fold: Fold, activity: Activity) -> None:
    key = key_of(activity.scheduled_event_id)
    closed = activity.status.is_closed
    end = max(activity.close_time, activity.scheduled_time) if activity.close_time else None
    if fold.timeline.get(key) is None:
        status = ENDS[activity.status] if closed else TimelineStatus.RUNNING
        item = TimelineItem(
            key=key,
            kind=TimelineKind.LOCAL_ACTIVITY,
            name=activity.activity_type,
            status=status,
            start_time=activity.scheduled_time,
            end_time=end,
            lane=fold.timeline.lane(activity.scheduled_time, end),
            attempt=activity.attempt,
            event_ids=(fold.event_id,),
            failure=activity.failure,
            activity_id=activity.activity_id,
            summary=activity.summary,
            input=activity.input,
            result=activity.result,
        )
        fold.timeline.add(item)
    elif end is not None:
        fold.change_bar(key, attempt=activity.attempt, failure=activity.failure, result=activity.result)
        fold.timeline.end(key, ENDS[activity.status], end)
    else:
        fold.change_bar(key, attempt=activity.attempt)


def _status(failure: Failure | None, local: _Local) -> ActivityStatus:
    if failure is None:
        return ActivityStatus.COMPLETED
    if local.backoff:
        return ActivityStatus.RETRYING
    kind = failure.cause.kind if failure.kind is FailureKind.ACTIVITY and failure.cause else failure.kind
    if kind is FailureKind.TIMEOUT:
        return ActivityStatus.TIMED_OUT
    return ActivityStatus.CANCELED if kind is FailureKind.CANCELED else ActivityStatus.FAILED


def _end(fold: Fold, local: _Local) -> datetime:
    """The time of completion is the workflow's own, which may lag behind the clock and even behind the
    schedule time; where it cannot be right, the marker's time bounds it from above."""
    end = local.complete_time
    if end is None or end > fold.time or (local.scheduled_time and end < local.scheduled_time):
        return fold.time
    return end


def _read_local(details: Details, event_id: int) -> _Local:
    data, meta = _value(details, "data"), _value(details, "meta")
    fields = {_plain(key): value for key, value in data.items()} if isinstance(data, dict) else {}
    if isinstance(meta, dict):
        fields = {
            "activityid": _value(details, "activityId"),
            "activitytype": _value(details, "type"),
            "attempt": meta.get("atpt"),
            "originalscheduletime": _millis(meta.get("firstSkd")),
            "completetime": _millis(_value(details, "time")),
            "backoff": meta.get("backoff"),
        }
    activity_id, activity_type = fields.get("activityid"), fields.get("activitytype")
    activity_id = activity_id or _value(details, "activityId")
    activity_type = activity_type or _value(details, "type")
    attempt = fields.get("attempt")
    return _Local(
        activity_id=str(activity_id or event_id),
        activity_type=activity_type if isinstance(activity_type, str) else "LocalActivity",
        attempt=max(attempt, 1) if isinstance(attempt, int) else 1,
        scheduled_time=_time(fields.get("originalscheduletime")),
        complete_time=_time(fields.get("completetime") or fields.get("replaytime")),
        backoff=_span(fields.get("backoff")),
    )


def _plain(key: str) -> str:
    """The formats differ in case only: activity_id, activityId, ActivityID."""
    return key.replace("_", "").lower()


def _value(details: Details, key: str) -> Json:
    """The first value of a detail, None where there is none. Asking a protobuf map for a key would add it."""
    if key not in details or not details[key].payloads:
        return None
    return json_of(payload_of(details[key].payloads[0]))


def _outcome(details: Details) -> tuple[Payload, ...]:
    for key in ("result", "data"):
        if key in details and not (key == "data" and "result" not in details and _is_metadata(details)):
            return payloads_of(details[key])
    return ()


def _is_metadata(details: Details) -> bool:
    """Whether `data` tells of the local activity rather than being its result."""
    data = _value(details, "data")
    return isinstance(data, dict) and "activitytype" in {_plain(key) for key in data}


def _patch(details: Details) -> str | None:
    """As Temporal's search attribute TemporalChangeVersion writes it: the id, and Go's and Java's with
    version."""
    data = _value(details, "patch-data")
    if isinstance(data, dict):
        return str(data.get("id") or "") or None
    if "patch_id" in details and details["patch_id"].payloads:  # as old versions of the core wrote it
        return details["patch_id"].payloads[0].data.decode("utf-8", "replace") or None
    change = _value(details, "change-id") or _value(details, "changeId")
    version = _value(details, "version")
    if not isinstance(change, str):
        return None
    return f"{change}-{version}" if isinstance(version, int) else change


def _time(value: Json) -> datetime | None:
    try:
        if isinstance(value, dict):
            seconds = value["seconds"] + value.get("nanos", 0) / 1e9
            return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None
    return None


def _millis(value: Json) -> Json:
    return {"seconds": value / 1000} if isinstance(value, int | float) else None


def _span(value: Json) -> timedelta | None:
    """Core writes {seconds, nanos} or "1.5s", Go nanoseconds; a span that cannot be read still says
    "retrying"."""
    try:
        if isinstance(value, dict):
            seconds = value.get("seconds", 0) + value.get("nanos", 0) / 1e9
        elif isinstance(value, str):
            seconds = float(value.removesuffix("s"))
        else:
            seconds = (value or 0) / 1e9
        return timedelta(seconds=seconds) if math.isfinite(seconds) and seconds > 0 else None
    except (ValueError, TypeError, OverflowError):
        return None
