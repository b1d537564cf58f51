"""Which runs a list has, as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.model import ExecutionRef, Json, WorkflowStatus


class Column(StrEnum):
    """What of a run is JSON."""

    METADATA = "metadata"
    MEMO = "memo"
    SEARCH_ATTRIBUTES = "search_attributes"


class Match(StrEnum):
    EQUALS = "EQUALS"
    CONTAINS = "CONTAINS"
    EXISTS = "EXISTS"
    ABSENT = "ABSENT"


@dataclass(frozen=True, slots=True)
class JsonValue:
    """What must hold of the value at a path of object keys, such as ("customer", "id").

    EQUALS compares whole values. CONTAINS is containment as Postgres defines it for jsonb, of the value itself or of
    one in it where it is a list. No step leads into a list. A path that a run does not have equals and contains
    nothing.
    """

    column: Column
    path: tuple[str, ...]
    match: Match
    value: Json = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which runs. What is None or empty does not restrict; several values of one field mean any of them.

    Spans of time include their beginning and exclude their end; spans of duration, in seconds, include both.
    """

    tenant: str | None = None
    environment: str | None = None
    namespaces: tuple[str, ...] = ()
    workflow_types: tuple[str, ...] = ()
    statuses: tuple[WorkflowStatus, ...] = ()
    task_queues: tuple[str, ...] = ()
    created_by: tuple[str, ...] = ()
    workflow_id: str | None = None
    workflow_id_prefix: str | None = None
    workflow_id_contains: str | None = None
    run_id: str | None = None
    first_run_id: str | None = None
    """The runs of the chain that began with this one."""
    parent: ExecutionRef | None = None
    root: ExecutionRef | None = None
    """The tree of children under this run, and the run itself."""
    is_root: bool | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    executed_after: datetime | None = None
    executed_before: datetime | None = None
    closed_after: datetime | None = None
    closed_before: datetime | None = None
    longer_than: float | None = None
    """Of an open run, the duration so far."""
    shorter_than: float | None = None
    alerted: bool | None = None
    """Whether an alert about the run itself is open."""
    failed: bool | None = None
    """Whether a failure is known."""
    failure_type: str | None = None
    failure_message_contains: str | None = None
    """Whatever the case of its letters."""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    """Keys and values that the run's metadata must contain."""
    values: tuple[JsonValue, ...] = ()
    words: str | None = None
    """Each word must begin a word of the workflow id, the type or the failure message."""
    every: tuple[Filter, ...] = ()
    any: tuple[Filter, ...] | None = None
    """At least one of them; the empty tuple holds for no run."""
    none: tuple[Filter, ...] = ()
    """Not one of them."""
