"""One act on one run: who may, whether the run can take it, do it, record it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.access import Action, may
from app.errors import Refusal
from app.gateway.caller import Caller
from app.gateway.reading import Name, Reading
from app.gateway.recording import Recording
from app.model import Execution, Json
from app.temporal import actions

T = TypeVar("T")
_LOOKS = 3
"""A run that is named without its run id may be continued by another one while it is acted on."""


@dataclass(frozen=True)
class Act(Generic[T]):
    """What is to be done. `mutation` is its name in the audit, `work` is given the run and the request's id, a UUID
    that stays the same over repetitions. Unless it is done `to_closed` runs as well, they are refused."""

    mutation: str
    action: Action
    work: Callable[[Execution, str], Awaitable[T]]
    detail: Mapping[str, Json] = field(default_factory=dict)
    to_closed: bool = False
    problem: Refusal | None = None
    """Why the request cannot be meant: told to who may do this, in place of doing it."""


class Acts:
    """Raises Refused for what the caller can mend, and for an outage as its parts do: then it may have happened."""

    def __init__(self, reading: Reading, recording: Recording) -> None:
        self._reading = reading
        self._recording = recording

    async def perform(self, caller: Caller, name: Name, act: Act[T], request_id: str | None) -> T:
        """What the work of the act answers with."""
        entry = self._recording.entry(caller, act.mutation, name.namespace, name.workflow_id, act.detail)
        async with self._recording.recorded(entry):
            permit(caller, act.action)
            if act.problem is not None:
                raise act.problem
            return await self._done(caller, name, act, request_id or str(uuid.uuid4()))

    async def _done(self, caller: Caller, name: Name, act: Act[T], request_id: str) -> T:
        for look in range(1, _LOOKS + 1):
            execution = await self._visible(caller, name)
            if execution.status.is_closed and not act.to_closed:
                # Temporal takes a cancel of a closed run without a word; its caller should hear.
                raise actions.already_closed(execution.ref)
            try:
                return await act.work(execution, request_id)
            except Refusal as refusal:
                if refusal.reason != "ALREADY_CLOSED" or name.run_id or look == _LOOKS:
                    raise
        raise AssertionError("the last look returns or raises")

    async def _visible(self, caller: Caller, name: Name) -> Execution:
        execution = await self._reading.execution(caller.identity, *name)
        if execution is None:
            raise unknown(name.workflow_id)
        return execution


def permit(caller: Caller, action: Action) -> None:
    """Refusal NOT_ALLOWED unless the caller may do this at all."""
    if not may(caller.identity, action):
        raise Refusal("NOT_ALLOWED", f"{caller.identity.subject} may not {action.phrase}.")


def unknown(workflow_id: str) -> Refusal:
    """Also for what belongs to somebody else, in the same words."""
    return Refusal("NOT_FOUND", f"There is no workflow {workflow_id!r}.", path=("workflowId",))
