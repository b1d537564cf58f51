"""Waiting for a run to close."""

from __future__ import annotations

import asyncio

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import HistoryEventFilterType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
)

from app.errors import DeadlineExceeded
from app.model import ExecutionRef
from app.temporal.connection import Temporal
from app.temporal.reads import LONG_POLL_SECONDS

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0


async def last_run(temporal: Temporal, ref: ExecutionRef, seconds: float) -> ExecutionRef:
    """Wait until the run has closed, and the runs that continue it; at most some seconds. The run that it has come
    to. One long poll waits for the event that closes a run. Raises as `Temporal.call` does."""
    clock = asyncio.get_running_loop()
    until, token, pause = clock.time() + seconds, b"", _FIRST_PAUSE
    while (left := until - clock.time()) > 0:
        request = GetWorkflowExecutionHistoryRequest(
            namespace=ref.namespace,
            execution=WorkflowExecution(workflow_id=ref.workflow_id, run_id=ref.run_id),
            next_page_token=token,
            wait_new_event=True,
            history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
            skip_archival=True,
        )
        try:
            response: GetWorkflowExecutionHistoryResponse = await temporal.call(
                "get_workflow_execution_history", request, timeout=min(left, LONG_POLL_SECONDS), retry=False
            )
        except DeadlineExceeded:
            continue
        token = response.next_page_token
        if not token and not response.history.events:
            # The server does not hold the poll of a paused run.
            await asyncio.sleep(min(pause, max(until - clock.time(), 0)))
            pause = min(pause * 2, _LONGEST_PAUSE)
        if response.history.events and not token:
            following = _continued_by(response.history.events[-1])
            if following is None:
                return ref
            ref, token = ExecutionRef(ref.namespace, ref.workflow_id, following), b""
    return ref


def _continued_by(event: HistoryEvent) -> str | None:
    """The run that goes on where this event closed one."""
    attributes = getattr(event, event.WhichOneof("attributes") or "")
    return getattr(attributes, "new_execution_run_id", "") or None
