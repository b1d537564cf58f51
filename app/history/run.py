"""The run itself: its start, its end, its memo, and what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from temporalio.api.common.v1 import Payload as PayloadProto
from temporalio.api.history.v1 import HistoryEvent

from app.history import activities, phases
from app.history.fold import Fold, details_of, set_only, summary_of
from app.model import (
    ExecutionRef,
    Failure,
    FailureKind,
    Json,
    TimelineKind,
    TimelineStatus,
    WorkflowStatus,
    published_in,
)
from app.protos import failure_of, json_of, payload_map_of, payload_of, payloads_of, seconds_of

OUTLIVING = frozenset({TimelineKind.CHILD_WORKFLOW, TimelineKind.NEXUS_OPERATION, TimelineKind.PHASE})
"""Kinds of items that the end of a run does not end, or that end by their own rule."""


def on_started(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_started_event_attributes
    namespace = attributes.parent_workflow_namespace or fold.ref.namespace
    parent, root = attributes.parent_workflow_execution, attributes.root_workflow_execution
    fold.set(
        workflow_type=attributes.workflow_type.name,
        task_queue=attributes.task_queue.name,
        start_time=fold.time,
        execution_time=fold.time + timedelta(seconds=seconds_of(attributes.first_workflow_task_backoff) or 0.0),
        attempt=max(attributes.attempt, 1),
        first_run_id=attributes.first_execution_run_id or None,
        original_run_id=attributes.original_execution_run_id or None,
        previous_run_id=attributes.continued_execution_run_id or None,
        parent=ExecutionRef(namespace, parent.workflow_id, parent.run_id) if parent.workflow_id else None,
        root=ExecutionRef(fold.ref.namespace, root.workflow_id, root.run_id) if root.workflow_id else None,
        cron_schedule=attributes.cron_schedule or None,
        identity=attributes.identity or None,
        summary=summary_of(event),
        details=details_of(event.user_metadata) if event.HasField("user_metadata") else None,
        input=payloads_of(attributes.input),
        search_attributes=payload_map_of(attributes.search_attributes.indexed_fields),
    )
    fold.move()
    upsert_memo(fold, attributes.memo.fields)


def on_properties_modified(fold: Fold, event: HistoryEvent) -> None:
    upsert_memo(fold, event.workflow_properties_modified_event_attributes.upserted_memo.fields)


def on_properties_modified_externally(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_properties_modified_externally_event_attributes
    if attributes.new_task_queue:
        fold.set(task_queue=attributes.new_task_queue)
    upsert_memo(fold, attributes.upserted_memo.fields)


def upsert_memo(fold: Fold, fields: Mapping[str, PayloadProto]) -> None:
    """Merge; a null value removes its key."""
    if not fields:
        return
    memo = dict(fold.run.memo)
    for name, proto in fields.items():
        if _is_null(proto):
            memo.pop(name, None)
        else:
            memo[name] = payload_of(proto)
    fold.set(memo=memo)
    if "progress" in fields:
        _publish(fold, json_of(memo["progress"]) if "progress" in memo else None)
    if "phase" in memo and "phase" in fields:
        phases.publish(fold, json_of(memo["phase"]))


def _publish(fold: Fold, value: Json) -> None:
    """What is no progress leaves what was published before; None takes it back."""
    if value != fold.published and (value is None or published_in(value) is not None):
        fold.published = value
        fold.move()


def on_search_attributes(fold: Fold, event: HistoryEvent) -> None:
    merged = dict(fold.run.search_attributes)
    upserted = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
    for name, proto in upserted.items():
        if _is_null(proto):
            merged.pop(name, None)
        else:
            merged[name] = payload_of(proto)
    fold.set(search_attributes=merged)


def _is_null(proto: PayloadProto) -> bool:
    encoding = proto.metadata.get("encoding", b"")
    return encoding == b"binary/null" or proto.data == b"null" or (not proto.data and not proto.metadata)


def on_cancel_requested(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_cancel_requested_event_attributes
    sender = attributes.external_workflow_execution
    fold.set(cancel_requested_time=fold.time, cancel_reason=attributes.cause or None)
    detail = {
        "direction": "in",
        **set_only(reason=attributes.cause, identity=attributes.identity, workflowId=sender.workflow_id),
    }
    fold.add_moment(f"cancel:{fold.event_id}", TimelineKind.SIGNAL, "cancel", detail=detail)


def on_paused(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_paused_event_attributes
    fold.set(status=WorkflowStatus.PAUSED)
    fold.pause_key = f"pause:{fold.event_id}"
    detail = set_only(identity=attributes.identity, reason=attributes.reason)
    fold.add_bar(fold.pause_key, TimelineKind.MARKER, "paused", TimelineStatus.RUNNING, detail=detail)
    fold.move()


def on_unpaused(fold: Fold, _event: HistoryEvent) -> None:
    fold.set(status=WorkflowStatus.RUNNING)
    if fold.pause_key:
        fold.end_bar(fold.pause_key, TimelineStatus.COMPLETED)
    fold.move()


def on_completed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_completed_event_attributes
    next_run_id = attributes.new_execution_run_id or None
    close(fold, WorkflowStatus.COMPLETED, result=payloads_of(attributes.result), next_run_id=next_run_id)


def on_failed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_failed_event_attributes
    next_run_id = attributes.new_execution_run_id or None
    close(fold, WorkflowStatus.FAILED, failure=failure_of(attributes.failure), next_run_id=next_run_id)


def on_timed_out(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_timed_out_event_attributes
    failure = Failure("Workflow timed out", FailureKind.TIMEOUT, timeout_type="START_TO_CLOSE")
    close(fold, WorkflowStatus.TIMED_OUT, failure=failure, next_run_id=attributes.new_execution_run_id or None)


def on_canceled(fold: Fold, event: HistoryEvent) -> None:
    details = payloads_of(event.workflow_execution_canceled_event_attributes.details)
    failure = Failure(fold.run.cancel_reason or "Workflow canceled", FailureKind.CANCELED, details=details)
    close(fold, WorkflowStatus.CANCELED, failure=failure)


def on_terminated(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_terminated_event_attributes
    failure = Failure(
        attributes.reason or "Workflow terminated",
        FailureKind.TERMINATED,
        details=payloads_of(attributes.details),
    )
    close(fold, WorkflowStatus.TERMINATED, failure=failure)


def on_continued_as_new(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_continued_as_new_event_attributes
    failure = failure_of(attributes.failure) if attributes.HasField("failure") else None
    next_run_id = attributes.new_execution_run_id or None
    close(fold, WorkflowStatus.CONTINUED_AS_NEW, failure=failure, next_run_id=next_run_id)


def close(fold: Fold, status: WorkflowStatus, **changes: Any) -> None:
    """End the run, and with it what cannot outlive it."""
    fold.set(status=status, close_time=fold.time, **changes)
    activities.abandon_open(fold)
    phases.close_open(fold)
    end = TimelineStatus.TERMINATED if status is WorkflowStatus.TERMINATED else TimelineStatus.CANCELED
    for item in fold.timeline.open_items():
        if item.kind not in OUTLIVING:
            fold.timeline.end(item.key, end, fold.time)
    fold.move()
