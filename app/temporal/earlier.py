"""What an earlier try may have done that nobody heard of: looked for where Temporal remembers request ids."""

from __future__ import annotations

from contextlib import aclosing

from app.errors import NotFound
from app.model import Execution, ExecutionRef
from app.temporal import reads
from app.temporal.connection import Temporal
from app.temporal.reads import history_backwards

REQUEST_MEMO = "requestId"
"""The key of the memo that names the request which started a run: runs that continue it have it too."""
_RUNS_LOOKED_AT = 20


async def started(temporal: Temporal, namespace: str, workflow_id: str, request_id: str) -> ExecutionRef | None:
    """The first run that this request started, or the one that it used instead."""
    try:
        latest = await reads.describe(temporal, namespace, workflow_id)
    except NotFound:
        return None
    if request_id in latest.request_ids:
        return latest.execution.ref
    for execution in (latest.execution, *await _seen(temporal, namespace, workflow_id)):
        if execution.memo.get(REQUEST_MEMO) == request_id:
            return first_of(execution)
    return None


async def told(temporal: Temporal, namespace: str, workflow_id: str, request_id: str) -> ExecutionRef | None:
    """The run that this request sent a signal or an update to."""
    try:
        latest = await reads.describe(temporal, namespace, workflow_id)
    except NotFound:
        return None
    runs = [latest.execution, *await _seen(temporal, namespace, workflow_id)]
    for execution in {each.run_id: each for each in runs}.values():
        if await took(temporal, execution.ref, request_id):
            return execution.ref
    return None


async def took(temporal: Temporal, ref: ExecutionRef, request_id: str) -> bool:
    """Whether the run has taken a signal or an update of this request. NotFound where Temporal has it no more."""
    async with aclosing(history_backwards(temporal, ref)) as events:
        async for event in events:
            if request_id in {
                event.workflow_execution_signaled_event_attributes.request_id,
                event.workflow_execution_update_accepted_event_attributes.protocol_instance_id,
            }:
                return True
    return False


async def accepted(temporal: Temporal, ref: ExecutionRef, update_id: str) -> bool:
    """Whether the run's code has taken the update. NotFound where Temporal has the run no more."""
    async with aclosing(history_backwards(temporal, ref)) as events:
        async for event in events:
            taken = event.workflow_execution_update_accepted_event_attributes
            if update_id in {taken.accepted_request.meta.update_id, taken.protocol_instance_id}:
                return True
    return False


async def was_asked_to_cancel(temporal: Temporal, ref: ExecutionRef, identity: str, cause: str) -> bool:
    """Whether somebody has asked the run to cancel itself, for this cause."""
    async with aclosing(history_backwards(temporal, ref)) as events:
        async for event in events:
            asked = event.workflow_execution_cancel_requested_event_attributes
            if (asked.identity, asked.cause) == (identity, cause):
                return True
    return False


def first_of(execution: Execution) -> ExecutionRef:
    """The run that began the chain."""
    return ExecutionRef(execution.namespace, execution.workflow_id, execution.first_run_id or execution.run_id)


async def _seen(temporal: Temporal, namespace: str, workflow_id: str) -> list[Execution]:
    """The newest runs of the id, as visibility has them, whose parser knows no escape for quotes."""
    quote = next((mark for mark in "'\"" if mark not in workflow_id), None)
    if quote is None or "\\" in workflow_id:
        return []
    query = f"WorkflowId = {quote}{workflow_id}{quote}"
    rows, _ = await reads.list_executions(temporal, namespace, query, _RUNS_LOOKED_AT)
    return rows
