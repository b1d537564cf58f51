"""Starting runs."""

from __future__ import annotations

import strawberry

from app.api.context import Info
from app.api.inputs import StartWorkflowInput
from app.api.mutations.payloads import StartWorkflowPayload, UserError, errors, shown
from app.errors import BadUserInput, Refusal


@strawberry.type
class WorkflowMutation:
    @strawberry.mutation(description="Start a run of a registered type, or of any type on a named task queue.")
    @staticmethod
    async def start_workflow(info: Info, input: StartWorkflowInput) -> StartWorkflowPayload:
        try:
            wanted = input.value()
        except BadUserInput as error:
            refusal = Refusal("INVALID_INPUT", error.message, path=error.path)
            return StartWorkflowPayload(execution=None, created=False, user_errors=[UserError.of(refusal)])
        outcome = await info.context.gateway.acting.start(info.context.caller, wanted)
        return StartWorkflowPayload(
            execution=shown(outcome.execution), created=outcome.created, user_errors=errors(outcome)
        )
