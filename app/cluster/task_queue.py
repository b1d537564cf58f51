"""Task queues: who polls them and what waits in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TaskQueueKind(StrEnum):
    """Which tasks: a queue's name stands for one queue of each kind."""

    WORKFLOW = "WORKFLOW"
    ACTIVITY = "ACTIVITY"


@dataclass(frozen=True, slots=True)
class Poller:
    """A worker that has asked for tasks within the last five minutes."""

    identity: str
    last_access_time: datetime | None
    rate_per_second: float | None
    """The most tasks a second that the worker asks to be given."""
    build_id: str | None = None
    deployment: str | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, about. Rates are tasks a second over the last 30 seconds; sticky queues are not counted."""

    count: int
    age: float
    """Seconds that the oldest task has waited; 0 where none waits."""
    add_rate: float
    dispatch_rate: float


@dataclass(frozen=True, slots=True)
class TaskQueueSide:
    """The workflow tasks or the activity tasks of a queue."""

    kind: TaskQueueKind
    pollers: tuple[Poller, ...]
    backlog: Backlog | None
    """None where the server does not count it."""
    rate_limit: float | None
    """The most tasks a second that the server hands out."""
    current_version: str | None = None
    ramping_version: str | None = None
    ramping_percentage: float | None = None


@dataclass(frozen=True, slots=True)
class TaskQueue:
    namespace: str
    name: str
    workflow: TaskQueueSide
    activity: TaskQueueSide
