"""Acting on many runs: by name, with as many results as runs in their order, or by filter, as a batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import strawberry

from app.api.context import Info
from app.api.described import Described
from app.api.inputs.many import (
    CancelWorkflowsInput,
    DeleteWorkflowsInput,
    PauseWorkflowsInput,
    ResetWorkflowsInput,
    RunsInput,
    SignalWorkflowsInput,
    StopBatchOperationInput,
    TerminateWorkflowsInput,
    UnpauseWorkflowsInput,
)
from app.api.mutations.payloads import TOKEN, UserError, WorkflowPayload, errors, shown, workflow_payload
from app.api.mutations.runs import DeleteWorkflowPayload, deletion
from app.api.types.batch import BatchOperation
from app.api.types.execution import WorkflowExecution
from app.cluster import Batch
from app.errors import BadUserInput, Refusal, TidelineError
from app.gateway.acting.orders import Deleted
from app.gateway.batches.batching import Begun, Matched
from app.gateway.batches.many import Each
from app.gateway.batches.mass import MassAct
from app.gateway.caller import Outcome

MANY = "By refs, one that goes wrong does not keep the others from their turn; by filter, a batch does it."


@strawberry.type
class ManyPayload:
    batch: BatchOperation | None = strawberry.field(description="What was begun, by a filter.")
    matched: int | None = strawberry.field(
        description="Of a dry run: how many runs match now. 100001 stands for more than a batch may have."
    )
    first_matched: list[WorkflowExecution] | None = strawberry.field(
        description="Of a dry run: the first 20, newest first; of refs, in their order."
    )
    consistency_token: str | None = strawberry.field(
        description=(
            f"{TOKEN} Of refs: every change of them; null too where the index does not take them all within 5 s, and"
            " each result still has its own. Of a batch: that has the run which does it."
        )
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done to any.")


@strawberry.type
class WorkflowsPayload(ManyPayload):
    results: list[WorkflowPayload] = strawberry.field(
        description="One for each run that was named, in that order; none by a filter."
    )


@strawberry.type
class DeleteWorkflowsPayload(ManyPayload):
    results: list[DeleteWorkflowPayload] = strawberry.field(
        description="One for each run that was named, in that order; none by a filter."
    )


@strawberry.type
class StopBatchOperationPayload:
    batch: BatchOperation | None
    user_errors: list[UserError]


@strawberry.type
class ManyMutation:
    @strawberry.mutation(description=f"Send the same signal to many open runs. {MANY}")
    @staticmethod
    async def signal_workflows(info: Info, input: SignalWorkflowsInput) -> WorkflowsPayload:
        return _payload(await _done(info, input, input.act))

    @strawberry.mutation(description=f"Ask many open runs to cancel themselves. {MANY}")
    @staticmethod
    async def cancel_workflows(info: Info, input: CancelWorkflowsInput) -> WorkflowsPayload:
        return _payload(await _done(info, input, input.act))

    @strawberry.mutation(description=f"Close many open runs at once. {MANY}")
    @staticmethod
    async def terminate_workflows(info: Info, input: TerminateWorkflowsInput) -> WorkflowsPayload:
        return _payload(await _done(info, input, input.act))

    @strawberry.mutation(description=f"Begin many runs anew from the same point; each result has the new run. {MANY}")
    @staticmethod
    async def reset_workflows(info: Info, input: ResetWorkflowsInput) -> WorkflowsPayload:
        return _payload(await _done(info, input, input.act))

    @strawberry.mutation(description=f"Keep many running runs from going on. {MANY}")
    @staticmethod
    async def pause_workflows(info: Info, input: PauseWorkflowsInput) -> WorkflowsPayload:
        return _payload(await _done(info, input, input.act))

    @strawberry.mutation(description=f"Let many paused runs go on. {MANY}")
    @staticmethod
    async def unpause_workflows(info: Info, input: UnpauseWorkflowsInput) -> WorkflowsPayload:
        return _payload(await _done(info, input, input.act))

    @strawberry.mutation(description=f"Remove many runs, as deleteWorkflow does. {MANY}")
    @staticmethod
    async def delete_workflows(info: Info, input: DeleteWorkflowsInput) -> DeleteWorkflowsPayload:
        done = await _done(info, input, input.act)
        results = [deletion(each) for each in done.each.results if isinstance(each, Deleted)]
        return DeleteWorkflowsPayload(results=results, **done.shared)

    @strawberry.mutation(
        description=(
            "Begin no further run of a batch that a filter began; what it has acted on stays so. Needs the permission"
            " of the act itself."
        )
    )
    @staticmethod
    async def stop_batch_operation(info: Info, input: StopBatchOperationInput) -> StopBatchOperationPayload:
        begun = await info.context.gateway.batching.stop(
            info.context.caller, input.job_id, input.reason, input.idempotency_key
        )
        return StopBatchOperationPayload(batch=_batch(begun.batch), user_errors=errors(begun.refusals))


@dataclass(frozen=True)
class Done:
    """What came of a request: one of the three."""

    each: Each = field(default_factory=Each)
    begun: Begun = field(default_factory=Begun)
    matched: Matched | None = None

    @property
    def shared(self) -> dict[str, Any]:
        """What every payload of many has."""
        matched = self.matched
        refusals = (*self.each.refusals, *self.begun.refusals, *(matched.refusals if matched else ()))
        return {
            "batch": _batch(self.begun.batch),
            "matched": matched.count if matched and not refusals else None,
            "first_matched": [shown(each) for each in matched.first] if matched and not refusals else None,
            "consistency_token": self.begun.token or self.each.token,
            "user_errors": errors(refusals),
        }


async def _done(info: Info, input: RunsInput, act: MassAct) -> Done:
    gateway, caller = info.context.gateway, info.context.caller
    try:
        input.check()
        filter_ = input.filter.value(gateway.reading.namespace(None)) if input.filter else None
        if input.dry_run:
            if filter_ is None:
                return Done(matched=await gateway.batching.matched_by_name(caller, act, input.names))
            return Done(matched=await gateway.batching.matched(caller, act, filter_, input.rate_per_second))
    except BadUserInput as error:
        return Done(each=Each(refusals=await gateway.recording.unreadable(caller, act.mutation, error)))
    if filter_ is None:
        done = await gateway.many.each(caller, act, input.names, input.idempotency_key)
        return Done(each=replace(done, results=[_settled(each, act) for each in done.results]))
    return Done(begun=await gateway.batching.begin(caller, act, filter_, input.rate_per_second, input.idempotency_key))


def _settled(each: Outcome | Deleted | TidelineError, act: MassAct) -> Outcome | Deleted:
    """An outage that one of many runs met is its refusal: its caller may try that one again."""
    if not isinstance(each, TidelineError):
        return each
    refusals = (Refusal(each.code, each.message, path=each.path),)
    return Deleted(refusals=refusals) if act.mutation == "deleteWorkflows" else Outcome(refusals=refusals)


def _payload(done: Done) -> WorkflowsPayload:
    results = [workflow_payload(each) for each in done.each.results if isinstance(each, Outcome)]
    return WorkflowsPayload(results=results, **done.shared)


def _batch(batch: Batch | None) -> BatchOperation | None:
    """The type's fields are read from the value itself."""
    return Described.known(batch, batch) if batch else None  # type: ignore[return-value]
