from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.api.inputs.filters import MAX_CONDITIONS, MAX_DEPTH, IdFilter, RunFilter, WorkflowFilter
from app.api.inputs.json import JsonFilter, SearchAttributeFilter
from app.api.inputs.spans import DurationRange, TimeRange
from app.api.listing import MAX_OFFSET, cursor_kind, listing_of
from app.cursors import seal
from app.errors import BadUserInput
from app.model import ExecutionRef
from app.store.listing import Column, Filter, JsonValue, Listing, Match, Order, OrderField, Position, conditions_of
from app.store.listing.count import is_kept

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = Position(NOON, "run")


def json(value: Any) -> Any:
    """The schema's JSON is a type of its own."""
    return value


def nested(depth: int) -> WorkflowFilter:
    filter_ = WorkflowFilter(run_id="x")  # type: ignore[arg-type]
    for _ in range(depth - 1):
        filter_ = WorkflowFilter(not_=filter_)
    return filter_


def path_of(filter_: WorkflowFilter) -> tuple[str | int, ...]:
    with pytest.raises(BadUserInput) as raised:
        filter_.value("default")
    return raised.value.path


def listing(**given: Any) -> Listing:
    values: dict[str, Any] = dict.fromkeys(("first", "after", "last", "before", "offset"))
    return listing_of(given.pop("filter", Filter()), given.pop("order", ()), **{**values, **given})


def test_an_empty_filter_restricts_nothing() -> None:
    assert WorkflowFilter().value("default") == Filter()
    assert WorkflowFilter(status=[], workflow_id=IdFilter(), metadata=json({}), search="").value("default") == Filter()
    assert conditions_of(Filter()).where == ""


def test_what_a_filter_stands_for() -> None:
    filter_ = WorkflowFilter(
        namespace=["a", "b"],
        duration_ms=DurationRange(min=1500, max=None),
        parent=RunFilter(workflow_id="w", run_id="r"),  # type: ignore[arg-type]
        metadata_at=JsonFilter(path=["customer", "id"], equals=json(7)),
        search_attribute=SearchAttributeFilter(name="Region", exists=False),
        start_time=TimeRange(from_=datetime(2026, 3, 1, 12)),
        or_=[WorkflowFilter(tenant="x"), WorkflowFilter(tenant="y")],
        not_=WorkflowFilter(is_root=True),
    )
    assert filter_.value("default") == Filter(
        namespaces=("a", "b"),
        longer_than=1.5,
        parent=ExecutionRef("default", "w", "r"),
        values=(
            JsonValue(Column.METADATA, ("customer", "id"), Match.EQUALS, 7),
            JsonValue(Column.SEARCH_ATTRIBUTES, ("Region",), Match.ABSENT),
        ),
        started_after=NOON,
        any=(Filter(tenant="x"), Filter(tenant="y")),
        none=(Filter(is_root=True),),
    )


def test_or_without_alternatives_is_not_the_same_as_no_or() -> None:
    assert WorkflowFilter(or_=[]).value("default").any == ()
    assert WorkflowFilter(and_=[]).value("default") == Filter()


def test_filters_are_combined_five_deep_at_most() -> None:
    assert nested(MAX_DEPTH).value("default").none
    assert path_of(nested(MAX_DEPTH + 1)) == ("filter",)


def test_a_filter_has_fifty_conditions_at_most() -> None:
    one = WorkflowFilter(tenant="x")
    assert WorkflowFilter(or_=[one] * (MAX_CONDITIONS - 1)).value("default").any
    assert path_of(WorkflowFilter(or_=[one] * MAX_CONDITIONS)) == ("filter",)
    assert path_of(WorkflowFilter(or_=[WorkflowFilter()] * MAX_CONDITIONS)) == ("filter",)


BACKWARDS = TimeRange(from_=NOON, before=NOON.replace(hour=11))


@pytest.mark.parametrize(
    ("filter_", "path"),
    [
        (WorkflowFilter(start_time=BACKWARDS), ("filter", "startTime")),
        (WorkflowFilter(execution_time=BACKWARDS), ("filter", "executionTime")),
        (
            WorkflowFilter(and_=[WorkflowFilter(), WorkflowFilter(close_time=BACKWARDS)]),
            ("filter", "and", 1, "closeTime"),
        ),
        (WorkflowFilter(duration_ms=DurationRange(min=2, max=1)), ("filter", "durationMs")),
        (WorkflowFilter(duration_ms=DurationRange(max=float("inf"))), ("filter", "durationMs")),
        (WorkflowFilter(metadata=json([1])), ("filter", "metadata")),
        (WorkflowFilter(metadata=json({"n": 10**30})), ("filter", "metadata")),
        (WorkflowFilter(metadata_at=JsonFilter(path=["a"])), ("filter", "metadataAt")),
        (WorkflowFilter(memo_at=JsonFilter(path=[], exists=True)), ("filter", "memoAt", "path")),
        (
            WorkflowFilter(not_=WorkflowFilter(search_attribute=SearchAttributeFilter(name="x", equals=json(10**30)))),
            ("filter", "not", "searchAttribute", "equals"),
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_path(filter_: WorkflowFilter, path: tuple[str | int, ...]) -> None:
    assert path_of(filter_) == path


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"first": -1}, "first"),
        ({"first": 101}, "first"),
        ({"last": -1}, "last"),
        ({"first": 1, "last": 1}, "last"),
        ({"offset": -1}, "offset"),
        ({"offset": MAX_OFFSET + 1}, "offset"),
        ({"offset": 0, "last": 5}, "offset"),
        ({"after": "nonsense"}, "after"),
        ({"before": seal("workflows 00", PLACE)}, "before"),
    ],
)
def test_windows_that_are_refused(given: dict[str, Any], argument: str) -> None:
    with pytest.raises(BadUserInput) as raised:
        listing(**given)
    assert raised.value.path == (argument,)


def test_offset_and_cursors_are_not_given_together() -> None:
    cursor = seal(cursor_kind(Filter(), ()), PLACE)
    assert listing(after=cursor).after == PLACE
    for side in ("after", "before"):
        with pytest.raises(BadUserInput) as raised:
            listing(offset=1, **{side: cursor})
        assert raised.value.path == ("offset",)


def test_a_cursor_belongs_to_its_filter_and_order() -> None:
    cursor = seal(cursor_kind(Filter(tenant="x"), (Order(OrderField.TYPE),)), PLACE)
    assert listing(filter=Filter(tenant="x"), order=(Order(OrderField.TYPE),), after=cursor).after == PLACE
    for other in ({"filter": Filter(tenant="x")}, {"order": (Order(OrderField.TYPE),)}):
        with pytest.raises(BadUserInput):
            listing(**other, after=cursor)


def test_which_filters_the_kept_counts_answer() -> None:
    assert is_kept(Filter(tenant="x", namespaces=("a",), any=(Filter(workflow_types=("T",)),)))
    assert not is_kept(Filter(task_queues=("q",)))
    assert not is_kept(Filter(none=(Filter(words="x"),)))
