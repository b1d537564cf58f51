"""Which runs: filters as clients write them, and the values that they stand for."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.json import JsonFilter, SearchAttributeFilter
from app.api.inputs.spans import DurationRange, TimeRange
from app.api.inputs.values import json_object, storable
from app.errors import BadUserInput, Path
from app.model import ExecutionRef, WorkflowStatus
from app.store.listing import Column, Filter, JsonValue

MAX_DEPTH = 5
MAX_CONDITIONS = 50


@strawberry.input(description="How an id must look. All that is given must hold; case matters.")
class IdFilter:
    equals: str | None = None
    starts_with: str | None = None
    contains: str | None = strawberry.field(
        default=None,
        description=(
            "Found by an index from three letters on. A shorter text that few ids have is looked for run by run, newest"
            " first; where that takes more than 10 s the answer is TIMEOUT: add letters or a startTime."
        ),
    )


@strawberry.input(description="Another run, exactly.")
class RunFilter:
    workflow_id: str
    run_id: strawberry.ID
    namespace: str | None = strawberry.field(default=None, description="The gateway's default where not given.")


@strawberry.input(description="Runs that have a failure. All that is given must hold; {} is every failure.")
class FailureFilter:
    type: str | None = strawberry.field(default=None, description="The failure's type, exactly.")
    message_contains: str | None = strawberry.field(default=None, description="Small and capital letters are alike.")


@strawberry.input(
    description=(
        "Which runs. Everything given must hold; of a list, any one value; an empty list or object restricts nothing."
        " At most 50 conditions, combined at most 5 deep."
    )
)
class WorkflowFilter:
    namespace: list[str] | None = strawberry.field(
        default=None, description="Every namespace that the gateway serves, where not given."
    )
    workflow_type: list[str] | None = None
    status: list[WorkflowStatus] | None = None
    task_queue: list[str] | None = None
    created_by: list[str] | None = None
    workflow_id: IdFilter | None = None
    run_id: strawberry.ID | None = None
    start_time: TimeRange | None = None
    execution_time: TimeRange | None = None
    close_time: TimeRange | None = strawberry.field(default=None, description="Of closed runs; an open one has none.")
    duration_ms: DurationRange | None = strawberry.field(
        default=None, description="From start to close; of an open run, from its start until now."
    )
    metadata: JSON | None = strawberry.field(
        default=None, description="An object: its keys and values must be in the run's metadata."
    )
    metadata_at: JsonFilter | None = strawberry.field(default=None, description="A value within the metadata.")
    memo_at: JsonFilter | None = strawberry.field(default=None, description="A value within the memo; has no index.")
    search_attribute: SearchAttributeFilter | None = None
    parent: RunFilter | None = strawberry.field(default=None, description="The children of this run.")
    root: RunFilter | None = strawberry.field(
        default=None, description="The run itself and what descends from it: children, their children and so on."
    )
    has_alert: bool | None = strawberry.field(
        default=None, description="Whether an alert about the run itself is open."
    )
    is_root: bool | None = strawberry.field(default=None, description="Whether it was started by no other run.")
    has_failure: FailureFilter | None = None
    search: str | None = strawberry.field(
        default=None,
        description=(
            "Words: each must begin a word of the workflow id, the type or the failure message, whatever its case."
            " PriceSync is found by price, sync and pricesync. A text without a word restricts nothing."
        ),
    )
    tenant: str | None = None
    environment: str | None = None
    and_: list[WorkflowFilter] | None = strawberry.field(
        default=None, name="and", description="All of these hold; the empty list always does."
    )
    or_: list[WorkflowFilter] | None = strawberry.field(
        default=None, name="or", description="At least one of these holds; the empty list never does."
    )
    not_: WorkflowFilter | None = strawberry.field(
        default=None,
        name="not",
        description="This does not hold; nothing holds of what a run does not have, as its closeTime while open.",
    )

    def value(self, namespace: str, path: Path = ("filter",)) -> Filter:
        """The value; `namespace` is that of related runs that name none. BadUserInput with the field's path."""
        _check_size(self, path)
        return self._value(namespace, tuple(path))

    def _value(self, namespace: str, path: tuple[str | int, ...]) -> Filter:
        workflow_id, failure = self.workflow_id or IdFilter(), self.has_failure or FailureFilter()
        started, executed, closed = (
            (each or TimeRange()).value((*path, name))
            for name, each in (
                ("startTime", self.start_time),
                ("executionTime", self.execution_time),
                ("closeTime", self.close_time),
            )
        )
        longer_than, shorter_than = (self.duration_ms or DurationRange()).value((*path, "durationMs"))
        return Filter(
            tenant=self.tenant,
            environment=self.environment,
            namespaces=tuple(self.namespace or ()),
            workflow_types=tuple(self.workflow_type or ()),
            statuses=tuple(self.status or ()),
            task_queues=tuple(self.task_queue or ()),
            created_by=tuple(self.created_by or ()),
            workflow_id=workflow_id.equals,
            workflow_id_prefix=workflow_id.starts_with,
            workflow_id_contains=workflow_id.contains,
            run_id=self.run_id,
            parent=_ref(self.parent, namespace),
            root=_ref(self.root, namespace),
            alerted=self.has_alert,
            is_root=self.is_root,
            started_after=started[0],
            started_before=started[1],
            executed_after=executed[0],
            executed_before=executed[1],
            closed_after=closed[0],
            closed_before=closed[1],
            longer_than=longer_than,
            shorter_than=shorter_than,
            failed=True if self.has_failure else None,
            failure_type=failure.type,
            failure_message_contains=failure.message_contains,
            metadata=storable(json_object(self.metadata, (*path, "metadata")), (*path, "metadata")),
            values=self._values(path),
            words=self.search or None,
            every=tuple(each._value(namespace, (*path, "and", at)) for at, each in enumerate(self.and_ or ())),
            any=None
            if self.or_ is None
            else tuple(each._value(namespace, (*path, "or", at)) for at, each in enumerate(self.or_)),
            none=() if self.not_ is None else (self.not_._value(namespace, (*path, "not")),),
        )

    def _values(self, path: tuple[str | int, ...]) -> tuple[JsonValue, ...]:
        found: list[JsonValue] = []
        if self.metadata_at is not None:
            found += self.metadata_at.values(Column.METADATA, (*path, "metadataAt"))
        if self.memo_at is not None:
            found += self.memo_at.values(Column.MEMO, (*path, "memoAt"))
        if self.search_attribute is not None:
            found += self.search_attribute.values((*path, "searchAttribute"))
        return tuple(found)


def _ref(run: RunFilter | None, namespace: str) -> ExecutionRef | None:
    return ExecutionRef(run.namespace or namespace, run.workflow_id, run.run_id) if run else None


def _check_size(filter_: WorkflowFilter, path: Path) -> None:
    conditions = 0
    level: list[WorkflowFilter] = [filter_]
    depth = 0
    while level:
        depth += 1
        conditions += sum(_conditions(each) for each in level)
        if depth > MAX_DEPTH:
            raise BadUserInput(f"The filter is combined more than {MAX_DEPTH} deep. Make it flatter.", path=path)
        if conditions > MAX_CONDITIONS:
            raise BadUserInput(
                f"The filter has more than {MAX_CONDITIONS} conditions. A list of values is one.",
                path=path,
            )
        level = [inner for each in level for inner in _inner(each)]


def _inner(filter_: WorkflowFilter) -> list[WorkflowFilter]:
    return [*(filter_.and_ or ()), *(filter_.or_ or ()), *([filter_.not_] if filter_.not_ else ())]


def _conditions(filter_: WorkflowFilter) -> int:
    """An empty filter counts as one, since it costs as much."""
    given: list[Any] = [getattr(filter_, each.name) for each in fields(filter_)]
    return max(1, sum(each is not None for each in given))
