"""Profiles: what the last completed runs of a workflow type were like. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from app.model import Profile, ProfileStep

USUAL = 0.5
"""An activity that fewer of the runs have is no step of the profile."""

ProfileKey = tuple[str, str, str, str]
"""Namespace, tenant, environment, workflow type."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A completed run: its duration in seconds, and its activities in the order of their schedule as type, and
    seconds from the run's execution time to their schedule and to their close."""

    duration: float
    activities: tuple[tuple[str, float, float], ...] = ()


def profile_of(key: ProfileKey, runs: Sequence[PastRun]) -> Profile | None:
    """What these runs have in common; None of no runs."""
    if not runs:
        return None
    durations = sorted(run.duration for run in runs)
    return Profile(
        *key,
        runs=len(runs),
        p50=median(durations),
        p90=high_of(durations),
        activities=fmean(len(run.activities) for run in runs),
        steps=tuple(_steps(runs)),
    )


def _steps(runs: Sequence[PastRun]) -> list[ProfileStep]:
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for run in runs:
        seen: dict[str, int] = {}
        for activity_type, scheduled, closed in run.activities:
            nth = seen[activity_type] = seen.get(activity_type, 0) + 1
            place = (scheduled / run.duration, closed / run.duration, closed - scheduled)
            found.setdefault((activity_type, nth), []).append(place)
    steps = [
        ProfileStep(
            activity_type=activity_type,
            nth=nth,
            begins=_within(median(begin for begin, _, _ in places)),
            closes=_within(median(close for _, close, _ in places)),
            duration=median(duration for _, _, duration in places),
            duration_p90=high_of(sorted(duration for _, _, duration in places)),
            share=len(places) / len(runs),
        )
        for (activity_type, nth), places in found.items()
        if len(places) >= USUAL * len(runs)
    ]
    return sorted(steps, key=lambda step: (step.closes, step.begins))


def _within(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)


def high_of(values: Sequence[float]) -> float:
    """The p90 of values in order: nine of ten are not above it."""
    return values[max(0, -(-len(values) * 9 // 10) - 1)]


def key_of(profile: Profile) -> ProfileKey:
    return profile.namespace, profile.tenant, profile.environment, profile.workflow_type
