"""Task queues: who polls them and what waits in them."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app import cluster
from app.cluster import TaskQueueKind


@strawberry.type(description="A worker that has asked for tasks within the last five minutes.")
class Poller:
    identity: str
    last_access_time: datetime | None
    rate_per_second: float | None = strawberry.field(
        description="The most tasks a second that the worker asks to be given."
    )
    build_id: str | None
    deployment: str | None = strawberry.field(description="The worker deployment that it belongs to, if any.")


@strawberry.type(description="What waits in a task queue, about. Tasks that go to one worker's own queue are left out.")
class Backlog:
    count: int
    add_rate: float = strawberry.field(description="Tasks a second added over the last 30 s.")
    dispatch_rate: float = strawberry.field(description="Tasks a second given to workers over the last 30 s.")

    @strawberry.field(description="How long the oldest task has waited; 0 where none waits.")
    @staticmethod
    def age_seconds(root: strawberry.Parent[cluster.Backlog]) -> float:
        return root.age


@strawberry.type(description="The workflow tasks or the activity tasks of a task queue.")
class TaskQueueSide:
    kind: TaskQueueKind
    pollers: list[Poller] = strawberry.field(description="Empty: nobody works on these tasks.")
    backlog: Backlog | None = strawberry.field(description="Null where the server does not count it (before 1.24).")
    current_version: str | None = strawberry.field(description="The worker deployment version that new runs get.")
    ramping_version: str | None = strawberry.field(description="The version that some new runs get.")
    ramping_percentage: float | None = strawberry.field(description="How many of the new runs get it, 0 to 100.")

    @strawberry.field(description="The most tasks a second that the server hands out; null where it does not say.")
    @staticmethod
    def rate_limit_per_second(root: strawberry.Parent[cluster.TaskQueueSide]) -> float | None:
        return root.rate_limit

    @strawberry.field(description="The build ids of its pollers, each once.")
    @staticmethod
    def build_ids(root: strawberry.Parent[cluster.TaskQueueSide]) -> list[str]:
        return list(dict.fromkeys(each.build_id for each in root.pollers if each.build_id))


@strawberry.type(description="A task queue. A name that nobody has used yet is an empty queue.")
class TaskQueue:
    namespace: str
    name: str
    workflow: TaskQueueSide
    activity: TaskQueueSide
