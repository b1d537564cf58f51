"""Starting runs: alone, with a signal, or with an update."""

from __future__ import annotations

import strawberry

from app.api.context import Info
from app.api.inputs import SignalWithStartWorkflowInput, StartWorkflowInput, UpdateWithStartWorkflowInput
from app.api.mutations.payloads import (
    StartWorkflowPayload,
    UpdateWithStartWorkflowPayload,
    errors,
    shown,
    start_payload,
)
from app.api.types.outcome import WorkflowUpdate
from app.gateway.caller import Outcome
from app.model.options import IdConflictPolicy
from app.temporal.updates import Update


async def start(info: Info, input: StartWorkflowInput) -> StartWorkflowPayload:
    """What `startWorkflow` does, and every typed mutation with it."""
    wait = input.wait_for_result_seconds
    info.context.extend(wait)
    starting, key = info.context.gateway.starting, input.idempotency_key
    wanted = input.wanted(input.id_conflict_policy)
    return start_payload(await starting.start(info.context.caller, wanted, key, wait))


@strawberry.type
class StartMutation:
    @strawberry.mutation(description="Start a run of a registered type, or of any type on a named task queue.")
    @staticmethod
    async def start_workflow(info: Info, input: StartWorkflowInput) -> StartWorkflowPayload:
        return await start(info, input)

    @strawberry.mutation(description="Signal the open run of the workflow id, which is started where there is none.")
    @staticmethod
    async def signal_with_start_workflow(info: Info, input: SignalWithStartWorkflowInput) -> StartWorkflowPayload:
        wait = input.wait_for_result_seconds
        wanted = input.wanted(IdConflictPolicy.USE_EXISTING)
        info.context.extend(wait)
        outcome = await info.context.gateway.starting.signal_with_start(
            info.context.caller, wanted, input.signal_name, input.signal_args or [], input.idempotency_key, wait
        )
        return start_payload(outcome)

    @strawberry.mutation(
        description=(
            "Update the open run of the workflow id, which is started where there is none, and wait up to 15 seconds"
            " for the update's outcome."
        )
    )
    @staticmethod
    async def update_with_start_workflow(
        info: Info, input: UpdateWithStartWorkflowInput
    ) -> UpdateWithStartWorkflowPayload:
        wanted = input.wanted(input.id_conflict_policy)
        outcome, update = await info.context.gateway.starting.update_with_start(
            info.context.caller, wanted, input.update_name, input.update_args or [], input.idempotency_key
        )
        return _updated(outcome, update)


def _updated(outcome: Outcome, update: Update | None) -> UpdateWithStartWorkflowPayload:
    return UpdateWithStartWorkflowPayload(
        execution=shown(outcome.execution),
        created=outcome.created,
        update=WorkflowUpdate.of(update),
        consistency_token=outcome.token,
        user_errors=errors(outcome.refusals),
    )
