"""Messages: signals received, and signals and cancel requests sent to other workflows."""

from __future__ import annotations

from typing import Any

from temporalio.api.enums.v1 import (
    CancelExternalWorkflowExecutionFailedCause,
    SignalExternalWorkflowExecutionFailedCause,
)
from temporalio.api.history.v1 import HistoryEvent

from app.history.children import ref_of
from app.history.fold import Fold, set_only
from app.history.names import enum_name, words
from app.model import Failure, FailureKind, TimelineKind, TimelineStatus
from app.protos import payloads_of


def sent_key(initiated_event_id: int) -> str:
    return f"sent:{initiated_event_id}"


def on_received(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_signaled_event_attributes
    sender = attributes.external_workflow_execution
    fold.add_moment(
        f"signal:{fold.event_id}",
        TimelineKind.SIGNAL,
        attributes.signal_name,
        input=payloads_of(attributes.input),
        detail={
            "direction": "in",
            **set_only(identity=attributes.identity, workflowId=sender.workflow_id, runId=sender.run_id),
        },
    )


def on_signal_initiated(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.signal_external_workflow_execution_initiated_event_attributes
    arguments = payloads_of(attributes.input)
    _initiate(fold, attributes, attributes.signal_name, "signal", input=arguments)


def on_signal_failed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.signal_external_workflow_execution_failed_event_attributes
    prefix = "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_"
    cause = enum_name(SignalExternalWorkflowExecutionFailedCause, attributes.cause, prefix)
    _fail(fold, attributes.initiated_event_id, "Signal", attributes.workflow_execution.workflow_id, cause)


def on_signaled(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.external_workflow_execution_signaled_event_attributes
    fold.end_bar(sent_key(attributes.initiated_event_id), TimelineStatus.COMPLETED)


def on_cancel_initiated(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.request_cancel_external_workflow_execution_initiated_event_attributes
    _initiate(fold, attributes, "cancel", "cancel", reason=attributes.reason)


def on_cancel_failed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.request_cancel_external_workflow_execution_failed_event_attributes
    prefix = "CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_"
    cause = enum_name(CancelExternalWorkflowExecutionFailedCause, attributes.cause, prefix)
    _fail(
        fold,
        attributes.initiated_event_id,
        "Cancel request",
        attributes.workflow_execution.workflow_id,
        cause,
    )


def on_cancel_delivered(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.external_workflow_execution_cancel_requested_event_attributes
    fold.end_bar(sent_key(attributes.initiated_event_id), TimelineStatus.COMPLETED)


def _initiate(fold: Fold, attributes: Any, name: str, request: str, *, reason: str = "", **more: Any) -> None:
    target = ref_of(fold, attributes.namespace, attributes.workflow_execution)
    fold.add_bar(
        sent_key(fold.event_id),
        TimelineKind.SIGNAL,
        name,
        TimelineStatus.RUNNING,
        child=target,
        detail={
            "direction": "out",
            "request": request,
            "workflowId": target.workflow_id,
            **set_only(runId=target.run_id, reason=reason),
        },
        **more,
    )


def _fail(fold: Fold, initiated_event_id: int, what: str, workflow_id: str, cause: str) -> None:
    failure = Failure(
        message=f"{what} to workflow {workflow_id} failed: {words(cause)}",
        kind=FailureKind.SERVER,
        type=cause,
    )
    key = sent_key(initiated_event_id)
    fold.end_bar(key, TimelineStatus.FAILED, failure=failure, detail={"cause": cause})
