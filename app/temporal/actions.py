"""What we ask Temporal to do. Raw requests, so that request ids are ours and a repeated one is one action.

Every function raises as `Temporal.call` does, and Refusal where the caller can mend it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from temporalio.api.common.v1 import (
    Memo,
    Payload,
    Payloads,
    SearchAttributes,
    WorkflowExecution,
    WorkflowType,
)
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy, WorkflowIdReusePolicy
from temporalio.api.sdk.v1 import UserMetadata
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    RequestCancelWorkflowExecutionRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
    StartWorkflowExecutionResponse,
)

from app.errors import Conflict, NotFound, Refusal
from app.model import ExecutionRef, Json
from app.temporal.connection import Temporal


@dataclass(frozen=True, slots=True)
class Start:
    """A workflow to be started. Timeouts are in seconds; None leaves the server's default."""

    namespace: str
    workflow_id: str
    workflow_type: str
    task_queue: str
    input: Sequence[Json] = ()
    memo: Mapping[str, Json] = field(default_factory=dict)
    search_attributes: Mapping[str, Json] = field(default_factory=dict)
    summary: str | None = None
    details: str | None = None
    execution_timeout: float | None = None
    run_timeout: float | None = None
    task_timeout: float | None = None
    start_delay: float | None = None
    identity: str = "tideline"
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class Started:
    ref: ExecutionRef
    created: bool
    """False where the same request had been made before."""


async def start(temporal: Temporal, wanted: Start) -> Started:
    """Start a run. Refusal ALREADY_STARTED where an open run has the id."""
    request = StartWorkflowExecutionRequest(
        namespace=wanted.namespace,
        workflow_id=wanted.workflow_id,
        workflow_type=WorkflowType(name=wanted.workflow_type),
        task_queue=TaskQueue(name=wanted.task_queue),
        input=payloads(wanted.input),
        identity=wanted.identity,
        request_id=wanted.request_id,
        workflow_id_reuse_policy=WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
        workflow_id_conflict_policy=WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
        memo=Memo(fields={name: payload(value) for name, value in wanted.memo.items()}),
        search_attributes=SearchAttributes(
            indexed_fields={name: payload(value) for name, value in wanted.search_attributes.items()}
        ),
        user_metadata=UserMetadata(
            summary=payload(wanted.summary) if wanted.summary else None,
            details=payload(wanted.details) if wanted.details else None,
        ),
    )
    for duration, seconds in (
        (request.workflow_execution_timeout, wanted.execution_timeout),
        (request.workflow_run_timeout, wanted.run_timeout),
        (request.workflow_task_timeout, wanted.task_timeout),
        (request.workflow_start_delay, wanted.start_delay),
    ):
        if seconds is not None:
            duration.FromMicroseconds(round(seconds * 1e6))
    try:
        response: StartWorkflowExecutionResponse = await temporal.call("start_workflow_execution", request)
    except Conflict as error:
        raise Refusal(
            "ALREADY_STARTED",
            f"Workflow id {wanted.workflow_id!r} is in use by an open run. Choose another id, or wait until it closes.",
            path=("workflowId",),
        ) from error
    return Started(
        ExecutionRef(wanted.namespace, wanted.workflow_id, response.run_id),
        created=response.started,
    )


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


def closed_or_unknown(error: NotFound, ref: ExecutionRef) -> Refusal:
    """Temporal says NOT_FOUND for a closed run too; only its words tell the two apart."""
    if "already completed" in error.message:
        return already_closed(ref)
    return Refusal("NOT_FOUND", f"There is no workflow {ref.workflow_id!r}.", path=("workflowId",))


def already_closed(ref: ExecutionRef) -> Refusal:
    return Refusal("ALREADY_CLOSED", f"Workflow {ref.workflow_id!r} has closed already.", path=("workflowId",))


def payload(value: Json) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=orjson.dumps(value))


def payloads(values: Sequence[Json]) -> Payloads:
    return Payloads(payloads=[payload(value) for value in values])
