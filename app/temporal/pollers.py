"""Whether anybody polls a task queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse

from app.cluster import TaskQueueKind
from app.protos import time_of
from app.temporal.connection import Temporal

FRESH = timedelta(seconds=90)
"""A poll lasts a minute; the server still names pollers that left five minutes ago."""
_KINDS = {
    TaskQueueKind.WORKFLOW: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    TaskQueueKind.ACTIVITY: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


async def has_pollers(temporal: Temporal, namespace: str, queue: str, kind: TaskQueueKind) -> bool:
    """Whether a worker has polled for tasks of this kind within the last 90 s. Raises as `Temporal.call` does."""
    response: DescribeTaskQueueResponse = await temporal.call(
        "describe_task_queue",
        DescribeTaskQueueRequest(namespace=namespace, task_queue=TaskQueue(name=queue), task_queue_type=_KINDS[kind]),
    )
    now = datetime.now(UTC)
    seen = (time_of(poller.last_access_time) for poller in response.pollers)
    return any(moment is not None and now - moment < FRESH for moment in seen)
