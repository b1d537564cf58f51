"""Nexus operations."""

from __future__ import annotations

from typing import Any

from temporalio.api.failure.v1 import Failure as FailureProto
from temporalio.api.history.v1 import HistoryEvent

from app.history.fold import Fold, set_only, summary_of
from app.model import ExecutionRef, TimelineKind, TimelineStatus
from app.protos import failure_of, payload_of


def key_of(scheduled_event_id: int) -> str:
    return f"nexus:{scheduled_event_id}"


def on_scheduled(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.nexus_operation_scheduled_event_attributes
    fold.add_bar(
        key_of(fold.event_id),
        TimelineKind.NEXUS_OPERATION,
        f"{attributes.service}.{attributes.operation}",
        summary=summary_of(event),
        input=(payload_of(attributes.input),) if attributes.HasField("input") else (),
        detail=set_only(endpoint=attributes.endpoint, service=attributes.service, operation=attributes.operation),
    )


def on_started(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.nexus_operation_started_event_attributes
    changes: dict[str, Any] = {}
    for link in event.links:  # where a workflow handles the operation, the event links to it
        if link.HasField("workflow_event"):
            run = link.workflow_event
            changes["child"] = ExecutionRef(run.namespace, run.workflow_id, run.run_id)
    token = attributes.operation_token or attributes.operation_id
    fold.change_bar(
        key_of(attributes.scheduled_event_id),
        status=TimelineStatus.RUNNING,
        detail=set_only(operationToken=token),
        **changes,
    )


def on_completed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.nexus_operation_completed_event_attributes
    result = (payload_of(attributes.result),) if attributes.HasField("result") else ()
    fold.end_bar(key_of(attributes.scheduled_event_id), TimelineStatus.COMPLETED, result=result)


def on_failed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.nexus_operation_failed_event_attributes
    _fail(fold, attributes.scheduled_event_id, TimelineStatus.FAILED, attributes.failure)


def on_canceled(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.nexus_operation_canceled_event_attributes
    _fail(fold, attributes.scheduled_event_id, TimelineStatus.CANCELED, attributes.failure)


def on_timed_out(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.nexus_operation_timed_out_event_attributes
    _fail(fold, attributes.scheduled_event_id, TimelineStatus.TIMED_OUT, attributes.failure)


def on_cancel_requested(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.nexus_operation_cancel_requested_event_attributes
    _cancel_state(fold, attributes.scheduled_event_id, "requested")


def on_cancel_request_completed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.nexus_operation_cancel_request_completed_event_attributes
    _cancel_state(fold, attributes.scheduled_event_id, "delivered")


def on_cancel_request_failed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.nexus_operation_cancel_request_failed_event_attributes
    _cancel_state(fold, attributes.scheduled_event_id, "failed")


def _cancel_state(fold: Fold, scheduled_event_id: int, state: str) -> None:
    fold.change_bar(key_of(scheduled_event_id), detail={"cancelRequest": state})


def _fail(fold: Fold, scheduled_event_id: int, status: TimelineStatus, failure: FailureProto) -> None:
    fold.end_bar(key_of(scheduled_event_id), status, failure=failure_of(failure))
