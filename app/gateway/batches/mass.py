"""What is done to each of many runs, whether they are named or found by a filter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.access import Action
from app.errors import Refusal
from app.gateway.acting.orders import Deleted, ResetPoint, ResetWanted, reset_problem
from app.gateway.acting.runs import Runs
from app.gateway.caller import Caller, Outcome
from app.gateway.names import wrong_name
from app.gateway.naming import Name
from app.model import Json
from app.temporal.resets import Replayed

_KEPT_OUT = {"args", "details"}
Doing = Callable[[Runs, Caller, Name, Mapping[str, Any], str | None], Awaitable[Outcome | Deleted]]


@dataclass(frozen=True, slots=True)
class MassAct:
    """`mutation` is the root field, `arguments` are JSON, so that a batch can be kept."""

    mutation: str
    arguments: Mapping[str, Json]

    @property
    def action(self) -> Action:
        return _DOINGS[self.mutation][0]

    @property
    def detail(self) -> Mapping[str, Json]:
        """What the audit says of it: without values that may be confidential."""
        return {name: value for name, value in self.arguments.items() if name not in _KEPT_OUT}

    @property
    def problem(self) -> Refusal | None:
        """What is wrong with it whatever the runs are."""
        if self.mutation == "signalWorkflows":
            return wrong_name(self.arguments["signal"], "signalName")
        return reset_problem(_reset_wanted(self.arguments)) if self.mutation == "resetWorkflows" else None

    async def perform(self, runs: Runs, caller: Caller, name: Name, key: str | None) -> Outcome | Deleted:
        """Do it to one run."""
        return await _DOINGS[self.mutation][1](runs, caller, name, self.arguments, key)


def reset_arguments(wanted: ResetWanted) -> dict[str, Json]:
    return {
        "to": wanted.to,
        "eventId": wanted.event_id,
        "buildId": wanted.build_id,
        "reason": wanted.reason,
        "without": list(wanted.without),
    }


async def _signal(runs: Runs, caller: Caller, name: Name, given: Mapping[str, Any], key: str | None) -> Outcome:
    return await runs.signal(caller, name, given["signal"], given["args"], key)


async def _cancel(runs: Runs, caller: Caller, name: Name, given: Mapping[str, Any], key: str | None) -> Outcome:
    return await runs.cancel(caller, name, given["reason"], key)


async def _terminate(runs: Runs, caller: Caller, name: Name, given: Mapping[str, Any], key: str | None) -> Outcome:
    return await runs.terminate(caller, name, given["reason"], given["details"], key)


def _reset_wanted(given: Mapping[str, Any]) -> ResetWanted:
    return ResetWanted(
        to=ResetPoint(given["to"]) if given["to"] else None,
        event_id=given["eventId"],
        build_id=given["buildId"],
        reason=given["reason"],
        without=tuple(Replayed(each) for each in given["without"]),
    )


async def _reset(runs: Runs, caller: Caller, name: Name, given: Mapping[str, Any], key: str | None) -> Outcome:
    return await runs.reset(caller, name, _reset_wanted(given), key)


async def _pause(runs: Runs, caller: Caller, name: Name, given: Mapping[str, Any], key: str | None) -> Outcome:
    return await runs.pause(caller, name, given["reason"], key)


async def _unpause(runs: Runs, caller: Caller, name: Name, given: Mapping[str, Any], key: str | None) -> Outcome:
    return await runs.unpause(caller, name, given["reason"], key)


async def _delete(runs: Runs, caller: Caller, name: Name, _: Mapping[str, Any], key: str | None) -> Deleted:
    return await runs.delete(caller, name, key)


_DOINGS: Mapping[str, tuple[Action, Doing]] = {
    "signalWorkflows": (Action.SIGNAL, _signal),
    "cancelWorkflows": (Action.CANCEL, _cancel),
    "terminateWorkflows": (Action.TERMINATE, _terminate),
    "resetWorkflows": (Action.RESET, _reset),
    "pauseWorkflows": (Action.PAUSE, _pause),
    "unpauseWorkflows": (Action.UNPAUSE, _unpause),
    "deleteWorkflows": (Action.DELETE, _delete),
}
