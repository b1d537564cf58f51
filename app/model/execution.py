"""Runs: their names, their rows, what describe says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from app.model.activity import PendingActivity, PendingWorkflowTask
from app.model.values import Json

SAME_MOMENT = timedelta(milliseconds=2)
"""The sources round nanoseconds differently: two of their times that are nearer are one, and the first told holds."""

M = TypeVar("M", datetime, datetime | None)


@dataclass(frozen=True, slots=True)
class ExecutionRef:
    """The exact name of one run."""

    namespace: str
    workflow_id: str
    run_id: str

    def __hash__(self) -> int:
        # Two runs with one id are rare, and asked for together hardly ever; a page hashes each of its names some times.
        return hash(self.run_id)


class WorkflowStatus(StrEnum):
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    TERMINATED = "TERMINATED"
    CONTINUED_AS_NEW = "CONTINUED_AS_NEW"
    TIMED_OUT = "TIMED_OUT"

    @property
    def is_closed(self) -> bool:
        return self is not WorkflowStatus.RUNNING and self is not WorkflowStatus.PAUSED


@dataclass(frozen=True)
class Execution:
    """One run as the lists show it: a row of the index. Without slots, so that a page of rows is made at once."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    status: WorkflowStatus
    start_time: datetime
    tenant: str
    environment: str
    execution_time: datetime | None = None
    close_time: datetime | None = None
    history_length: int = 0
    history_size_bytes: int = 0
    first_run_id: str | None = None
    previous_run_id: str | None = None
    next_run_id: str | None = None
    parent_workflow_id: str | None = None
    parent_run_id: str | None = None
    root_workflow_id: str | None = None
    root_run_id: str | None = None
    created_by: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    memo: Mapping[str, Json] = field(default_factory=dict)
    search_attributes: Mapping[str, Json] = field(default_factory=dict)
    summary: str | None = None
    details: str | None = None
    failure_type: str | None = None
    failure_message: str | None = None

    @property
    def ref(self) -> ExecutionRef:
        return ExecutionRef(self.namespace, self.workflow_id, self.run_id)

    @classmethod
    def made_of(cls, values: dict[str, Any]) -> Execution:
        """The run with these values of all its fields, which it keeps. Many times faster than one field at a time,
        which is how a frozen dataclass begins."""
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", values)
        return made


def merged(row: Execution, now: Execution) -> Execution:
    """What Temporal says now, with what only the index knows."""
    return replace(
        now,
        start_time=_first_told(row.start_time, now.start_time),
        execution_time=_first_told(row.execution_time, now.execution_time),
        first_run_id=now.first_run_id or row.first_run_id,
        previous_run_id=now.previous_run_id or row.previous_run_id,
        next_run_id=now.next_run_id or row.next_run_id,
        failure_type=now.failure_type or row.failure_type,
        failure_message=now.failure_message or row.failure_message,
    )


def _first_told(held: M, now: M) -> M:
    """As the index keeps it, so that a list and the run itself show the same."""
    return held if held is not None and now is not None and abs(now - held) < SAME_MOMENT else now


class Glimpse:
    """Some attributes of a run, where it is known that no others are read: any other raises AttributeError.

    They are its items as well, which is the quicker way to them, with the status as text.
    """

    __slots__ = ()

    if TYPE_CHECKING:  # a row has it of its own, which must not be hidden

        def __getitem__(self, name: str) -> Any: ...

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this glimpse of a run has no {name}") from None

    @property
    def status(self) -> WorkflowStatus:
        return WorkflowStatus(self.__getattr__("status"))

    @property
    def ref(self) -> ExecutionRef:
        return ExecutionRef(self["namespace"], self["workflow_id"], self["run_id"])


@dataclass(frozen=True, slots=True)
class Description:
    """What Temporal's describe says of a run now."""

    execution: Execution
    pending_activities: tuple[PendingActivity, ...] = ()
    pending_workflow_task: PendingWorkflowTask | None = None
    pending_children: int = 0
    reset_run_id: str | None = None
    """The run that a reset put in this one's place."""
    request_ids: frozenset[str] = frozenset()
    """Of the requests that started or used the run, as far as the server tells."""
