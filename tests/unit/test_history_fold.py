"""The laws of the fold."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from app.history import Projector, project
from app.history.projector import HANDLERS, SILENT
from app.model import ProgressPoint, WorkflowStatus
from app.protos import json_of
from tests.recordings import NAMES, REF, START, encoded, event, folded, recorded


@pytest.mark.parametrize("name", NAMES)
def test_every_event_is_in_the_timeline_at_most_once_per_item(name: str) -> None:
    run = folded(name)
    keys = [item.key for item in run.timeline]
    assert len(set(keys)) == len(keys)
    for item in run.timeline:
        assert list(item.event_ids) == sorted(set(item.event_ids)), item
        assert item.end_time is None or item.end_time >= item.start_time
    starts = [item.start_time for item in run.timeline]
    assert starts == sorted(starts)


@pytest.mark.parametrize("name", NAMES)
def test_folding_event_by_event_is_folding_at_once(name: str) -> None:
    projector = Projector(REF)
    lanes: dict[str, int] = {}
    points: tuple[ProgressPoint, ...] = ()
    for each in recorded(name):
        projector.apply(each)
        snapshot = projector.snapshot()
        assert snapshot is projector.snapshot()
        assert snapshot.last_event_id == each.event_id
        assert snapshot.points[: len(points)] == points
        assert len(snapshot.points) - len(points) in {0, 1}
        points = snapshot.points
        for item in snapshot.timeline:
            assert lanes.setdefault(item.key, item.lane) == item.lane
    assert projector.snapshot() == folded(name)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_prefix_folds_and_an_overlap_changes_nothing(data: st.DataObject) -> None:
    events = recorded(data.draw(st.sampled_from(NAMES)))
    cut = data.draw(st.integers(0, len(events)))
    projector = Projector(REF)
    for each in events[:cut]:
        projector.apply(each)
    before = projector.snapshot()
    for each in events[data.draw(st.integers(0, cut)) : cut]:
        projector.apply(each)
    assert projector.snapshot() == before
    assert before == project(REF, events[:cut])


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_history_with_holes_folds_without_error(data: st.DataObject) -> None:
    events = recorded(data.draw(st.sampled_from(NAMES)))
    kept = data.draw(st.sets(st.integers(0, len(events) - 1)))
    run = project(REF, [each for place, each in enumerate(events) if place in kept])
    assert run.last_event_id == (max(kept) + 1 if kept else 0)


def test_snapshots_do_not_change_later() -> None:
    projector = Projector(REF)
    snapshots = []
    for each in recorded("sync"):
        projector.apply(each)
        snapshots.append((projector.snapshot(), repr(projector.snapshot())))
    assert all(repr(snapshot) == text for snapshot, text in snapshots)


def test_every_event_type_is_handled_or_known_to_be_silent() -> None:
    assert set(EventType.values()) == set(HANDLERS) | SILENT
    assert not set(HANDLERS) & SILENT


@pytest.mark.parametrize("kind", sorted(HANDLERS))
def test_an_event_without_attributes_or_past_folds(kind: int) -> None:
    run = project(REF, [HistoryEvent(event_id=7, event_type=kind)])  # type: ignore[arg-type]
    assert run.last_event_id == 7


def test_unknown_event_types_only_advance() -> None:
    events = list(recorded("sync"))
    unknown = HistoryEvent(event_id=len(events) + 1, event_type=999)  # type: ignore[arg-type]
    run = project(REF, [*events, unknown])
    assert run.last_event_id == len(events) + 1
    assert run.activities == folded("sync").activities


def test_memo_and_search_attributes_are_merged_and_removed() -> None:
    begin = event(1, "WORKFLOW_EXECUTION_STARTED")
    begin.workflow_execution_started_event_attributes.memo.fields["keep"].CopyFrom(encoded(1))
    begin.workflow_execution_started_event_attributes.memo.fields["drop"].CopyFrom(encoded(2))
    change = event(2, "WORKFLOW_PROPERTIES_MODIFIED")
    change.workflow_properties_modified_event_attributes.upserted_memo.fields["drop"].CopyFrom(encoded(None))
    change.workflow_properties_modified_event_attributes.upserted_memo.fields["new"].CopyFrom(encoded(3))
    run = project(REF, [begin, change])
    assert {name: json_of(value) for name, value in run.memo.items()} == {"keep": 1, "new": 3}


def test_points_log_published_progress_once_per_change() -> None:
    """What is no progress leaves what was published before; null takes it back."""

    def publish(event_id: int, value: object) -> HistoryEvent:
        made = event(event_id, "WORKFLOW_PROPERTIES_MODIFIED")
        fields = made.workflow_properties_modified_event_attributes.upserted_memo.fields
        fields["progress"].CopyFrom(encoded(value))
        return made

    run = project(
        REF,
        [
            event(1, "WORKFLOW_EXECUTION_STARTED"),
            publish(2, {"percent": 10}),
            publish(3, {"percent": 10}),
            publish(4, "junk"),
            publish(5, {"percent": 20, "extra": True}),
            publish(6, {"percent": "much"}),
            publish(7, {"total": 5}),
            publish(8, None),
            event(9, "WORKFLOW_EXECUTION_COMPLETED", result=Payloads()),
        ],
    )
    assert [(point.event_id, point.published) for point in run.points] == [
        (1, None),
        (2, {"percent": 10}),
        (5, {"percent": 20, "extra": True}),
        (8, None),
        (9, None),
    ]
    assert run.points[-1].status is WorkflowStatus.COMPLETED
    assert run.points[-1].time == START + timedelta(seconds=9)


def test_a_long_history_keeps_one_lane() -> None:
    events = [event(1, "WORKFLOW_EXECUTION_STARTED")]
    for number in range(2, 10_002, 2):
        events.append(event(number, "TIMER_STARTED", timer_id=str(number)))
        events.append(event(number + 1, "TIMER_FIRED", started_event_id=number))
    run = project(REF, events)
    assert len(run.timeline) == 5_000
    assert {item.lane for item in run.timeline} == {0}
