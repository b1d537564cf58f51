"""Starting a run with an update. Raises as `starts` does."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as Stage
from temporalio.api.update.v1 import Input, Meta, WaitPolicy
from temporalio.api.update.v1 import Request as UpdateRequest
from temporalio.api.workflowservice.v1 import (
    ExecuteMultiOperationRequest,
    ExecuteMultiOperationResponse,
    StartWorkflowExecutionRequest,
    UpdateWorkflowExecutionRequest,
)

from app.errors import Conflict, DeadlineExceeded, NotFound
from app.model import ExecutionRef, Json
from app.temporal import reads
from app.temporal.actions import payloads
from app.temporal.connection import Temporal
from app.temporal.starts import Start, Started, fields_of, in_the_way
from app.temporal.updates import Update, stands, update_of


async def update_with_start(
    temporal: Temporal, wanted: Start, name: str, args: Sequence[Json], *, timeout: float
) -> tuple[Started, Update]:
    """Send an update to the open run of the workflow id, which is started where there is none, and wait until it has
    completed, or as far as it has come in `timeout` seconds. The id of the update is the request id: one request id
    is one update."""
    begin = StartWorkflowExecutionRequest(**fields_of(wanted))
    update = UpdateWorkflowExecutionRequest(
        namespace=wanted.namespace,
        workflow_execution=WorkflowExecution(workflow_id=wanted.workflow_id),
        wait_policy=WaitPolicy(lifecycle_stage=Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED),
        request=UpdateRequest(
            meta=Meta(update_id=wanted.request_id, identity=wanted.identity),
            input=Input(name=name, args=payloads(args)),
        ),
    )
    operation = ExecuteMultiOperationRequest.Operation
    request = ExecuteMultiOperationRequest(
        namespace=wanted.namespace, operations=[operation(start_workflow=begin), operation(update_workflow=update)]
    )
    try:
        response: ExecuteMultiOperationResponse = await temporal.call(
            "execute_multi_operation", request, timeout=timeout
        )
    except Conflict as error:
        raise in_the_way(error, wanted) from error
    except DeadlineExceeded as error:
        found = await _as_far_as_it_came(temporal, wanted)
        if found is None:
            raise error
        return found
    begun, updated = response.responses[0].start_workflow, response.responses[1].update_workflow
    ref = ExecutionRef(wanted.namespace, wanted.workflow_id, begun.run_id)
    return Started(ref, created=begun.started), update_of(ref, wanted.request_id, updated.stage, updated.outcome)


async def _as_far_as_it_came(temporal: Temporal, wanted: Start) -> tuple[Started, Update] | None:
    """The run that has the update, started for it or open before; None where Temporal knows nothing of that."""
    try:
        latest = await reads.describe(temporal, wanted.namespace, wanted.workflow_id)
    except NotFound:
        return None
    ref = latest.execution.ref
    update = await stands(temporal, ref, wanted.request_id)
    return (Started(ref, created=wanted.request_id in latest.request_ids), update) if update is not None else None
