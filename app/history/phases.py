"""Phases: stages of a run that the workflow publishes in its memo, key `phase`.

The value is `{"name": ..., "status": "started" | "completed" | "failed" | "skipped" | "pending"}`, with
`parallelGroup` (or `parallel_group`, `group`) for phases that run side by side, or a list of such values.
What does not have that shape is passed over.
"""

from __future__ import annotations

from dataclasses import replace

from app.history.fold import Fold
from app.model import Json, Phase, PhaseStatus, TimelineKind, TimelineStatus, WorkflowStatus

ENDS = {
    PhaseStatus.COMPLETED: TimelineStatus.COMPLETED,
    PhaseStatus.FAILED: TimelineStatus.FAILED,
    PhaseStatus.SKIPPED: TimelineStatus.SKIPPED,
}
CLOSES = {
    WorkflowStatus.FAILED: TimelineStatus.FAILED,
    WorkflowStatus.TIMED_OUT: TimelineStatus.TIMED_OUT,
    WorkflowStatus.CANCELED: TimelineStatus.CANCELED,
    WorkflowStatus.TERMINATED: TimelineStatus.TERMINATED,
}


def publish(fold: Fold, value: Json) -> None:
    for name, (status, group) in _read(value).items():
        known = fold.phases.get(name)
        if known is None or known.status is not status:
            _shift(fold, name, status, group)


def close_open(fold: Fold) -> None:
    """End what is open as the run has ended; what was only announced is skipped."""
    bar = CLOSES.get(fold.run.status, TimelineStatus.COMPLETED)
    end = PhaseStatus.COMPLETED if bar is TimelineStatus.COMPLETED else PhaseStatus.FAILED
    for name, phase in fold.phases.items():
        if phase.status is PhaseStatus.STARTED:
            fold.end_bar(_key(phase), bar)
            fold.phases[name] = replace(phase, status=end, close_time=fold.time)
        elif phase.status is PhaseStatus.PENDING:
            fold.phases[name] = replace(phase, status=PhaseStatus.SKIPPED)


def _shift(fold: Fold, name: str, status: PhaseStatus, group: str | None) -> None:
    phase = fold.phases.get(name) or Phase(name, PhaseStatus.PENDING)
    was_open = phase.status is PhaseStatus.STARTED
    phase = replace(
        phase,
        status=status,
        start_time=phase.start_time or (None if status in {PhaseStatus.PENDING, PhaseStatus.SKIPPED} else fold.time),
        close_time=fold.time if status in ENDS else None,
        parallel_group=group or phase.parallel_group,
        event_ids=(*phase.event_ids, fold.event_id),
    )
    if was_open:
        fold.end_bar(_key(fold.phases[name]), ENDS.get(status, TimelineStatus.COMPLETED))
    elif status is PhaseStatus.STARTED:
        detail = {"parallelGroup": phase.parallel_group} if phase.parallel_group else {}
        fold.add_bar(_key(phase), TimelineKind.PHASE, name, TimelineStatus.RUNNING, detail=detail)
    elif status in ENDS:
        fold.add_bar(_key(phase), TimelineKind.PHASE, name, ENDS[status], end_time=fold.time)
    fold.phases[name] = phase
    fold.move(name)


def _key(phase: Phase) -> str:
    """Of the bar that the phase's last event began: a phase that starts again gets a new bar."""
    return f"phase:{phase.event_ids[-1]}:{phase.name}"


def _read(value: Json) -> dict[str, tuple[PhaseStatus, str | None]]:
    """Status and group by name; of several entries with one name the last counts."""
    found = {}
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str) or not each["name"]:
            continue
        status = each.get("status", "started")
        if not isinstance(status, str) or status.upper() not in PhaseStatus.__members__:
            continue
        group = next((each[key] for key in ("parallelGroup", "parallel_group", "group") if key in each), None)
        found[each["name"]] = PhaseStatus[status.upper()], group if isinstance(group, str) else None
    return found
