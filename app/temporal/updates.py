"""Workflow updates: a request that a run's code takes or rejects, and answers. Raises as `Temporal.call` does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as StageProto
from temporalio.api.update.v1 import Outcome as OutcomeProto
from temporalio.api.update.v1 import UpdateRef, WaitPolicy
from temporalio.api.workflowservice.v1 import PollWorkflowExecutionUpdateRequest, PollWorkflowExecutionUpdateResponse

from app.errors import DeadlineExceeded, NotFound
from app.model import ExecutionRef, Failure, Payload
from app.protos import failure_of, payloads_of
from app.temporal.connection import Temporal


class UpdateStage(StrEnum):
    """How far an update has come. ADMITTED waits for a worker that accepts or rejects it."""

    ADMITTED = "ADMITTED"
    ACCEPTED = "ACCEPTED"
    COMPLETED = "COMPLETED"


@dataclass(frozen=True, slots=True)
class Update:
    """How an update of a run stands. Completed, it has a result or a failure."""

    ref: ExecutionRef
    update_id: str
    stage: UpdateStage
    result: tuple[Payload, ...] = ()
    failure: Failure | None = None


async def stands(temporal: Temporal, ref: ExecutionRef, update_id: str, wait: float = 0.0) -> Update | None:
    """How an update stands, once it has completed or `wait` seconds have passed; None for one that is unknown."""
    request = PollWorkflowExecutionUpdateRequest(
        namespace=ref.namespace,
        update_ref=UpdateRef(
            workflow_execution=WorkflowExecution(workflow_id=ref.workflow_id, run_id=ref.run_id), update_id=update_id
        ),
        wait_policy=WaitPolicy(lifecycle_stage=_proto(UpdateStage.COMPLETED)) if wait else None,
    )
    try:
        response: PollWorkflowExecutionUpdateResponse = await temporal.call(
            "poll_workflow_execution_update", request, timeout=wait or None
        )
    except NotFound:
        return None
    except DeadlineExceeded:
        if not wait:
            raise
        return await stands(temporal, ref, update_id)
    return update_of(ref, update_id, response.stage, response.outcome)


def update_of(ref: ExecutionRef, update_id: str, stage: StageProto.ValueType, outcome: OutcomeProto) -> Update:
    return Update(
        ref=ref,
        update_id=update_id,
        stage=_STAGES.get(stage, UpdateStage.ADMITTED),
        result=payloads_of(outcome.success),
        failure=failure_of(outcome.failure) if outcome.HasField("failure") else None,
    )


def _proto(stage: UpdateStage) -> StageProto.ValueType:
    return StageProto.Value(f"UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_{stage.value}")


_STAGES = {_proto(stage): stage for stage in UpdateStage}
