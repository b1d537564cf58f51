"""How far a run is.

Progress is read from the best source that says something: what the workflow published in its memo, what its
running activities told by heartbeat, its phases, what the last runs of its type were like (its profile), and last
the count of its activities. A completed run is at 100 %; one that closed otherwise stays where it was. What is
derived knows only the past, so while a run is open it stays below 100 %, and it never goes down: phases and
activities keep the highest that they reached (`ProgressPoint.percent`), a profile goes by what closed last and the
clock, and a heartbeat adds at most what the end of its activity will add. Only what a workflow itself publishes may
go down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.model import (
    Activity,
    Heartbeat,
    Json,
    PendingActivity,
    PhaseStatus,
    Profile,
    Progress,
    ProgressPoint,
    ProgressSource,
    Projection,
    WorkflowStatus,
    published_in,
)
from app.progress.profile import Place, begun_at, place_of
from app.protos import json_of

BELOW_DONE = 99.0
"""The most that can be derived for an open run, in percent."""


def progress(
    projection: Projection, pending: Iterable[PendingActivity], now: datetime, profile: Profile | None = None
) -> Progress:
    """Where the run is at `now`; `pending` is what describe tells of its open activities, `profile` what the last
    runs of its type were like."""
    time = projection.last_event_time or now
    pending = () if projection.status.is_closed else tuple(pending)
    beats = _beats(projection, pending)
    shares = {activity_id: (said.percent or 0.0) / 100.0 for activity_id, said in beats.items()}
    place = None
    if profile is not None and projection.status is not WorkflowStatus.COMPLETED:
        place = place_of(projection, profile, projection.close_time or now, shares)
    derived = _phases(projection, place, time) or _profiled(projection, place, time) or _activities(projection, time)
    published = _published(projection.points[-1], time) if projection.points else None
    found = _best((published, _heartbeat(projection, beats, derived, time), derived), time)
    found = _at_status(found, projection.status)
    start = begun_at(projection)
    if projection.status is not WorkflowStatus.RUNNING or start is None:
        return found
    if place is not None and found.source not in _knowing_more(place):
        return _closing_in(found, place.remaining, now)
    told = _known_share(projection, beats) if found.source is ProgressSource.HEARTBEAT else found.percent
    return _extrapolated(found, told, start, now)


OF_CLOSED = frozenset(
    {"last_event_time", "close_time", "status", "points", "phases", "activities", "start_time", "execution_time"}
)
"""What of its projection the progress of a closed run is read from."""


def closed_progress(projection: Projection) -> Progress:
    """Where a closed run got to, where no clock changes that, nor anybody else: it completed, or it said so itself.
    These parts of its projection are enough. LookupError of any other run."""
    if projection.last_event_time is None or not projection.status.is_closed:
        raise LookupError("the projection is not that of a closed run")
    found = progress(projection, (), projection.last_event_time)
    if found.source not in {ProgressSource.PUBLISHED, ProgressSource.STATUS} or found.percent is None:
        raise LookupError("the profile of its type may tell more of where the run got to")
    return found


def progress_at(point: ProgressPoint, projection: Projection | None = None, profile: Profile | None = None) -> Progress:
    """What the durable log says at one of its entries. Heartbeats and the clock are in no log, so it has no
    ETA. With the run's projection and profile it says what `progress` said then."""
    place = None
    if profile is not None and projection is not None:
        place = place_of(projection, profile, point.time, {})
    counted: Progress | None = None
    if point.phases_known:
        counted = _at_least(_counted(point, ProgressSource.PHASES), place)
    elif place is not None:
        counted = replace(_counted(point, ProgressSource.PROFILE), percent=_by_profile(place))
    elif point.scheduled:
        counted = _counted(point, ProgressSource.ACTIVITIES)
    return _at_status(_best((_published(point, point.time), counted), point.time), point.status)


def not_below(said: Progress, last: Progress | None) -> Progress:
    """What is said of a run now, with no less percent than was said `last`, unless the workflow says so itself.

    Heartbeats and profiles are in no log: when an activity ends another way than its heartbeats promised, or more
    work turns up, what is derived anew may be less.
    """
    if last is None or last.percent is None or said.source in {ProgressSource.PUBLISHED, ProgressSource.STATUS}:
        return said
    return said if said.percent is not None and said.percent >= last.percent else replace(said, percent=last.percent)


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


def _knowing_more(place: Place) -> frozenset[ProgressSource]:
    """Sources that tell more of the end than a profile does; of a late run it tells nothing."""
    if place.remaining is None:
        return frozenset({ProgressSource.PUBLISHED, ProgressSource.HEARTBEAT})
    return frozenset({ProgressSource.PUBLISHED})


def _extrapolated(found: Progress, percent: float | None, start: datetime, now: datetime) -> Progress:
    """The ETA if the rest goes as the run went so far, once it has come far enough (1 %) to be more than a guess."""
    elapsed = (now - start).total_seconds()
    if percent is None or not 1.0 <= percent < 100.0 or elapsed <= 0:
        return found
    return _closing_in(found, elapsed * (100.0 - percent) / percent, now)


def _known_share(projection: Projection, beats: Mapping[str, Progress]) -> float:
    """The percent of the known activities that is done. The run's own percent leaves room for what may still come,
    which is no base for a time."""
    closed = projection.points[-1].closed if projection.points else 0
    told = sum(said.percent or 0.0 for said in beats.values())
    return (100.0 * closed + told) / max(len(projection.activities), closed + len(beats))


def _closing_in(found: Progress, seconds: float | None, now: datetime) -> Progress:
    if seconds is None:
        return found
    return replace(found, eta_seconds=seconds, estimated_close_time=now + timedelta(seconds=seconds))


def _published(point: ProgressPoint, time: datetime) -> Progress | None:
    return _told(point.published, ProgressSource.PUBLISHED, time)


def _told(value: Json, source: ProgressSource, time: datetime) -> Progress | None:
    said = published_in(value)
    if said is None:
        return None
    return Progress(time, source, said.percent, said.step, said.message, said.completed, said.total)


def _beats(projection: Projection, pending: tuple[PendingActivity, ...]) -> dict[str, Progress]:
    """What each open activity told by its last heartbeat, by activity id."""
    closed = {each.activity_id for each in projection.activities if each.status.is_closed}
    closed -= {each.activity_id for each in projection.activities if not each.status.is_closed}
    found = {}
    for each in pending:
        if each.heartbeat and each.activity_id not in closed:
            said = _beat(each.heartbeat, each.activity_type)
            if said is not None:
                found[each.activity_id] = said
    return found


def _heartbeat(
    projection: Projection, beats: Mapping[str, Progress], derived: Progress | None, time: datetime
) -> Progress | None:
    """The running activities' own progress on top of what is derived without it. The latest heartbeat gives step
    and message, and of a single known activity its counts as well."""
    if not beats:
        return None
    latest = max(beats.values(), key=lambda said: said.updated_at)
    latest = replace(latest, updated_at=max(latest.updated_at, time))
    if derived is None:
        return replace(latest, percent=None)
    percent = derived.percent or 0.0
    if derived.source is not ProgressSource.PROFILE:  # A profile has taken them into account.
        point = projection.points[-1]
        told = sum(said.percent or 0.0 for said in beats.values()) / 100.0
        open_now = max(point.scheduled - point.closed, len(beats))
        percent = _below(percent + max(0.0, point.full - percent) * told / open_now)
    if len(projection.activities) > 1:
        latest = replace(latest, completed_steps=derived.completed_steps, total_steps=derived.total_steps)
    return replace(latest, percent=percent)


def _beat(heartbeat: Heartbeat, activity_type: str) -> Progress | None:
    if not heartbeat.details:
        return None
    said = _told(json_of(heartbeat.details[0]), ProgressSource.HEARTBEAT, heartbeat.time)
    return replace(said, step=said.step or activity_type) if said is not None else None


def _phases(projection: Projection, place: Place | None, time: datetime) -> Progress | None:
    if not projection.phases or not projection.points:
        return None
    running = [phase.name for phase in projection.phases if phase.status is PhaseStatus.STARTED]
    counted = _counted(projection.points[-1], ProgressSource.PHASES)
    return replace(_at_least(counted, place), updated_at=time, step=", ".join(running) or None)


def _at_least(counted: Progress, place: Place | None) -> Progress:
    """Before its first phase a run was told by its profile: the phases go on from there."""
    if place is None:
        return counted
    return replace(counted, percent=max(counted.percent or 0.0, _by_profile(place)))


def _by_profile(place: Place) -> float:
    return _below(round(100.0 * place.fraction, 1))


def _profiled(projection: Projection, place: Place | None, time: datetime) -> Progress | None:
    if place is None:
        return None
    point = projection.points[-1] if projection.points else None
    total = max(place.activities, point.scheduled if point else 0)
    closed = point.closed if point else 0
    return Progress(time, ProgressSource.PROFILE, _by_profile(place), _current(projection), None, closed, total)


def _activities(projection: Projection, time: datetime) -> Progress | None:
    if not projection.activities or not projection.points:
        return None
    counted = _counted(projection.points[-1], ProgressSource.ACTIVITIES)
    return replace(counted, updated_at=time, step=_current(projection))


def _current(projection: Projection) -> str | None:
    """The type of the activity that began last of those that are open, else of all."""
    known = projection.activities
    if not known:
        return None
    return next((each for each in reversed(known) if not each.status.is_closed), known[-1]).activity_type


def _counted(point: ProgressPoint, source: ProgressSource) -> Progress:
    by_phase = source is ProgressSource.PHASES
    done, total = (point.phases_done, point.phases_known) if by_phase else (point.closed, point.scheduled)
    return Progress(point.time, source, _below(point.percent), point.step, None, done, total)


def _below(percent: float) -> float:
    return min(percent, BELOW_DONE)
