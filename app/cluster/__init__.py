"""What a cluster holds besides runs: schedules, task queues, workers, batch jobs, namespaces.

Frozen values with the rules of `model`: aware UTC times, spans in seconds, Temporal's own names.
"""

from app.cluster.batch import Batch, BatchState
from app.cluster.namespace import AttributeType, Cluster, Namespace, SearchAttribute
from app.cluster.schedule import (
    Calendar,
    Interval,
    OverlapPolicy,
    Schedule,
    ScheduleAction,
    ScheduleCounts,
    ScheduleDetail,
    SchedulePolicies,
    ScheduleRun,
    ScheduleSpec,
)
from app.cluster.task_queue import Backlog, Poller, TaskQueue, TaskQueueKind, TaskQueueSide
from app.cluster.worker import Polling, Slots, Worker, WorkerDetail, WorkerStatus

__all__ = [
    "AttributeType",
    "Backlog",
    "Batch",
    "BatchState",
    "Calendar",
    "Cluster",
    "Interval",
    "Namespace",
    "OverlapPolicy",
    "Poller",
    "Polling",
    "Schedule",
    "ScheduleAction",
    "ScheduleCounts",
    "ScheduleDetail",
    "SchedulePolicies",
    "ScheduleRun",
    "ScheduleSpec",
    "SearchAttribute",
    "Slots",
    "TaskQueue",
    "TaskQueueKind",
    "TaskQueueSide",
    "Worker",
    "WorkerDetail",
    "WorkerStatus",
]
