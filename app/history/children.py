"""Child workflows."""

from __future__ import annotations

from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import ParentClosePolicy, StartChildWorkflowExecutionFailedCause
from temporalio.api.history.v1 import HistoryEvent

from app.history.fold import Fold, set_only, summary_of
from app.history.names import enum_name, words
from app.model import ExecutionRef, Failure, FailureKind, TimelineKind, TimelineStatus
from app.protos import failure_of, payloads_of

CAUSE = "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_"


def key_of(initiated_event_id: int) -> str:
    return f"child:{initiated_event_id}"


def ref_of(fold: Fold, namespace: str, execution: WorkflowExecution) -> ExecutionRef:
    """The run id is empty until it is known."""
    return ExecutionRef(namespace or fold.ref.namespace, execution.workflow_id, execution.run_id)


def on_initiated(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.start_child_workflow_execution_initiated_event_attributes
    child = ExecutionRef(attributes.namespace or fold.ref.namespace, attributes.workflow_id, "")
    fold.add_bar(
        key_of(fold.event_id),
        TimelineKind.CHILD_WORKFLOW,
        attributes.workflow_type.name,
        child=child,
        summary=summary_of(event),
        input=payloads_of(attributes.input),
        detail={
            "workflowId": attributes.workflow_id,
            **set_only(
                taskQueue=attributes.task_queue.name,
                parentClosePolicy=enum_name(ParentClosePolicy, attributes.parent_close_policy, "PARENT_CLOSE_POLICY_"),
            ),
        },
    )


def on_start_failed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.start_child_workflow_execution_failed_event_attributes
    cause = enum_name(StartChildWorkflowExecutionFailedCause, attributes.cause, CAUSE)
    failure = Failure(
        message=f"Child workflow {attributes.workflow_id} could not be started: {words(cause)}",
        kind=FailureKind.CHILD_WORKFLOW,
        type=attributes.workflow_type.name or None,
    )
    end(fold, attributes.initiated_event_id, TimelineStatus.FAILED, failure=failure, detail={"cause": cause})


def on_started(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.child_workflow_execution_started_event_attributes
    child = ref_of(fold, attributes.namespace, attributes.workflow_execution)
    fold.change_bar(key_of(attributes.initiated_event_id), status=TimelineStatus.RUNNING, child=child)


def on_completed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.child_workflow_execution_completed_event_attributes
    result = payloads_of(attributes.result)
    end(fold, attributes.initiated_event_id, TimelineStatus.COMPLETED, result=result)


def on_failed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.child_workflow_execution_failed_event_attributes
    failure = failure_of(attributes.failure)
    end(fold, attributes.initiated_event_id, TimelineStatus.FAILED, failure=failure)


def on_canceled(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.child_workflow_execution_canceled_event_attributes
    end(fold, attributes.initiated_event_id, TimelineStatus.CANCELED)


def on_timed_out(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.child_workflow_execution_timed_out_event_attributes
    end(fold, attributes.initiated_event_id, TimelineStatus.TIMED_OUT)


def on_terminated(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.child_workflow_execution_terminated_event_attributes
    end(fold, attributes.initiated_event_id, TimelineStatus.TERMINATED)


def end(fold: Fold, initiated_event_id: int, status: TimelineStatus, **changes: Any) -> None:
    fold.end_bar(key_of(initiated_event_id), status, **changes)
