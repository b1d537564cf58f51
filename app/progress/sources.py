"""How far a run is.

Progress is read from the best source that says something: what the workflow published in its memo, what its
running activities told by heartbeat, its phases, and last the count of its activities. A completed run is
at 100 %; one that closed otherwise stays where it was. Counts know only the past, so while a run is open
what is derived from them stays below 100 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.model import (
    Activity,
    Heartbeat,
    Json,
    PendingActivity,
    PhaseStatus,
    Progress,
    ProgressPoint,
    ProgressSource,
    Projection,
    WorkflowStatus,
)
from app.protos import json_of

BELOW_DONE = 99.0
"""The most that counts can say of an open run, in percent."""


def progress(projection: Projection, pending: Iterable[PendingActivity], now: datetime) -> Progress:
    """Where the run is at `now`; `pending` is what describe tells of its open activities."""
    time = projection.last_event_time or now
    pending = () if projection.status.is_closed else tuple(pending)
    found = _best(
        (
            _told(_published(projection), ProgressSource.PUBLISHED, time),
            _heartbeat(projection, pending, time),
            _phases(projection, time),
            _activities(projection, time),
        ),
        time,
    )
    found = _at_status(found, projection.status)
    if projection.status is not WorkflowStatus.RUNNING or projection.start_time is None:
        return found
    return _with_eta(found, projection.start_time, now)


def progress_at(point: ProgressPoint) -> Progress:
    """What the durable log says at one of its entries. Heartbeats and the clock are in no log, so it has no
    ETA."""
    counted = None
    if point.scheduled:
        counted = _counted(point.closed, point.scheduled, ProgressSource.ACTIVITIES, point.time, point.step)
    told = _told(point.published, ProgressSource.PUBLISHED, point.time)
    return _at_status(_best((told, counted), point.time), point.status)


def activity_progress(activity: Activity) -> Progress | None:
    """What an activity tells of itself by its last heartbeat; None where it tells nothing."""
    return _beat(activity.heartbeat, activity.activity_type) if activity.heartbeat else None


def _best(sources: Iterable[Progress | None], time: datetime) -> Progress:
    """The first source that speaks. Where it gives no percent, the next one that does gives it, and keeps
    the step and message of the first."""
    found: Progress | None = None
    for each in sources:
        if each is None:
            continue
        if found is None:
            found = each
        elif each.percent is not None:
            found = replace(each, step=found.step or each.step, message=found.message)
        if found.percent is not None:
            return found
    return found or Progress(updated_at=time, source=ProgressSource.NONE)


def _at_status(found: Progress, status: WorkflowStatus) -> Progress:
    if status is WorkflowStatus.COMPLETED:
        total = found.total_steps
        return replace(found, source=ProgressSource.STATUS, percent=100.0, completed_steps=total)
    if status.is_closed and found.source is ProgressSource.NONE:
        return replace(found, source=ProgressSource.STATUS)
    return found


def _with_eta(found: Progress, start: datetime, now: datetime) -> Progress:
    """Extrapolates from the run so far, once it has come far enough (1 %) to be more than a guess."""
    elapsed = (now - start).total_seconds()
    if found.percent is None or not 1.0 <= found.percent < 100.0 or elapsed <= 0:
        return found
    eta = elapsed * (100.0 - found.percent) / found.percent
    return replace(found, eta_seconds=eta, estimated_close_time=now + timedelta(seconds=eta))


def _published(projection: Projection) -> Json:
    payload = projection.memo.get("progress")
    return json_of(payload) if payload is not None else None


def _told(value: Json, source: ProgressSource, time: datetime) -> Progress | None:
    """A value with any of percent, step, message, completed and total; None where it has none. Fields of a
    wrong type are passed over."""
    if not isinstance(value, Mapping):
        return None
    completed, total = _count(value.get("completed")), _count(value.get("total"))
    percent = _number(value.get("percent"))
    if percent is None and completed is not None and total:
        percent = 100.0 * completed / total
    step, message = _text(value.get("step")), _text(value.get("message"))
    if percent is None and step is None and message is None and completed is None:
        return None
    if percent is not None:
        percent = min(max(percent, 0.0), 100.0)
    return Progress(time, source, percent, step, message, completed, total)


def _heartbeat(projection: Projection, pending: tuple[PendingActivity, ...], time: datetime) -> Progress | None:
    """The running activities' own progress. One known activity speaks for the run; of several, each is
    worth the same, and the latest heartbeat gives step and message."""
    states = {activity.activity_id: activity.status for activity in projection.activities}
    beats = (
        _beat(each.heartbeat, each.activity_type)
        for each in pending
        if each.heartbeat and not (each.activity_id in states and states[each.activity_id].is_closed)
    )
    told = [said for said in beats if said is not None]
    if not told:
        return None
    latest = max(told, key=lambda said: said.updated_at)
    latest = replace(latest, updated_at=max(latest.updated_at, time))
    known = max(len(projection.activities), len(pending))
    if known == 1:
        return latest
    closed = _closed(projection)
    percent = (100.0 * closed + sum(said.percent or 0.0 for said in told)) / known
    return replace(latest, percent=min(percent, BELOW_DONE), completed_steps=closed, total_steps=known)


def _beat(heartbeat: Heartbeat, activity_type: str) -> Progress | None:
    if not heartbeat.details:
        return None
    said = _told(json_of(heartbeat.details[0]), ProgressSource.HEARTBEAT, heartbeat.time)
    return replace(said, step=said.step or activity_type) if said is not None else None


def _phases(projection: Projection, time: datetime) -> Progress | None:
    if not projection.phases:
        return None
    done = sum(phase.status in {PhaseStatus.COMPLETED, PhaseStatus.SKIPPED} for phase in projection.phases)
    running = [phase.name for phase in projection.phases if phase.status is PhaseStatus.STARTED]
    step = ", ".join(running) or None
    return _counted(done, len(projection.phases), ProgressSource.PHASES, time, step)


def _activities(projection: Projection, time: datetime) -> Progress | None:
    known = projection.activities
    if not known:
        return None
    closed = _closed(projection)
    current = next((each for each in reversed(known) if not each.status.is_closed), known[-1])
    return _counted(closed, len(known), ProgressSource.ACTIVITIES, time, current.activity_type)


def _closed(projection: Projection) -> int:
    """How many activities closed by themselves: the end of a run ends the others, which is no progress."""
    return projection.points[-1].closed if projection.points else 0


def _counted(done: int, total: int, source: ProgressSource, time: datetime, step: str | None) -> Progress:
    return Progress(time, source, min(100.0 * done / total, BELOW_DONE), step, None, done, total)


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _count(value: Json) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 <= number < 2**31 else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
