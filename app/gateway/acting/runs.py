"""Acting on runs. Every method answers with what changed or with refusals, and raises for an outage: then the act may
have happened. The same `key` is one act, however often it is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from app.access import Action
from app.errors import Refusal
from app.gateway.acting.acts import Act, Acts
from app.gateway.acting.consistency import token_of_deleted
from app.gateway.acting.intent import Attempt, Done
from app.gateway.acting.orders import (
    Deleted,
    ResetPoint,
    ResetWanted,
    UpdateWanted,
    problem_of,
    reset_problem,
    updated,
)
from app.gateway.acting.outcomes import names_of, ref_of, unknown
from app.gateway.caller import Caller, Outcome, Refused
from app.gateway.names import wrong_name
from app.gateway.naming import Name
from app.model import ExecutionRef, Json, WorkflowStatus
from app.store.executions import Executions
from app.temporal import actions, earlier, resets, runs, updates
from app.temporal.connection import Temporal
from app.temporal.updates import Update, UpdateStage

_RESET_TAKES = 30.0
"""Seconds: the place to reset to is looked for in the run's history."""
Tell = Callable[[ExecutionRef, Attempt], Awaitable[None]]


class Runs:
    def __init__(
        self, temporal: Temporal, acts: Acts, executions: Executions, announce: Callable[[], Awaitable[object]]
    ) -> None:
        """`announce` tells other processes that the index has changed."""
        self._temporal = temporal
        self._acts = acts
        self._executions = executions
        self._announce = announce

    async def signal(
        self, caller: Caller, name: Name, signal: str, args: Sequence[Json], key: str | None = None
    ) -> Outcome:
        """Send a signal to an open run."""

        async def tell(ref: ExecutionRef, attempt: Attempt) -> None:
            await actions.signal(self._temporal, ref, signal, args, identity=caller.name, request_id=attempt.request_id)

        async def stands(ref: ExecutionRef, attempt: Attempt) -> bool:
            return await earlier.took(self._temporal, ref, attempt.request_id)

        act = Act(
            "signalWorkflow",
            Action.SIGNAL,
            {"signal": signal, "args": list(args)},
            self._telling(tell),
            self._standing(stands),
            {"signal": signal},
            repeatable=True,
            signal=signal,
            problem=wrong_name(signal, "signalName"),
        )
        return await self._acts.outcome(caller, name, act, key)

    async def cancel(self, caller: Caller, name: Name, reason: str, key: str | None = None) -> Outcome:
        """Ask an open run to cancel itself."""

        async def tell(ref: ExecutionRef, attempt: Attempt) -> None:
            await actions.cancel(self._temporal, ref, reason, identity=caller.name, request_id=attempt.request_id)

        async def stands(ref: ExecutionRef, _: Attempt) -> bool:
            return await earlier.was_asked_to_cancel(self._temporal, ref, caller.name, reason)

        said = {"reason": reason}
        act = Act(
            "cancelWorkflow",
            Action.CANCEL,
            said,
            self._telling(tell),
            self._standing(stands),
            said,
            repeatable=True,
        )
        return await self._acts.outcome(caller, name, act, key)

    async def terminate(
        self, caller: Caller, name: Name, reason: str, details: Sequence[Json], key: str | None = None
    ) -> Outcome:
        """Close an open run at once."""

        async def tell(ref: ExecutionRef, _: Attempt) -> None:
            await runs.terminate(self._temporal, ref, reason, details, identity=caller.name)

        async def stands(ref: ExecutionRef, _: Attempt) -> bool:
            return await self._acts.closed_as(ref, WorkflowStatus.TERMINATED)

        act = Act(
            "terminateWorkflow",
            Action.TERMINATE,
            {"reason": reason, "details": list(details)},
            self._telling(tell),
            self._standing(stands),
            {"reason": reason},
        )
        return await self._acts.outcome(caller, name, act, key)

    async def pause(self, caller: Caller, name: Name, reason: str, key: str | None = None) -> Outcome:
        """Keep a running run from going on."""

        async def tell(ref: ExecutionRef, attempt: Attempt) -> None:
            await runs.pause(self._temporal, ref, reason, identity=caller.name, request_id=attempt.request_id)

        said = {"reason": reason}
        problem = wrong_name(reason, "reason") if reason else None
        act = Act(
            "pauseWorkflow", Action.PAUSE, said, self._telling(tell), detail=said, repeatable=True, problem=problem
        )
        return await self._acts.outcome(caller, name, act, key)

    async def unpause(self, caller: Caller, name: Name, reason: str, key: str | None = None) -> Outcome:
        """Let a paused run go on."""

        async def tell(ref: ExecutionRef, attempt: Attempt) -> None:
            await runs.unpause(self._temporal, ref, reason, identity=caller.name, request_id=attempt.request_id)

        async def stands(ref: ExecutionRef, _: Attempt) -> bool:
            return await self._acts.closed_as(ref, WorkflowStatus.RUNNING)

        said = {"reason": reason}
        problem = wrong_name(reason, "reason") if reason else None
        act = Act(
            "unpauseWorkflow", Action.UNPAUSE, said, self._telling(tell), self._standing(stands), said, problem=problem
        )
        return await self._acts.outcome(caller, name, act, key)

    async def reset(self, caller: Caller, name: Name, wanted: ResetWanted, key: str | None = None) -> Outcome:
        """Begin a run anew from a point of its history; answers with the new run."""

        async def work(ref: ExecutionRef, attempt: Attempt) -> Done:
            try:
                made = await resets.reset(
                    self._temporal,
                    ref,
                    await self._reset_event(ref, wanted),
                    wanted.reason,
                    wanted.without,
                    identity=caller.name,
                    request_id=attempt.request_id,
                )
            except Refusal as refusal:
                raise _forgotten(ref) if refusal.reason == "NOT_FOUND" else refusal from refusal
            new, old = await self._acts.done(made), await self._acts.done(ref)
            return Done(new.kept, (*new.rows, *old.rows))

        detail = {
            "to": wanted.to,
            "eventId": wanted.event_id,
            "buildId": wanted.build_id,
            "reason": wanted.reason,
            "without": list(wanted.without),
        }
        act = Act(
            "resetWorkflow",
            Action.RESET,
            wanted,
            work,
            detail=detail,
            to_closed=True,
            reopens=True,
            takes=_RESET_TAKES,
            problem=reset_problem(wanted),
        )
        return await self._acts.outcome(caller, name, act, key)

    async def update(
        self, caller: Caller, name: Name, wanted: UpdateWanted, key: str | None = None
    ) -> tuple[Outcome, Update | None]:
        """Send an update to an open run and wait for it."""
        sent: list[Update] = []

        async def work(ref: ExecutionRef, attempt: Attempt) -> Done:
            update_id = wanted.update_id or attempt.request_id
            sent.append(
                await updates.update(
                    self._temporal,
                    ref,
                    wanted.name,
                    wanted.args,
                    update_id,
                    wanted.until,
                    wanted.wait,
                    identity=caller.name,
                )
            )
            return await self._acts.done(ref, updateId=update_id)

        async def stands(ref: ExecutionRef, attempt: Attempt) -> Done | None:
            update_id = wanted.update_id or attempt.request_id
            found = await updates.stands(self._temporal, ref, update_id)
            return await self._acts.done(ref, updateId=update_id) if found else None

        act = Act(
            "updateWorkflow",
            Action.UPDATE,
            wanted,
            work,
            stands,
            {"update": wanted.name},
            repeatable=True,
            update=wanted.name,
            problem=problem_of(wanted),
        )
        try:
            told = await self._acts.perform(caller, name, act, key)
        except Refused as refused:
            return Outcome(refusals=refused.refusals), None
        outcome = await self._acts.shown(caller, told)
        if told.done is not None and sent:
            return outcome, sent[-1]
        wait = wanted.wait if wanted.until is UpdateStage.COMPLETED else 0.0
        update_id = str(told.kept["updateId"])
        found = await updates.stands(self._temporal, ref_of(told.kept), update_id, wait)
        return updated(outcome, update_id, found)

    async def delete(self, caller: Caller, name: Name, key: str | None = None) -> Deleted:
        """Remove a run from Temporal, which terminates an open one first, and from the index and the archive."""

        async def work(ref: ExecutionRef, attempt: Attempt) -> Done:
            known = await runs.delete(self._temporal, ref)
            if await self._executions.erase(ref):
                await self._announce()
            elif not known and not attempt.is_again:
                raise unknown(ref.workflow_id)
            was_open = not WorkflowStatus(str(attempt.plan["status"])).is_closed
            return Done({**names_of(ref), "terminated": was_open})

        act = Act("deleteWorkflow", Action.DELETE, {}, work, to_closed=True)
        try:
            told = await self._acts.perform(caller, name, act, key)
        except Refused as refused:
            return Deleted(refusals=refused.refusals)
        ref = ref_of(told.kept)
        return Deleted(ref, bool(told.kept["terminated"]), token=token_of_deleted(caller.identity, ref))

    def _telling(self, tell: Tell) -> Callable[[ExecutionRef, Attempt], Awaitable[Done]]:
        async def work(ref: ExecutionRef, attempt: Attempt) -> Done:
            await tell(ref, attempt)
            return await self._acts.done(ref)

        return work

    def _standing(
        self, look: Callable[[ExecutionRef, Attempt], Awaitable[bool]]
    ) -> Callable[[ExecutionRef, Attempt], Awaitable[Done | None]]:
        async def stands(ref: ExecutionRef, attempt: Attempt) -> Done | None:
            return await self._acts.done(ref) if await look(ref, attempt) else None

        return stands

    async def _reset_event(self, ref: ExecutionRef, wanted: ResetWanted) -> int:
        if wanted.event_id is not None:
            return wanted.event_id
        if wanted.build_id is not None:
            return await resets.first_task_of_build(self._temporal, ref, wanted.build_id)
        find = resets.first_task if wanted.to is ResetPoint.FIRST_WORKFLOW_TASK else resets.last_task
        return await find(self._temporal, ref)


def _forgotten(ref: ExecutionRef) -> Refusal:
    return Refusal(
        "NOT_FOUND",
        f"Temporal no longer has workflow {ref.workflow_id!r}: only its archive is left, which cannot be reset.",
        path=("workflowId",),
    )
