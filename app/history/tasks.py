"""Workflow tasks: when the workflow's own code ran, on which worker, and whether it could."""

from __future__ import annotations

from typing import Any

from temporalio.api.enums.v1 import TimeoutType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent, WorkflowTaskCompletedEventAttributes

from app.history.fold import Fold, set_only
from app.history.names import enum_name
from app.model import Failure, FailureKind, TimelineKind, TimelineStatus
from app.protos import failure_of, timeout_type_name


def key_of(scheduled_event_id: int) -> str:
    return f"workflow_task:{scheduled_event_id}"


def on_scheduled(fold: Fold, event: HistoryEvent) -> None:
    attempt = max(event.workflow_task_scheduled_event_attributes.attempt, 1)
    if fold.run.execution_time is not None and fold.time < fold.run.execution_time:
        fold.set(execution_time=fold.time)
    fold.add_bar(key_of(fold.event_id), TimelineKind.WORKFLOW_TASK, "Workflow task", attempt=attempt)


def on_started(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_task_started_event_attributes
    fold.change_bar(
        key_of(attributes.scheduled_event_id),
        status=TimelineStatus.RUNNING,
        detail=set_only(workerIdentity=attributes.identity),
    )


def on_completed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_task_completed_event_attributes
    fold.end_bar(key_of(attributes.scheduled_event_id), TimelineStatus.COMPLETED)
    seen = worker_of(attributes)
    if fold.run.workflow_task_failure is not None:
        seen["workflow_task_failure"] = None
    if any(getattr(fold.run, name) != value for name, value in seen.items()):
        fold.set(**seen)


def worker_of(attributes: WorkflowTaskCompletedEventAttributes) -> dict[str, Any]:
    """What a completed task says of its worker. SDK name and version come only with the task that changes
    them."""
    build_id = (
        attributes.deployment_version.build_id
        or attributes.worker_version.build_id
        or attributes.deployment.build_id
        or attributes.binary_checksum
    )
    deployment = (
        attributes.deployment_version.deployment_name
        or attributes.worker_deployment_name
        or attributes.deployment.series_name
    )
    return set_only(
        build_id=build_id,
        deployment=deployment,
        sdk_name=attributes.sdk_metadata.sdk_name,
        sdk_version=attributes.sdk_metadata.sdk_version,
    )


def on_failed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_task_failed_event_attributes
    cause = enum_name(WorkflowTaskFailedCause, attributes.cause, "WORKFLOW_TASK_FAILED_CAUSE_")
    if attributes.HasField("failure"):
        failure = failure_of(attributes.failure)
    else:
        failure = Failure(message=f"Workflow task failed: {cause}", kind=FailureKind.SERVER, type=cause)
    key = key_of(attributes.scheduled_event_id)
    fold.end_bar(key, TimelineStatus.FAILED, failure=failure, detail={"cause": cause})
    if attributes.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
        # Everything before this event was copied from the run that was reset.
        fold.set(previous_run_id=attributes.base_run_id or None)
    else:
        fold.set(workflow_task_failure=failure)


def on_timed_out(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_task_timed_out_event_attributes
    timeout_type = timeout_type_name(attributes.timeout_type)
    failure = Failure(
        message=f"Workflow task timed out ({timeout_type})",
        kind=FailureKind.TIMEOUT,
        timeout_type=timeout_type,
    )
    fold.end_bar(key_of(attributes.scheduled_event_id), TimelineStatus.TIMED_OUT, failure=failure)
    # A sticky queue whose worker has left times out by design: the task moves to the normal queue.
    if attributes.timeout_type != TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START:
        fold.set(workflow_task_failure=failure)
