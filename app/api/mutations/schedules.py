"""Making, changing and driving schedules."""

from __future__ import annotations

import strawberry

from app.api.context import Info
from app.api.described import Described
from app.api.inputs.schedules import (
    BackfillScheduleInput,
    CreateScheduleInput,
    DeleteScheduleInput,
    PauseScheduleInput,
    TriggerScheduleInput,
    UnpauseScheduleInput,
    UpdateScheduleInput,
    utc,
)
from app.api.mutations.payloads import UserError, errors
from app.api.types.schedule import Schedule
from app.errors import BadUserInput
from app.gateway.schedules.schedule_names import ScheduleOutcome


@strawberry.type
class SchedulePayload:
    schedule: Schedule | None = strawberry.field(description="As it is now, with the times of the next runs.")
    user_errors: list[UserError]


@strawberry.type
class DeleteSchedulePayload:
    deleted: bool
    user_errors: list[UserError]


@strawberry.type
class ScheduleMutation:
    @strawberry.mutation(description="Make a schedule that starts runs of a workflow; it and they belong to you.")
    @staticmethod
    async def create_schedule(info: Info, input: CreateScheduleInput) -> SchedulePayload:
        try:
            change = input.value()
        except BadUserInput as error:
            return await _refused(info, "createSchedule", error)
        return _payload(
            await info.context.gateway.scheduling.create(
                info.context.caller, input.named, change, trigger=input.trigger_now, key=input.idempotency_key
            )
        )

    @strawberry.mutation(description="Change what is given of a schedule. Runs that it has started stay as they are.")
    @staticmethod
    async def update_schedule(info: Info, input: UpdateScheduleInput) -> SchedulePayload:
        try:
            change = input.value()
        except BadUserInput as error:
            return await _refused(info, "updateSchedule", error)
        return _payload(
            await info.context.gateway.scheduling.update(
                info.context.caller, input.named, change, input.idempotency_key
            )
        )

    @strawberry.mutation(description="Start nothing more until it is unpaused.")
    @staticmethod
    async def pause_schedule(info: Info, input: PauseScheduleInput) -> SchedulePayload:
        return _payload(
            await info.context.gateway.scheduling.pause(
                info.context.caller, input.named, input.notes, input.idempotency_key
            )
        )

    @strawberry.mutation(description="Let it start runs again.")
    @staticmethod
    async def unpause_schedule(info: Info, input: UnpauseScheduleInput) -> SchedulePayload:
        return _payload(
            await info.context.gateway.scheduling.unpause(
                info.context.caller, input.named, input.notes, input.idempotency_key
            )
        )

    @strawberry.mutation(
        description=(
            "Start a run now, also of a paused schedule. It is among recentRuns in a moment. Two within one second are"
            " one run, since the second it was due is part of its workflow id."
        )
    )
    @staticmethod
    async def trigger_schedule(info: Info, input: TriggerScheduleInput) -> SchedulePayload:
        return _payload(
            await info.context.gateway.scheduling.trigger(
                info.context.caller, input.named, input.overlap, input.idempotency_key
            )
        )

    @strawberry.mutation(description="Start the runs that would have been due within a span of time.")
    @staticmethod
    async def backfill_schedule(info: Info, input: BackfillScheduleInput) -> SchedulePayload:
        start, end = utc(input.start_time), utc(input.end_time)
        assert start is not None
        assert end is not None
        return _payload(
            await info.context.gateway.scheduling.backfill(
                info.context.caller, input.named, start, end, input.overlap, input.idempotency_key
            )
        )

    @strawberry.mutation(description="Delete a schedule; the runs that it has started go on.")
    @staticmethod
    async def delete_schedule(info: Info, input: DeleteScheduleInput) -> DeleteSchedulePayload:
        outcome = await info.context.gateway.scheduling.delete(info.context.caller, input.named, input.idempotency_key)
        return DeleteSchedulePayload(deleted=not outcome.refusals, user_errors=errors(outcome.refusals))


def _payload(outcome: ScheduleOutcome) -> SchedulePayload:
    found = outcome.schedule
    shown = Described.known(found.schedule, found) if found else None
    return SchedulePayload(schedule=shown, user_errors=errors(outcome.refusals))  # type: ignore[arg-type]


async def _refused(info: Info, mutation: str, error: BadUserInput) -> SchedulePayload:
    refusals = await info.context.gateway.recording.unreadable(info.context.caller, mutation, error)
    return SchedulePayload(schedule=None, user_errors=errors(refusals))
