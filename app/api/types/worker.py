"""Workers, as their heartbeats describe them."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app import cluster
from app.api.connections import Connection
from app.api.described import Described
from app.api.scalars import Cursor
from app.cluster import WorkerStatus

WorkerValue = Described[cluster.Worker, cluster.WorkerDetail]


@strawberry.type(description="How many tasks of a kind a worker can run at once, and has run since it started.")
class WorkerSlots:
    available: int
    used: int
    processed: int
    failed: int


@strawberry.type(description="How a worker asks for tasks of a kind.")
class WorkerPolling:
    pollers: int
    last_successful_poll_time: datetime | None
    autoscaling: bool


@strawberry.type(description="The last heartbeat of a worker. Null where it does not handle tasks of that kind.")
class WorkerHeartbeat:
    time: datetime | None = strawberry.field(description="When it was sent.")
    cpu_usage: float = strawberry.field(description="Of its host, 0 to 1.")
    memory_usage: float = strawberry.field(description="Of its host, 0 to 1.")
    workflow_slots: WorkerSlots | None
    activity_slots: WorkerSlots | None
    local_activity_slots: WorkerSlots | None
    nexus_slots: WorkerSlots | None
    workflow_polling: WorkerPolling | None
    activity_polling: WorkerPolling | None
    sticky_cache_size: int = strawberry.field(description="Runs whose state it keeps in memory.")
    sticky_cache_hits: int
    sticky_cache_misses: int


@strawberry.type(description="A worker that sends heartbeats. SDKs send the first one within a minute of its start.")
class Worker:
    namespace: str
    key: strawberry.ID = strawberry.field(description="Unique for one start of one worker.")
    identity: str
    task_queue: str
    status: WorkerStatus
    sdk_name: str
    sdk_version: str
    start_time: datetime | None
    host_name: str | None
    process_id: str | None
    build_id: str | None
    deployment: str | None = strawberry.field(description="The worker deployment that it belongs to, if any.")

    @strawberry.field(
        graphql_type=WorkerHeartbeat, description="Its last heartbeat, which costs a call of Temporal each."
    )
    @staticmethod
    async def heartbeat(root: strawberry.Parent[WorkerValue]) -> cluster.WorkerDetail:
        return await root.detail()


@strawberry.type
class WorkerEdge:
    node: Worker
    cursor: Cursor


@strawberry.type(description="A page of workers, namespace by namespace.")
class WorkerConnection(Connection):
    edges: list[WorkerEdge]
    nodes: list[Worker]
