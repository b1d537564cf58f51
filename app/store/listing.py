"""What a list of runs is asked for, as frozen values, and its conditions in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.model import ExecutionRef, Json, WorkflowStatus


@dataclass(frozen=True, slots=True)
class Filter:
    """Which runs. What is None or empty does not restrict; several values of one field mean any of them.

    Spans of time include their beginning and exclude their end. `tenant` and `environment` are the caller's
    scope: None sees all.
    """

    tenant: str | None = None
    environment: str | None = None
    namespace: str | None = None
    workflow_types: tuple[str, ...] = ()
    statuses: tuple[WorkflowStatus, ...] = ()
    task_queues: tuple[str, ...] = ()
    workflow_id: str | None = None
    workflow_id_prefix: str | None = None
    workflow_id_contains: str | None = None
    run_id: str | None = None
    first_run_id: str | None = None
    """The runs of the chain that began with this one."""
    parent: ExecutionRef | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    closed_after: datetime | None = None
    closed_before: datetime | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    """Keys and values that the run's metadata must contain."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the newest-first order."""

    start_time: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A window of a list, newest first: at most `limit` runs behind `after` and ahead of `before`.

    `from_end` takes the window's last runs instead of its first; their order stays the same.
    """

    filter: Filter = field(default_factory=Filter)
    limit: int = 50
    after: Position | None = None
    before: Position | None = None
    from_end: bool = False


class Conditions:
    """Conditions joined by `and`, and the arguments that they name."""

    def __init__(self) -> None:
        self.arguments: list[Any] = []
        self._conditions: list[str] = []

    def add(self, template: str, *values: Any) -> None:
        """A condition with one `{}` for each value."""
        names = []
        for value in values:
            self.arguments.append(value)
            names.append(f"${len(self.arguments)}")
        self._conditions.append(template.format(*names))

    def any_of(self, column: str, values: Sequence[str]) -> None:
        # Equality, unlike `any`, lets an index on (column, start_time) give the order too.
        if len(values) == 1:
            self.add(f"{column} = {{}}", values[0])
        elif values:
            self.add(f"{column} = any({{}})", list(values))

    @property
    def where(self) -> str:
        return f"where {' and '.join(self._conditions)}" if self._conditions else ""


_COMPARED = (
    ("tenant", "tenant = {}"),
    ("environment", "environment = {}"),
    ("namespace", "namespace = {}"),
    ("workflow_id", "workflow_id = {}"),
    ("workflow_id_prefix", "workflow_id ^@ {}"),
    ("workflow_id_contains", "strpos(workflow_id, {}) > 0"),
    ("run_id", "run_id = {}"),
    ("first_run_id", "first_run_id = {}"),
    ("started_after", "start_time >= {}"),
    ("started_before", "start_time < {}"),
    ("closed_after", "close_time >= {}"),
    ("closed_before", "close_time < {}"),
)


def conditions_of(filter_: Filter) -> Conditions:
    conditions = Conditions()
    for name, template in _COMPARED:
        if (value := getattr(filter_, name)) is not None:
            conditions.add(template, value)
    conditions.any_of("workflow_type", filter_.workflow_types)
    conditions.any_of("status", filter_.statuses)
    conditions.any_of("task_queue", filter_.task_queues)
    if filter_.parent is not None:
        conditions.add(
            "(namespace, parent_workflow_id, parent_run_id) = ({}, {}, {})",
            filter_.parent.namespace,
            filter_.parent.workflow_id,
            filter_.parent.run_id,
        )
    if filter_.metadata:
        conditions.add("metadata @> {}", filter_.metadata)
    return conditions


def window_of(listing: Listing) -> tuple[str, list[Any]]:
    """The `where`, `order by` and `limit` of a listing, one row longer than asked, and its arguments."""
    conditions = conditions_of(listing.filter)
    if listing.after is not None:
        conditions.add("(start_time, run_id) < ({}, {})", listing.after.start_time, listing.after.run_id)
    if listing.before is not None:
        conditions.add("(start_time, run_id) > ({}, {})", listing.before.start_time, listing.before.run_id)
    direction = "asc" if listing.from_end else "desc"
    where = conditions.where
    conditions.add("{}", listing.limit + 1)
    order = f"order by start_time {direction}, run_id {direction} limit ${len(conditions.arguments)}"
    return f"{where} {order}", conditions.arguments
