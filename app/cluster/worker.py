"""Workers, as their heartbeats describe them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WorkerStatus(StrEnum):
    RUNNING = "RUNNING"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    SHUT_DOWN = "SHUT_DOWN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as the list shows it."""

    namespace: str
    key: str
    """Unique for one start of one worker."""
    identity: str
    task_queue: str
    status: WorkerStatus
    sdk_name: str
    sdk_version: str
    start_time: datetime | None = None
    host_name: str | None = None
    process_id: str | None = None
    build_id: str | None = None
    deployment: str | None = None


@dataclass(frozen=True, slots=True)
class Slots:
    """How many tasks of a kind a worker can run at once, and how many it has run since it started."""

    available: int
    used: int
    processed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Polling:
    """How a worker asks for tasks of a kind."""

    pollers: int
    last_successful_poll_time: datetime | None
    autoscaling: bool


@dataclass(frozen=True, slots=True)
class WorkerDetail:
    """The last heartbeat of a worker. None where the worker does not handle tasks of that kind."""

    worker: Worker
    time: datetime | None
    cpu_usage: float
    """Of its host, 0 to 1."""
    memory_usage: float
    """Of its host, 0 to 1."""
    workflow_slots: Slots | None = None
    activity_slots: Slots | None = None
    local_activity_slots: Slots | None = None
    nexus_slots: Slots | None = None
    workflow_polling: Polling | None = None
    activity_polling: Polling | None = None
    sticky_cache_size: int = 0
    sticky_cache_hits: int = 0
    sticky_cache_misses: int = 0
