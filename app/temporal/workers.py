"""What we ask Temporal about workers, which it knows by their heartbeats. Every function raises as `Temporal.call`
does, and NotSupported with the version that is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from temporalio.api.enums.v1 import WorkerStatus as StatusProto
from temporalio.api.worker.v1 import WorkerListInfo
from temporalio.api.workflowservice.v1 import (
    CountWorkersRequest,
    CountWorkersResponse,
    DescribeWorkerRequest,
    DescribeWorkerResponse,
    ListWorkersRequest,
    ListWorkersResponse,
)

from app.cluster import Polling, Slots, Worker, WorkerDetail, WorkerStatus
from app.errors import BadUserInput, NotFound
from app.protos import time_of
from app.temporal.connection import NotSupported, Temporal
from app.temporal.pages import needs

if TYPE_CHECKING:
    from temporalio.api.worker.v1 import WorkerHeartbeat, WorkerPollerInfo, WorkerSlotsInfo

_SINCE = "1.29.1"
_STATUSES = {
    StatusProto.WORKER_STATUS_RUNNING: WorkerStatus.RUNNING,
    StatusProto.WORKER_STATUS_SHUTTING_DOWN: WorkerStatus.SHUTTING_DOWN,
    StatusProto.WORKER_STATUS_SHUTDOWN: WorkerStatus.SHUT_DOWN,
}


def query_of(task_queue: str | None) -> str:
    """The query that finds the workers of a task queue, or every one."""
    if task_queue is None:
        return ""
    if "'" in task_queue or "\\" in task_queue:
        # The server's parser knows no escape for them.
        raise BadUserInput(f"taskQueue {task_queue!r} cannot be searched for: it holds a quote.", path=("taskQueue",))
    return f"TaskQueue = '{task_queue}'"


async def list_workers(
    temporal: Temporal, namespace: str, query: str, page_size: int, token: bytes = b""
) -> tuple[Sequence[Worker], bytes]:
    """One page, and the token of the next (empty at the end)."""
    request = ListWorkersRequest(namespace=namespace, query=query, page_size=page_size, next_page_token=token)
    try:
        response: ListWorkersResponse = await temporal.call("list_workers", request)
    except NotSupported as error:
        raise needs(error, "Workers", _SINCE) from error
    if response.workers:
        return [worker_of(namespace, each) for each in response.workers], response.next_page_token
    # Servers before 1.31 give the whole heartbeat.
    beats = [_listed(each.worker_heartbeat) for each in response.workers_info]
    return [worker_of(namespace, each) for each in beats], response.next_page_token


async def count_workers(temporal: Temporal, namespace: str, query: str) -> int:
    """How many a query finds. NotSupported by servers that list workers without counting them."""
    request = CountWorkersRequest(namespace=namespace, query=query)
    response: CountWorkersResponse = await temporal.call("count_workers", request)
    return response.count


async def describe_worker(temporal: Temporal, namespace: str, key: str) -> WorkerDetail:
    """The last heartbeat of a worker. NotFound where the server has heard nothing of it for a while."""
    request = DescribeWorkerRequest(namespace=namespace, worker_instance_key=key)
    try:
        response: DescribeWorkerResponse = await temporal.call("describe_worker", request)
    except NotSupported as error:
        raise needs(error, "Workers", _SINCE) from error
    except NotFound as error:
        raise NotFound(f"Temporal no longer knows worker {key!r}.") from error
    return detail_of(namespace, response.worker_info.worker_heartbeat)


def detail_of(namespace: str, beat: WorkerHeartbeat) -> WorkerDetail:
    return WorkerDetail(
        worker=worker_of(namespace, _listed(beat)),
        time=time_of(beat.heartbeat_time),
        cpu_usage=beat.host_info.current_host_cpu_usage,
        memory_usage=beat.host_info.current_host_mem_usage,
        workflow_slots=_slots(beat.workflow_task_slots_info),
        activity_slots=_slots(beat.activity_task_slots_info),
        local_activity_slots=_slots(beat.local_activity_slots_info),
        nexus_slots=_slots(beat.nexus_task_slots_info),
        workflow_polling=_polling(beat.workflow_poller_info),
        activity_polling=_polling(beat.activity_poller_info),
        sticky_cache_size=beat.current_sticky_cache_size,
        sticky_cache_hits=beat.total_sticky_cache_hit,
        sticky_cache_misses=beat.total_sticky_cache_miss,
    )


def worker_of(namespace: str, info: WorkerListInfo) -> Worker:
    return Worker(
        namespace=namespace,
        key=info.worker_instance_key,
        identity=info.worker_identity,
        task_queue=info.task_queue,
        status=_STATUSES.get(info.status, WorkerStatus.UNKNOWN),
        sdk_name=info.sdk_name,
        sdk_version=info.sdk_version,
        start_time=time_of(info.start_time),
        host_name=info.host_name or None,
        process_id=info.process_id or None,
        build_id=info.deployment_version.build_id or None,
        deployment=info.deployment_version.deployment_name or None,
    )


def _listed(beat: WorkerHeartbeat) -> WorkerListInfo:
    """What a list would say of the worker behind a heartbeat."""
    return WorkerListInfo(
        worker_instance_key=beat.worker_instance_key,
        worker_identity=beat.worker_identity,
        task_queue=beat.task_queue,
        deployment_version=beat.deployment_version,
        sdk_name=beat.sdk_name,
        sdk_version=beat.sdk_version,
        status=beat.status,
        start_time=beat.start_time,
        host_name=beat.host_info.host_name,
        process_id=beat.host_info.process_id,
    )


def _slots(proto: WorkerSlotsInfo) -> Slots | None:
    if not (proto.current_available_slots or proto.current_used_slots or proto.total_processed_tasks):
        return None
    return Slots(
        available=proto.current_available_slots,
        used=proto.current_used_slots,
        processed=proto.total_processed_tasks,
        failed=proto.total_failed_tasks,
    )


def _polling(proto: WorkerPollerInfo) -> Polling | None:
    last = time_of(proto.last_successful_poll_time)
    if not (proto.current_pollers or last):
        return None
    return Polling(proto.current_pollers, last, proto.is_autoscaling)
