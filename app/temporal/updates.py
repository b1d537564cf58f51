"""Workflow updates: a request that a run's code takes or rejects, and answers. Raises as `runs` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as StageProto
from temporalio.api.update.v1 import Input, Meta, Request, UpdateRef, WaitPolicy
from temporalio.api.update.v1 import Outcome as OutcomeProto
from temporalio.api.workflowservice.v1 import (
    PollWorkflowExecutionUpdateRequest,
    PollWorkflowExecutionUpdateResponse,
    UpdateWorkflowExecutionRequest,
    UpdateWorkflowExecutionResponse,
)

from app.errors import DeadlineExceeded, NotFound, Refusal
from app.model import ExecutionRef, Failure, Json, Payload
from app.protos import failure_of, payloads_of
from app.temporal.actions import payloads
from app.temporal.connection import Temporal
from app.temporal.earlier import accepted
from app.temporal.refusing import refusing
from app.temporal.runs import named

MAX_UPDATE_WAIT = 20.0
UPDATE_NEEDS = "Updating workflows needs Temporal server 1.25 or newer."


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


async def update(
    temporal: Temporal,
    ref: ExecutionRef,
    name: str,
    args: Sequence[Json],
    update_id: str,
    until: UpdateStage,
    wait: float,
    *,
    identity: str,
) -> Update:
    """Send an update to an open run and wait until it has come as far as `until`, at most `wait` seconds; one update
    id is one update of the run. Refusal UPDATE_REJECTED where the run's code does not take it."""
    request = UpdateWorkflowExecutionRequest(
        namespace=ref.namespace,
        workflow_execution=named(ref),
        wait_policy=WaitPolicy(lifecycle_stage=_proto(until)),
        request=Request(meta=Meta(update_id=update_id, identity=identity), input=Input(name=name, args=payloads(args))),
    )
    with refusing(ref, needs=UPDATE_NEEDS, conflict="WORKFLOW_PAUSED"):
        try:
            response: UpdateWorkflowExecutionResponse = await temporal.call(
                "update_workflow_execution", request, timeout=wait
            )
        except DeadlineExceeded:
            return await _as_far_as_it_came(temporal, ref, update_id)
    found = update_of(ref, update_id, response.stage, response.outcome)
    if (refusal := await rejection(temporal, name, found)) is not None:
        raise refusal
    return found


async def rejection(temporal: Temporal, name: str, found: Update) -> Refusal | None:
    """What to say of an update that the run's code did not take; None for one that it took, though it failed later:
    Temporal answers both alike, and keeps nothing of the first."""
    if found.failure is None:
        return None
    kept = await stands(temporal, found.ref, found.update_id)
    if kept is not None and kept.failure is not None:
        return None
    return Refusal("UPDATE_REJECTED", f"Update {name!r} was rejected: {found.failure.message}", path=("updateName",))


async def stands(temporal: Temporal, ref: ExecutionRef, update_id: str, wait: float = 0.0) -> Update | None:
    """How an update stands, once it has completed or `wait` seconds have passed; None for one that is unknown or was
    rejected."""
    request = PollWorkflowExecutionUpdateRequest(
        namespace=ref.namespace,
        update_ref=UpdateRef(workflow_execution=named(ref), update_id=update_id),
        wait_policy=WaitPolicy(lifecycle_stage=_proto(UpdateStage.COMPLETED)) if wait else None,
    )
    try:
        response: PollWorkflowExecutionUpdateResponse = await temporal.call(
            "poll_workflow_execution_update", request, timeout=wait or None
        )
        if response.outcome.HasField("failure") and not await accepted(temporal, ref, update_id):
            # While others with its id are on their way, Temporal still tells of one that was rejected.
            return None
    except NotFound:
        return None
    except DeadlineExceeded:
        if not wait:
            raise
        return await stands(temporal, ref, update_id)
    return update_of(ref, update_id, response.stage, response.outcome)


async def _as_far_as_it_came(temporal: Temporal, ref: ExecutionRef, update_id: str) -> Update:
    found = await stands(temporal, ref, update_id)
    if found is None:
        raise DeadlineExceeded(
            f"Temporal did not say in time whether it took update {update_id!r}. It may have: ask for it, or send it"
            " again with the same id."
        )
    return found


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
