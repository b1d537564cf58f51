"""Acting on activities."""

from __future__ import annotations

import strawberry

from app.api.context import Info
from app.api.inputs.activities import (
    CompleteActivityInput,
    FailActivityInput,
    HeartbeatActivityInput,
    PauseActivityInput,
    ResetActivityInput,
    UnpauseActivityInput,
    UpdateActivityOptionsInput,
)
from app.api.mutations.payloads import TOKEN, UserError, errors, shown
from app.api.node import Bound
from app.api.types.activity import Activity
from app.api.types.execution import WorkflowExecution
from app.gateway.acting.activities import ActivityOutcome

NEEDS = "Needs Temporal server 1.28, else NOT_SUPPORTED."


@strawberry.type
class ActivityPayload:
    activity: Activity | None = strawberry.field(description="The activity as it is now.")
    execution: WorkflowExecution | None
    consistency_token: str | None = strawberry.field(description=TOKEN)
    user_errors: list[UserError]


@strawberry.type
class HeartbeatActivityPayload(ActivityPayload):
    cancel_requested: bool = strawberry.field(description="The activity should end as canceled.")
    paused: bool = strawberry.field(description="The activity was paused: this attempt should end.")
    reset: bool = strawberry.field(description="The activity was reset: this attempt should end.")


@strawberry.type
class ActivityMutation:
    @strawberry.mutation(
        description=f"Begin no further attempt of an open activity; a running one hears it by its heartbeat. {NEEDS}"
    )
    @staticmethod
    async def pause_activity(info: Info, input: PauseActivityInput) -> ActivityPayload:
        return _payload(
            await info.context.gateway.activities.pause(
                info.context.caller, input.name, input.reason, input.idempotency_key
            )
        )

    @strawberry.mutation(description=f"Begin attempts of a paused activity again. {NEEDS}")
    @staticmethod
    async def unpause_activity(info: Info, input: UnpauseActivityInput) -> ActivityPayload:
        return _payload(
            await info.context.gateway.activities.unpause(
                info.context.caller, input.name, input.jitter_seconds, input.idempotency_key
            )
        )

    @strawberry.mutation(
        description=f"Begin at the first attempt again, without a wait; a running attempt may finish. {NEEDS}"
    )
    @staticmethod
    async def reset_activity(info: Info, input: ResetActivityInput) -> ActivityPayload:
        return _payload(
            await info.context.gateway.activities.reset(
                info.context.caller, input.name, input.wanted, input.idempotency_key
            )
        )

    @strawberry.mutation(
        description=f"Change timeouts, retry policy, queue or priority; what is not given stays. {NEEDS}"
    )
    @staticmethod
    async def update_activity_options(info: Info, input: UpdateActivityOptionsInput) -> ActivityPayload:
        return _payload(
            await info.context.gateway.activities.update_options(
                info.context.caller, input.name, input.wanted, input.idempotency_key
            )
        )

    @strawberry.mutation(description="End an open activity with a result, in its worker's stead.")
    @staticmethod
    async def complete_activity(info: Info, input: CompleteActivityInput) -> ActivityPayload:
        return _payload(
            await info.context.gateway.activities.complete(
                info.context.caller, input.name, input.values, input.idempotency_key
            )
        )

    @strawberry.mutation(
        description="End the attempt of an open activity with a failure, in its worker's stead; it may be tried again."
    )
    @staticmethod
    async def fail_activity(info: Info, input: FailActivityInput) -> ActivityPayload:
        return _payload(
            await info.context.gateway.activities.fail(
                info.context.caller, input.name, input.failed, input.idempotency_key
            )
        )

    @strawberry.mutation(description="Say that the running attempt of an activity is alive, and how far it is.")
    @staticmethod
    async def heartbeat_activity(info: Info, input: HeartbeatActivityInput) -> HeartbeatActivityPayload:
        done = await info.context.gateway.activities.heartbeat(
            info.context.caller, input.name, input.details or [], input.idempotency_key
        )
        beat = done.beat
        return HeartbeatActivityPayload(
            activity=_activity(done),
            execution=shown(done.execution),
            consistency_token=done.token,
            cancel_requested=beat is not None and beat.cancel_requested,
            paused=beat is not None and beat.paused,
            reset=beat is not None and beat.reset,
            user_errors=errors(done.refusals),
        )


def _payload(done: ActivityOutcome) -> ActivityPayload:
    return ActivityPayload(
        activity=_activity(done),
        execution=shown(done.execution),
        consistency_token=done.token,
        user_errors=errors(done.refusals),
    )


def _activity(done: ActivityOutcome) -> Activity | None:
    """The type's fields are read from the value itself."""
    if done.execution is None or done.activity is None:
        return None
    return Bound(done.execution.ref, done.activity)  # type: ignore[return-value]
