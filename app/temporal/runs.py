"""What we ask Temporal to do with a run besides starting, signalling and cancelling it.

Every function raises Refusal for what its caller can mend, else as `Temporal.call` does.
"""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    PauseWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
)

from app.errors import NotFound
from app.model import ExecutionRef, Json
from app.temporal.actions import payloads
from app.temporal.connection import Temporal
from app.temporal.refusing import refusing

PAUSE_NEEDS = (
    "Pausing workflows needs Temporal server 1.30 or newer with the dynamic configuration"
    " frontend.WorkflowPauseEnabled set to true."
)


def named(ref: ExecutionRef) -> WorkflowExecution:
    return WorkflowExecution(workflow_id=ref.workflow_id, run_id=ref.run_id)


async def terminate(
    temporal: Temporal, ref: ExecutionRef, reason: str, details: Sequence[Json], *, identity: str
) -> None:
    """Close an open run at once; its code hears nothing of it."""
    request = TerminateWorkflowExecutionRequest(
        namespace=ref.namespace,
        workflow_execution=named(ref),
        reason=reason,
        details=payloads(details) if details else None,
        identity=identity,
    )
    with refusing(ref):
        await temporal.call("terminate_workflow_execution", request)


async def pause(temporal: Temporal, ref: ExecutionRef, reason: str, *, identity: str, request_id: str) -> None:
    """Keep an open run from going on; one request id is one pause. Refusal ALREADY_PAUSED."""
    request = PauseWorkflowExecutionRequest(
        namespace=ref.namespace,
        workflow_id=ref.workflow_id,
        run_id=ref.run_id,
        identity=identity,
        reason=reason,
        request_id=request_id,
    )
    with refusing(ref, needs=PAUSE_NEEDS, conflict="ALREADY_PAUSED", path=("reason",)):
        await temporal.call("pause_workflow_execution", request)


async def unpause(temporal: Temporal, ref: ExecutionRef, reason: str, *, identity: str, request_id: str) -> None:
    """Let a paused run go on. Refusal NOT_PAUSED, also for a repeated request: Temporal does not tell them apart."""
    request = UnpauseWorkflowExecutionRequest(
        namespace=ref.namespace,
        workflow_id=ref.workflow_id,
        run_id=ref.run_id,
        identity=identity,
        reason=reason,
        request_id=request_id,
    )
    with refusing(ref, needs=PAUSE_NEEDS, conflict="NOT_PAUSED", path=("reason",)):
        await temporal.call("unpause_workflow_execution", request)


async def delete(temporal: Temporal, ref: ExecutionRef) -> bool:
    """Have Temporal forget a run, which it terminates first where it is open; False where it has none (any more)."""
    request = DeleteWorkflowExecutionRequest(namespace=ref.namespace, workflow_execution=named(ref))
    try:
        await temporal.call("delete_workflow_execution", request)
    except NotFound:
        return False
    return True
