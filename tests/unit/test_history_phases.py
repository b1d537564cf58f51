"""Phases and compensations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import ActivityType
from temporalio.api.history.v1 import HistoryEvent

from app.history import project
from app.history.activities import is_compensation
from app.model import PhaseStatus, Projection, TimelineKind, TimelineStatus
from app.progress import progress
from tests.recordings import REF, START, encoded, event, folded, items


def publish(event_id: int, value: Any) -> HistoryEvent:
    made = event(event_id, "WORKFLOW_PROPERTIES_MODIFIED")
    made.workflow_properties_modified_event_attributes.upserted_memo.fields["phase"].CopyFrom(encoded(value))
    return made


def run(*events: HistoryEvent) -> Projection:
    return project(REF, [event(1, "WORKFLOW_EXECUTION_STARTED"), *events])


def test_recorded_phases() -> None:
    told = folded("sync")
    assert [(phase.name, phase.status, phase.parallel_group) for phase in told.phases] == [
        ("extract", PhaseStatus.COMPLETED, None),
        ("load-eu", PhaseStatus.COMPLETED, "load"),
        ("load-us", PhaseStatus.COMPLETED, "load"),
        ("verify", PhaseStatus.SKIPPED, None),
    ]
    bars = items(told, TimelineKind.PHASE)
    assert [bar.name for bar in bars] == ["extract", "load-eu", "load-us", "verify"]
    assert bars[1].lane != bars[2].lane
    for phase, bar in zip(told.phases[:3], bars, strict=False):
        assert (phase.start_time, phase.close_time) == (bar.start_time, bar.end_time)
        assert phase.event_ids == bar.event_ids
        assert phase.start_time
        assert phase.close_time
        assert phase.duration_ms == (phase.close_time - phase.start_time).total_seconds() * 1000
    assert told.phases[3].duration_ms is None, "it was skipped"


def test_a_phase_that_was_announced_starts_later() -> None:
    value = [{"name": "a", "status": "started"}, {"name": "b", "status": "pending"}]
    told = run(publish(2, value), publish(4, {"name": "b", "status": "STARTED", "group": "g"}))
    a, b = told.phases
    assert (a.start_time, b.start_time) == (START + timedelta(seconds=2), START + timedelta(seconds=4))
    assert (b.status, b.parallel_group, b.close_time) == (PhaseStatus.STARTED, "g", None)
    assert [point.step for point in told.points] == [None, "b", "b"]


def test_a_phase_may_start_again() -> None:
    told = run(
        publish(2, {"name": "a", "status": "started"}),
        publish(3, {"name": "a", "status": "completed"}),
        publish(5, {"name": "a"}),
    )
    (phase,) = told.phases
    assert (phase.status, phase.start_time, phase.close_time) == (
        PhaseStatus.STARTED,
        START + timedelta(seconds=2),
        None,
    )
    assert [bar.status for bar in items(told, TimelineKind.PHASE)] == [
        TimelineStatus.COMPLETED,
        TimelineStatus.RUNNING,
    ]


def test_of_several_entries_with_one_name_the_last_counts() -> None:
    entries = [{"name": "a", "status": status} for status in ("started", "completed", "started")]
    told = run(publish(2, entries))
    assert [phase.status for phase in told.phases] == [PhaseStatus.STARTED]
    assert len(items(told, TimelineKind.PHASE)) == 1


def test_the_same_value_again_changes_nothing() -> None:
    once = run(publish(2, {"name": "a", "status": "started"}))
    twice = run(publish(2, {"name": "a", "status": "started"}), publish(3, {"name": "a", "status": "started"}))
    assert (once.phases, once.timeline, once.points) == (twice.phases, twice.timeline, twice.points)


@pytest.mark.parametrize(
    ("close", "phase", "bar"),
    [
        ("COMPLETED", PhaseStatus.COMPLETED, TimelineStatus.COMPLETED),
        ("CONTINUED_AS_NEW", PhaseStatus.COMPLETED, TimelineStatus.COMPLETED),
        ("FAILED", PhaseStatus.FAILED, TimelineStatus.FAILED),
        ("TIMED_OUT", PhaseStatus.FAILED, TimelineStatus.TIMED_OUT),
        ("CANCELED", PhaseStatus.FAILED, TimelineStatus.CANCELED),
        ("TERMINATED", PhaseStatus.FAILED, TimelineStatus.TERMINATED),
    ],
)
def test_the_end_of_the_run_ends_open_phases(close: str, phase: PhaseStatus, bar: TimelineStatus) -> None:
    value = [{"name": "open"}, {"name": "never", "status": "pending"}]
    told = run(publish(2, value), event(9, f"WORKFLOW_EXECUTION_{close}"))
    opened, never = told.phases
    assert (opened.status, opened.close_time) == (phase, START + timedelta(seconds=9))
    assert never.status is PhaseStatus.SKIPPED
    assert [item.status for item in items(told, TimelineKind.PHASE)] == [bar]


def test_phases_that_the_end_of_the_run_skips_are_not_done() -> None:
    value = [{"name": str(number), "status": "pending"} for number in range(10)]
    first = [{"name": "0", "status": "completed"}, {"name": "1", "status": "skipped"}, {"name": "2"}]
    told = run(publish(2, value), publish(3, first), event(9, "WORKFLOW_EXECUTION_FAILED"))
    assert [(point.phases_done, point.phases_known) for point in told.points] == [(0, 0), (0, 10), (2, 10), (2, 10)]
    said = progress(told, (), START)
    assert (said.completed_steps, said.total_steps) == (2, 10)
    assert said.percent == pytest.approx(20.0)


@pytest.mark.parametrize(
    "junk", [None, 5, "load", [], {}, {"name": 1}, {"name": ""}, {"name": "a", "status": "flying"}, [[["a"]]]]
)
def test_what_is_no_phase_is_passed_over(junk: Any) -> None:
    told = run(publish(2, junk))
    assert (told.phases, told.timeline) == ((), ())


@pytest.mark.parametrize(
    ("summary", "activity_id", "expected"),
    [
        ("Compensate the booking", "7", True),
        ("COMPENSATE", "7", True),
        (None, "compensate-booking", True),
        ("Book, then compensate", "7", False),
        (None, "7", False),
    ],
)
def test_compensations_are_told_by_summary_or_id(summary: str | None, activity_id: str, expected: bool) -> None:
    assert is_compensation(summary, activity_id) is expected
    scheduled = event(2, "ACTIVITY_TASK_SCHEDULED", activity_id=activity_id, activity_type=ActivityType(name="undo"))
    if summary:
        scheduled.user_metadata.summary.CopyFrom(encoded(summary))
    assert [each.activity_id for each in run(scheduled).compensations] == [activity_id] * expected
