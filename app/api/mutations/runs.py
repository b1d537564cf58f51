"""Acting on one run."""

from __future__ import annotations

import strawberry

from app.api.context import Info
from app.api.inputs.runs import (
    CancelWorkflowInput,
    DeleteWorkflowInput,
    PauseWorkflowInput,
    ResetWorkflowInput,
    SignalWorkflowInput,
    TerminateWorkflowInput,
    UnpauseWorkflowInput,
    UpdateWorkflowInput,
)
from app.api.mutations.payloads import TOKEN, UserError, WorkflowPayload, errors, shown, workflow_payload
from app.api.node import node_id
from app.api.types.execution import WorkflowExecution
from app.api.types.outcome import WorkflowUpdate
from app.gateway.acting.orders import Deleted
from app.gateway.seeing import shown as shown_id


@strawberry.type
class UpdateWorkflowPayload:
    execution: WorkflowExecution | None
    update: WorkflowUpdate | None = strawberry.field(
        description="How it stood when the wait was over; ask again in workflow { update(updateId: …) }."
    )
    consistency_token: str | None = strawberry.field(description=TOKEN)
    user_errors: list[UserError]


@strawberry.type
class DeleteWorkflowPayload:
    deleted_id: strawberry.ID | None = strawberry.field(description="The id that the run had as a node.")
    workflow_id: str | None
    run_id: strawberry.ID | None
    terminated: bool = strawberry.field(description="Whether it was open, so that Temporal terminated it first.")
    consistency_token: str | None = strawberry.field(description=TOKEN)
    user_errors: list[UserError]


@strawberry.type
class RunMutation:
    @strawberry.mutation(description="Send a signal to an open run.")
    @staticmethod
    async def signal_workflow(info: Info, input: SignalWorkflowInput) -> WorkflowPayload:
        return workflow_payload(
            await info.context.gateway.runs.signal(
                info.context.caller,
                input.name,
                input.signal_name,
                input.args or [],
                input.idempotency_key,
            )
        )

    @strawberry.mutation(description="Ask an open run to cancel itself; it decides when and how.")
    @staticmethod
    async def cancel_workflow(info: Info, input: CancelWorkflowInput) -> WorkflowPayload:
        return workflow_payload(
            await info.context.gateway.runs.cancel(info.context.caller, input.name, input.reason, input.idempotency_key)
        )

    @strawberry.mutation(description="Close an open run at once; its code hears nothing of it and undoes nothing.")
    @staticmethod
    async def terminate_workflow(info: Info, input: TerminateWorkflowInput) -> WorkflowPayload:
        return workflow_payload(
            await info.context.gateway.runs.terminate(
                info.context.caller,
                input.name,
                input.reason,
                input.details or [],
                input.idempotency_key,
            )
        )

    @strawberry.mutation(
        description=(
            "Begin a run anew from a point of its history, whatever its status; an open one is terminated. The"
            " payload has the new run."
        )
    )
    @staticmethod
    async def reset_workflow(info: Info, input: ResetWorkflowInput) -> WorkflowPayload:
        return workflow_payload(
            await info.context.gateway.runs.reset(info.context.caller, input.name, input.wanted, input.idempotency_key)
        )

    @strawberry.mutation(
        description=(
            "Keep a running run from going on, until it is unpaused. It takes signals meanwhile, but answers no query"
            " and no update. Needs Temporal server 1.30 with frontend.WorkflowPauseEnabled, else NOT_SUPPORTED."
        )
    )
    @staticmethod
    async def pause_workflow(info: Info, input: PauseWorkflowInput) -> WorkflowPayload:
        return workflow_payload(
            await info.context.gateway.runs.pause(info.context.caller, input.name, input.reason, input.idempotency_key)
        )

    @strawberry.mutation(description="Let a paused run go on.")
    @staticmethod
    async def unpause_workflow(info: Info, input: UnpauseWorkflowInput) -> WorkflowPayload:
        return workflow_payload(
            await info.context.gateway.runs.unpause(
                info.context.caller, input.name, input.reason, input.idempotency_key
            )
        )

    @strawberry.mutation(
        description=(
            "Send an update to an open run and wait for it. One that its code does not take is UPDATE_REJECTED; one"
            " that it took and that failed has a failure. One that is not through in time is in the payload as well."
        )
    )
    @staticmethod
    async def update_workflow(info: Info, input: UpdateWorkflowInput) -> UpdateWorkflowPayload:
        outcome, update = await info.context.gateway.runs.update(
            info.context.caller, input.name, input.wanted, input.idempotency_key
        )
        return UpdateWorkflowPayload(
            execution=shown(outcome.execution),
            update=WorkflowUpdate.of(update),
            consistency_token=outcome.token,
            user_errors=errors(outcome.refusals),
        )

    @strawberry.mutation(
        description=(
            "Remove a run, whatever its status, from Temporal, from every list and from the archive. An open one is"
            " terminated first. It cannot be brought back."
        )
    )
    @staticmethod
    async def delete_workflow(info: Info, input: DeleteWorkflowInput) -> DeleteWorkflowPayload:
        return deletion(await info.context.gateway.runs.delete(info.context.caller, input.name, input.idempotency_key))


def deletion(done: Deleted) -> DeleteWorkflowPayload:
    return DeleteWorkflowPayload(
        deleted_id=node_id(done.ref) if done.ref else None,
        workflow_id=shown_id(done.ref.workflow_id) if done.ref else None,
        run_id=strawberry.ID(done.ref.run_id) if done.ref else None,
        terminated=done.terminated,
        consistency_token=done.token,
        user_errors=errors(done.refusals),
    )
