"""Acting on many runs by name: as many results as runs, in their order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import strawberry

from app.access import Action
from app.api.context import Info
from app.api.inputs.many import (
    CancelWorkflowsInput,
    DeleteWorkflowsInput,
    PauseWorkflowsInput,
    ResetWorkflowsInput,
    RunsInput,
    SignalWorkflowsInput,
    TerminateWorkflowsInput,
    UnpauseWorkflowsInput,
)
from app.api.mutations.payloads import UserError, WorkflowPayload, workflow_payload
from app.api.mutations.runs import DeleteWorkflowPayload, deletion
from app.errors import Refusal, TidelineError
from app.gateway.caller import Caller, Outcome
from app.gateway.many import Each
from app.gateway.reading import Name
from app.gateway.runs import Deleted

MANY = "One that goes wrong does not keep the others from their turn."


@strawberry.type
class WorkflowsPayload:
    results: list[WorkflowPayload] = strawberry.field(description="One for each run that was named, in that order.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done to any.")


@strawberry.type
class DeleteWorkflowsPayload:
    results: list[DeleteWorkflowPayload] = strawberry.field(
        description="One for each run that was named, in that order."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done to any.")


@strawberry.type
class ManyMutation:
    @strawberry.mutation(description=f"Send the same signal to many open runs. {MANY}")
    @staticmethod
    async def signal_workflows(info: Info, input: SignalWorkflowsInput) -> WorkflowsPayload:
        async def act(caller: Caller, name: Name, key: str | None) -> Outcome:
            return await info.context.gateway.runs.signal(caller, name, input.signal_name, input.args or [], key)

        return await _each(info, input, Action.SIGNAL, act)

    @strawberry.mutation(description=f"Ask many open runs to cancel themselves. {MANY}")
    @staticmethod
    async def cancel_workflows(info: Info, input: CancelWorkflowsInput) -> WorkflowsPayload:
        async def act(caller: Caller, name: Name, key: str | None) -> Outcome:
            return await info.context.gateway.runs.cancel(caller, name, input.reason, key)

        return await _each(info, input, Action.CANCEL, act)

    @strawberry.mutation(description=f"Close many open runs at once. {MANY}")
    @staticmethod
    async def terminate_workflows(info: Info, input: TerminateWorkflowsInput) -> WorkflowsPayload:
        async def act(caller: Caller, name: Name, key: str | None) -> Outcome:
            return await info.context.gateway.runs.terminate(caller, name, input.reason, input.details or [], key)

        return await _each(info, input, Action.TERMINATE, act)

    @strawberry.mutation(description=f"Begin many runs anew from the same point; each result has the new run. {MANY}")
    @staticmethod
    async def reset_workflows(info: Info, input: ResetWorkflowsInput) -> WorkflowsPayload:
        async def act(caller: Caller, name: Name, key: str | None) -> Outcome:
            return await info.context.gateway.runs.reset(caller, name, input.wanted, key)

        return await _each(info, input, Action.RESET, act)

    @strawberry.mutation(description=f"Keep many running runs from going on. {MANY}")
    @staticmethod
    async def pause_workflows(info: Info, input: PauseWorkflowsInput) -> WorkflowsPayload:
        async def act(caller: Caller, name: Name, key: str | None) -> Outcome:
            return await info.context.gateway.runs.pause(caller, name, input.reason, key)

        return await _each(info, input, Action.PAUSE, act)

    @strawberry.mutation(description=f"Let many paused runs go on. {MANY}")
    @staticmethod
    async def unpause_workflows(info: Info, input: UnpauseWorkflowsInput) -> WorkflowsPayload:
        async def act(caller: Caller, name: Name, key: str | None) -> Outcome:
            return await info.context.gateway.runs.unpause(caller, name, input.reason, key)

        return await _each(info, input, Action.UNPAUSE, act)

    @strawberry.mutation(description=f"Remove many runs, as deleteWorkflow does. {MANY}")
    @staticmethod
    async def delete_workflows(info: Info, input: DeleteWorkflowsInput) -> DeleteWorkflowsPayload:
        async def act(caller: Caller, name: Name, key: str | None) -> Deleted:
            return await info.context.gateway.runs.delete(caller, name, key)

        done: Each[Deleted] = await info.context.gateway.many.each(
            info.context.caller,
            info.field_name,
            Action.DELETE,
            input.names,
            input,
            act,
            input.idempotency_key,
        )
        return DeleteWorkflowsPayload(
            results=[
                deletion(Deleted(refusals=(_outage(each),)) if isinstance(each, TidelineError) else each)
                for each in done.results
            ],
            user_errors=[UserError.of(each) for each in done.refusals],
        )


async def _each(
    info: Info, input: RunsInput, action: Action, act: Callable[[Caller, Name, str | None], Awaitable[Outcome]]
) -> WorkflowsPayload:
    done = await info.context.gateway.many.each(
        info.context.caller, info.field_name, action, input.names, input, act, input.idempotency_key
    )
    return WorkflowsPayload(
        results=[
            workflow_payload(Outcome(refusals=(_outage(each),)) if isinstance(each, TidelineError) else each)
            for each in done.results
        ],
        user_errors=[UserError.of(each) for each in done.refusals],
    )


def _outage(error: TidelineError) -> Refusal:
    """An outage that one of many runs met: its caller may try that one again."""
    return Refusal(error.code, error.message, path=error.path)
