"""Acting on runs. Every method answers with what changed or with refusals, and raises for an outage: then the act may
have happened. `request_id` is a UUID that stays the same over repetitions of one request; Temporal is given it
wherever it tells a repetition by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.access import Action
from app.errors import Refusal
from app.gateway.acts import Act, Acts, unknown
from app.gateway.caller import Caller, Outcome, Refused
from app.gateway.reading import Name
from app.gateway.writing import Writing
from app.model import Execution, ExecutionRef, Json
from app.temporal import actions, resets, runs, updates
from app.temporal.connection import Temporal
from app.temporal.resets import Replayed
from app.temporal.updates import MAX_UPDATE_WAIT, Update, UpdateStage


class ResetPoint(StrEnum):
    """A place in a run's history that needs no event id."""

    FIRST_WORKFLOW_TASK = "FIRST_WORKFLOW_TASK"
    LAST_WORKFLOW_TASK = "LAST_WORKFLOW_TASK"


@dataclass(frozen=True, slots=True)
class ResetWanted:
    """Where to reset to: exactly one of a point, an event id and a build id."""

    to: ResetPoint | None = None
    event_id: int | None = None
    build_id: str | None = None
    reason: str = ""
    without: tuple[Replayed, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateWanted:
    """An update to be sent, and how long to wait for which stage, in seconds."""

    name: str
    args: Sequence[Json] = ()
    update_id: str | None = None
    until: UpdateStage = UpdateStage.COMPLETED
    wait: float = 5.0


@dataclass(frozen=True, slots=True)
class Updated:
    execution: Execution | None = None
    update: Update | None = None
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Deleted:
    """The run that is gone, as it was; `terminated` where it was open."""

    execution: Execution | None = None
    terminated: bool = False
    refusals: tuple[Refusal, ...] = ()


class Runs:
    def __init__(self, temporal: Temporal, acts: Acts, writing: Writing) -> None:
        self._temporal = temporal
        self._acts = acts
        self._writing = writing

    async def signal(
        self, caller: Caller, name: Name, signal: str, args: Sequence[Json], request_id: str | None = None
    ) -> Outcome:
        """Send a signal to an open run."""

        async def work(run: Execution, request: str) -> Execution:
            if not signal:
                raise Refusal("INVALID_INPUT", "signalName cannot be empty.", path=("signalName",))
            await actions.signal(self._temporal, run.ref, signal, args, identity=caller.name, request_id=request)
            return await self._writing.written(run.ref)

        return await self._outcome(
            caller, name, Act("signalWorkflow", Action.SIGNAL, work, {"signal": signal}), request_id
        )

    async def cancel(self, caller: Caller, name: Name, reason: str, request_id: str | None = None) -> Outcome:
        """Ask an open run to cancel itself."""

        async def work(run: Execution, request: str) -> Execution:
            await actions.cancel(self._temporal, run.ref, reason, identity=caller.name, request_id=request)
            return await self._writing.written(run.ref)

        return await self._outcome(
            caller, name, Act("cancelWorkflow", Action.CANCEL, work, {"reason": reason}), request_id
        )

    async def terminate(
        self, caller: Caller, name: Name, reason: str, details: Sequence[Json], request_id: str | None = None
    ) -> Outcome:
        """Close an open run at once."""

        async def work(run: Execution, _: str) -> Execution:
            await runs.terminate(self._temporal, run.ref, reason, details, identity=caller.name)
            return await self._writing.written(run.ref)

        act = Act("terminateWorkflow", Action.TERMINATE, work, {"reason": reason})
        return await self._outcome(caller, name, act, request_id)

    async def pause(self, caller: Caller, name: Name, reason: str, request_id: str | None = None) -> Outcome:
        """Keep a running run from going on."""

        async def work(run: Execution, request: str) -> Execution:
            await runs.pause(self._temporal, run.ref, reason, identity=caller.name, request_id=request)
            return await self._writing.written(run.ref)

        return await self._outcome(
            caller, name, Act("pauseWorkflow", Action.PAUSE, work, {"reason": reason}), request_id
        )

    async def unpause(self, caller: Caller, name: Name, reason: str, request_id: str | None = None) -> Outcome:
        """Let a paused run go on."""

        async def work(run: Execution, request: str) -> Execution:
            await runs.unpause(self._temporal, run.ref, reason, identity=caller.name, request_id=request)
            return await self._writing.written(run.ref)

        return await self._outcome(
            caller, name, Act("unpauseWorkflow", Action.UNPAUSE, work, {"reason": reason}), request_id
        )

    async def reset(self, caller: Caller, name: Name, wanted: ResetWanted, request_id: str | None = None) -> Outcome:
        """Begin a run anew from a point of its history; answers with the new run."""

        async def work(run: Execution, request: str) -> Execution:
            try:
                event_id = await self._reset_event(run.ref, wanted)
                made = await resets.reset(
                    self._temporal,
                    run.ref,
                    event_id,
                    wanted.reason,
                    wanted.without,
                    identity=caller.name,
                    request_id=request,
                )
            except Refusal as refusal:
                raise _forgotten(run) if refusal.reason == "NOT_FOUND" else refusal from refusal
            await self._writing.written(run.ref)
            return await self._writing.written(made)

        detail = {
            "to": wanted.to,
            "eventId": wanted.event_id,
            "buildId": wanted.build_id,
            "reason": wanted.reason,
            "without": list(wanted.without),
        }
        act = Act("resetWorkflow", Action.RESET, work, detail, to_closed=True)
        return await self._outcome(caller, name, act, request_id)

    async def update(self, caller: Caller, name: Name, wanted: UpdateWanted, request_id: str | None = None) -> Updated:
        """Send an update to an open run and wait for it."""

        async def work(run: Execution, request: str) -> tuple[Execution, Update]:
            _check(wanted)
            update = await updates.update(
                self._temporal,
                run.ref,
                wanted.name,
                wanted.args,
                wanted.update_id or request,
                wanted.until,
                wanted.wait,
                identity=caller.name,
            )
            return await self._writing.written(run.ref), update

        try:
            act = Act("updateWorkflow", Action.UPDATE, work, {"update": wanted.name})
            return Updated(*await self._acts.perform(caller, name, act, request_id))
        except Refused as refused:
            return Updated(refusals=refused.refusals)

    async def delete(self, caller: Caller, name: Name, request_id: str | None = None) -> Deleted:
        """Remove a run from Temporal, which terminates an open one first, and from the index and the archive."""

        async def work(run: Execution, _: str) -> Execution:
            known = await runs.delete(self._temporal, run.ref)
            if not await self._writing.forget(run.ref) and not known:
                raise unknown(run.workflow_id)
            return run

        try:
            act = Act("deleteWorkflow", Action.DELETE, work, to_closed=True)
            gone = await self._acts.perform(caller, name, act, request_id)
        except Refused as refused:
            return Deleted(refusals=refused.refusals)
        return Deleted(gone, terminated=not gone.status.is_closed)

    async def _outcome(self, caller: Caller, name: Name, act: Act[Execution], request_id: str | None) -> Outcome:
        try:
            execution = await self._acts.perform(caller, name, act, request_id)
        except Refused as refused:
            return Outcome(refusals=refused.refusals)
        return Outcome(execution)

    async def _reset_event(self, ref: ExecutionRef, wanted: ResetWanted) -> int:
        given = [each for each in (wanted.to, wanted.event_id, wanted.build_id) if each is not None]
        if len(given) != 1:
            raise Refusal(
                "INVALID_INPUT", "Say where to reset to: exactly one of to, eventId and buildId.", path=("to",)
            )
        if wanted.event_id is not None:
            return wanted.event_id
        if wanted.build_id is not None:
            return await resets.first_task_of_build(self._temporal, ref, wanted.build_id)
        find = resets.first_task if wanted.to is ResetPoint.FIRST_WORKFLOW_TASK else resets.last_task
        return await find(self._temporal, ref)


def _forgotten(run: Execution) -> Refusal:
    return Refusal(
        "NOT_FOUND",
        f"Temporal no longer has workflow {run.workflow_id!r}: only its archive is left, which cannot be reset.",
        path=("workflowId",),
    )


def _check(wanted: UpdateWanted) -> None:
    if not wanted.name:
        raise Refusal("INVALID_INPUT", "updateName cannot be empty.", path=("updateName",))
    if not 0 < wanted.wait <= MAX_UPDATE_WAIT:
        raise Refusal(
            "INVALID_INPUT",
            f"waitSeconds must be above 0 and at most {MAX_UPDATE_WAIT:g}; it is {wanted.wait:g}.",
            path=("waitSeconds",),
        )
    if wanted.until is UpdateStage.ADMITTED:
        raise Refusal("INVALID_INPUT", "waitFor must be ACCEPTED or COMPLETED.", path=("waitFor",))
