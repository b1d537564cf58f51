"""The roots of acting. Every mutation takes one input and answers with what changed and what it refuses."""

from __future__ import annotations

import strawberry

from app import model
from app.api.context import Info
from app.api.inputs import CancelWorkflowInput, SignalWorkflowInput, StartWorkflowInput
from app.api.types.execution import WorkflowExecution
from app.errors import BadUserInput, Refusal
from app.gateway.acting import Outcome


@strawberry.type(description="A refusal that the caller can mend.")
class UserError:
    code: str = strawberry.field(
        description="Stable: NOT_FOUND, ALREADY_CLOSED, ALREADY_STARTED, INVALID_INPUT, NOT_ALLOWED, NOT_SUPPORTED."
    )
    message: str = strawberry.field(description="A sentence for a person.")
    path: list[str] = strawberry.field(description="The path of the input field that it speaks of; empty for none.")

    @classmethod
    def of(cls, refusal: Refusal) -> UserError:
        return cls(code=refusal.reason, message=refusal.message, path=[str(part) for part in refusal.path])


@strawberry.type
class StartWorkflowPayload:
    execution: WorkflowExecution | None
    created: bool = strawberry.field(description="False where it had been started before.")
    user_errors: list[UserError]


@strawberry.type
class WorkflowPayload:
    execution: WorkflowExecution | None
    user_errors: list[UserError]


@strawberry.type
class Mutation:
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


def shown(execution: model.Execution | None) -> WorkflowExecution | None:
    """The type's fields are attributes of the row, so the row stands for it."""
    return execution  # type: ignore[return-value]


def errors(outcome: Outcome) -> list[UserError]:
    return [UserError.of(each) for each in outcome.refusals]
