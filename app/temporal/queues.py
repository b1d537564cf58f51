"""What we ask Temporal about task queues. Every function raises as `Temporal.call` does."""

from __future__ import annotations

import asyncio

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueueStats
from temporalio.api.taskqueue.v1 import TaskQueue as QueueProto
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse

from app.cluster import Backlog, Poller, TaskQueue, TaskQueueKind, TaskQueueSide
from app.protos import time_of
from app.temporal.connection import Temporal

_TYPES = {
    TaskQueueKind.WORKFLOW: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    TaskQueueKind.ACTIVITY: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}
_UNVERSIONED = "__unversioned__"


async def describe_queue(temporal: Temporal, namespace: str, name: str) -> TaskQueue:
    """Who polls and what waits. A name that nobody has used yet is an empty queue."""
    workflow, activity = await asyncio.gather(
        *(_side(temporal, namespace, name, kind) for kind in (TaskQueueKind.WORKFLOW, TaskQueueKind.ACTIVITY))
    )
    return TaskQueue(namespace, name, workflow, activity)


async def _side(temporal: Temporal, namespace: str, name: str, kind: TaskQueueKind) -> TaskQueueSide:
    response: DescribeTaskQueueResponse = await temporal.call(
        "describe_task_queue",
        DescribeTaskQueueRequest(
            namespace=namespace,
            task_queue=QueueProto(name=name),
            task_queue_type=_TYPES[kind],
            report_stats=True,
            report_pollers=True,
        ),
    )
    versions = response.versioning_info
    ramping = _version(versions.ramping_version)
    return TaskQueueSide(
        kind=kind,
        pollers=tuple(poller_of(each) for each in response.pollers),
        backlog=backlog_of(response.stats) if response.HasField("stats") else None,
        rate_limit=response.effective_rate_limit.requests_per_second or None,
        current_version=_version(versions.current_version),
        ramping_version=ramping,
        ramping_percentage=versions.ramping_version_percentage if ramping else None,
    )


def poller_of(proto: PollerInfo) -> Poller:
    versions, deployment = proto.worker_version_capabilities, proto.deployment_options
    return Poller(
        identity=proto.identity,
        last_access_time=time_of(proto.last_access_time),
        rate_per_second=proto.rate_per_second or None,
        build_id=deployment.build_id or versions.build_id or None,
        deployment=deployment.deployment_name or None,
    )


def backlog_of(proto: TaskQueueStats) -> Backlog:
    age = proto.approximate_backlog_age
    return Backlog(
        count=proto.approximate_backlog_count,
        age=age.seconds + age.nanos / 1e9,
        add_rate=proto.tasks_add_rate,
        dispatch_rate=proto.tasks_dispatch_rate,
    )


def _version(text: str) -> str | None:
    return text if text and text != _UNVERSIONED else None
