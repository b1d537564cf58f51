"""Updates: admitted, accepted or rejected, completed.

A normal update enters history when the workflow accepts it; one that is applied again after a reset is
admitted first, and its acceptance then carries no request.
"""

from __future__ import annotations

from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.update.v1 import Request

from app.history.fold import Fold, set_only
from app.model import TimelineKind, TimelineStatus
from app.protos import failure_of, payloads_of


def on_admitted(fold: Fold, event: HistoryEvent) -> None:
    _begin(fold, event.workflow_execution_update_admitted_event_attributes.request, TimelineStatus.SCHEDULED)


def on_accepted(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_update_accepted_event_attributes
    update_id = attributes.protocol_instance_id or attributes.accepted_request.meta.update_id
    if update_id in fold.updates:
        fold.change_bar(fold.updates[update_id], status=TimelineStatus.RUNNING)
    else:
        _begin(fold, attributes.accepted_request, TimelineStatus.RUNNING, update_id)


def on_rejected(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_update_rejected_event_attributes
    update_id = attributes.protocol_instance_id or attributes.rejected_request.meta.update_id
    if update_id not in fold.updates:
        _begin(fold, attributes.rejected_request, TimelineStatus.RUNNING, update_id)
    failure, key = failure_of(attributes.failure), fold.updates.pop(update_id)
    fold.end_bar(key, TimelineStatus.FAILED, failure=failure, detail={"outcome": "rejected"})


def on_completed(fold: Fold, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_update_completed_event_attributes
    key = fold.updates.pop(attributes.meta.update_id, "")
    outcome = attributes.outcome
    if outcome.HasField("failure"):
        failure = failure_of(outcome.failure)
        fold.end_bar(key, TimelineStatus.FAILED, failure=failure, detail={"outcome": "failed"})
    else:
        result = payloads_of(outcome.success)
        fold.end_bar(key, TimelineStatus.COMPLETED, result=result, detail={"outcome": "completed"})


def _begin(fold: Fold, request: Request, status: TimelineStatus, update_id: str = "") -> None:
    update_id = update_id or request.meta.update_id
    key = f"update:{fold.event_id}"
    fold.updates[update_id] = key
    fold.add_bar(
        key,
        TimelineKind.UPDATE,
        request.input.name or "update",
        status,
        input=payloads_of(request.input.args),
        detail={"updateId": update_id, **set_only(identity=request.meta.identity)},
    )
