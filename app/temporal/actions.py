"""What we ask Temporal to do. Raw requests, so that request ids are ours and a repeated one is one action.

Every function raises as `Temporal.call` does, and Refusal where the caller can mend it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

import orjson
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import RequestCancelWorkflowExecutionRequest, SignalWorkflowExecutionRequest

from app.errors import NotFound
from app.model import ExecutionRef, Json
from app.temporal.connection import Temporal
from app.temporal.statuses import already_closed, closed_or_unknown

__all__ = ["already_closed", "cancel", "closed_or_unknown", "payload", "payloads", "signal"]


async def signal(
    temporal: Temporal,
    ref: ExecutionRef,
    name: str,
    args: Sequence[Json],
    *,
    identity: str,
    request_id: str | None,
) -> None:
    """Send a signal to an open run; one request id is one signal."""
    request = SignalWorkflowExecutionRequest(
        namespace=ref.namespace,
        workflow_execution=WorkflowExecution(workflow_id=ref.workflow_id, run_id=ref.run_id),
        signal_name=name,
        input=payloads(args),
        identity=identity,
        request_id=request_id or str(uuid.uuid4()),
    )
    try:
        await temporal.call("signal_workflow_execution", request)
    except NotFound as error:
        raise closed_or_unknown(error, ref) from error


async def cancel(temporal: Temporal, ref: ExecutionRef, reason: str, *, identity: str, request_id: str | None) -> None:
    """Ask an open run to cancel itself; it decides when and how."""
    request = RequestCancelWorkflowExecutionRequest(
        namespace=ref.namespace,
        workflow_execution=WorkflowExecution(workflow_id=ref.workflow_id, run_id=ref.run_id),
        identity=identity,
        reason=reason,
        request_id=request_id or str(uuid.uuid4()),
    )
    try:
        await temporal.call("request_cancel_workflow_execution", request)
    except NotFound as error:
        raise closed_or_unknown(error, ref) from error


def payload(value: Json) -> Payload:
    try:
        data = orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits
        data = json.dumps(value, separators=(",", ":")).encode()
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


def payloads(values: Sequence[Json]) -> Payloads:
    return Payloads(payloads=[payload(value) for value in values])
