"""Starting, signalling and cancelling runs."""

from __future__ import annotations

import strawberry

from app.api.context import Info
from app.api.inputs import CancelWorkflowInput, SignalWorkflowInput, StartWorkflowInput
from app.api.mutations.payloads import StartWorkflowPayload, UserError, WorkflowPayload, errors, shown
from app.errors import BadUserInput, Refusal


async def start(info: Info, input: StartWorkflowInput) -> StartWorkflowPayload:
    """What `startWorkflow` does, and every typed mutation with it."""
    try:
        wanted = input.value()
    except BadUserInput as error:
        refusal = Refusal("INVALID_INPUT", error.message, path=error.path)
        return StartWorkflowPayload(execution=None, created=False, user_errors=[UserError.of(refusal)])
    outcome = await info.context.gateway.acting.start(info.context.caller, wanted)
    return StartWorkflowPayload(
        execution=shown(outcome.execution), created=outcome.created, user_errors=errors(outcome)
    )


@strawberry.type
class WorkflowMutation:
    @strawberry.mutation(description="Start a run of a registered type, or of any type on a named task queue.")
    @staticmethod
    async def start_workflow(info: Info, input: StartWorkflowInput) -> StartWorkflowPayload:
        return await start(info, input)

    @strawberry.mutation(description="Send a signal to an open run.")
    @staticmethod
    async def signal_workflow(info: Info, input: SignalWorkflowInput) -> WorkflowPayload:
        outcome = await info.context.gateway.acting.signal(
            info.context.caller,
            input.namespace,
            input.workflow_id,
            input.run_id,
            input.signal_name,
            input.args or [],
        )
        return WorkflowPayload(execution=shown(outcome.execution), user_errors=errors(outcome))

    @strawberry.mutation(description="Ask an open run to cancel itself; it decides when and how.")
    @staticmethod
    async def cancel_workflow(info: Info, input: CancelWorkflowInput) -> WorkflowPayload:
        outcome = await info.context.gateway.acting.cancel(
            info.context.caller, input.namespace, input.workflow_id, input.run_id, input.reason
        )
        return WorkflowPayload(execution=shown(outcome.execution), user_errors=errors(outcome))
