"""Where a run is, by what the last runs of its type were like.

The profile says at which fraction of a run each of its activities closes. The place of a run is that of the activity
that closed furthest along, moved on with the clock at the usual pace, up to the place of the next one: what has not
closed yet is not behind us. So the place only ever grows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.model import Activity, ActivityStatus, Profile, ProfileStep, Projection

SLOWEST, FASTEST = 3.0, 1 / 3
"""How much slower or faster than usual the rest of a run is taken to go."""
OVERDUE = 1.5
"""A run or an activity is overdue at so many times the p90 of its profile."""
ENOUGH_RUNS = 5
"""How many runs a profile needs before anything is called overdue by it."""


@dataclass(frozen=True, slots=True)
class Place:
    """`fraction` is of the run, 0 to below 1; `remaining` is in seconds, None once the run takes longer than its
    profile could tell."""

    fraction: float
    remaining: float | None
    activities: int


def place_of(projection: Projection, profile: Profile, at: datetime, beats: Mapping[str, float]) -> Place:
    """Where the run was at `at`. `beats` says how far open activities are, 0 to 1, by activity id."""
    start = begun_at(projection) or at
    reached, reached_at, lifted = 0.0, start, 0.0
    done = set()
    for activity, step in matched(projection, profile):
        closed_at = _closed_at(activity, projection, at)
        if closed_at is not None:
            done.add(step)
            if step.closes >= reached:
                reached, reached_at = step.closes, max(closed_at, start)
        elif (told := beats.get(activity.activity_id)) is not None:
            lifted = max(lifted, step.begins + told * (step.closes - step.begins))
    ahead = min((step.closes for step in profile.steps if step not in done and step.closes > reached), default=1.0)
    moved = max(0.0, (at - reached_at).total_seconds()) / profile.p50 if profile.p50 > 0 else 1.0
    fraction = max(min(reached + moved, ahead), lifted)
    pace = _pace((reached_at - start).total_seconds(), reached, profile)
    late = (at - start).total_seconds() > OVERDUE * profile.p90
    wait = max(0.0, (start - at).total_seconds())
    remaining = None if late else wait + (1.0 - fraction) * profile.p50 * pace
    return Place(fraction, remaining, max(round(profile.activities), 1 if profile.steps else 0))


def begun_at(projection: Projection) -> datetime | None:
    """When the run begins to run, which may be still to come."""
    return projection.execution_time or projection.start_time


def matched(projection: Projection, profile: Profile) -> Iterator[tuple[Activity, ProfileStep]]:
    """The run's activities that the profile knows."""
    known = {(step.activity_type, step.nth): step for step in profile.steps}
    seen: Counter[str] = Counter()
    for activity in projection.activities:
        seen[activity.activity_type] += 1
        if step := known.get((activity.activity_type, seen[activity.activity_type])):
            yield activity, step


def _closed_at(activity: Activity, projection: Projection, at: datetime) -> datetime | None:
    """When the activity had closed by itself, if it had at `at`: the end of a run ends the others."""
    closed_at = activity.close_time if activity.status.is_closed else None
    if closed_at is None or closed_at > at:
        return None
    ended_with_run = activity.status is ActivityStatus.CANCELED and closed_at == projection.close_time
    return None if ended_with_run else closed_at


def _pace(elapsed: float, reached: float, profile: Profile) -> float:
    """How fast the rest goes: the pace so far, trusted the more the further it reaches."""
    usual = reached * profile.p50
    if usual <= 0 or elapsed <= 0:
        return 1.0
    return float(min(SLOWEST, max(FASTEST, (elapsed / usual) ** reached)))
