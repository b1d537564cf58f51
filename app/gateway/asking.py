"""Questions that only a worker can answer, and what may be done to a run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from app.access import Action, Identity, Target, may, require
from app.model import Execution, ExecutionRef, Json, WorkflowStatus
from app.temporal import queries
from app.temporal.connection import Temporal

if TYPE_CHECKING:
    from temporalio.api.sdk.v1 import WorkflowInteractionDefinition

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Declared:
    """A signal, query or update that a workflow declares."""

    name: str
    description: str | None


@dataclass(frozen=True, slots=True)
class Interface:
    """What a workflow declares, and its current details."""

    signals: tuple[Declared, ...]
    queries: tuple[Declared, ...]
    updates: tuple[Declared, ...]
    current_details: str | None


class Asking:
    """Each question goes to a worker, also for a run that is closed; raises as `queries.query` does. The caller may
    see the executions already."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal
        self._turns: WeakValueDictionary[ExecutionRef, asyncio.Lock] = WeakValueDictionary()

    async def query(self, identity: Identity, execution: Execution, name: str, arguments: Sequence[Json]) -> Json:
        """The one value of the answer, or the list of several; None for none."""
        require(identity, Action.READ, Target(run=execution, query=name))
        answer = await self._in_turn(execution.ref, queries.query(self._temporal, execution.ref, name, arguments))
        return answer[0] if len(answer) == 1 else answer or None

    async def stack_trace(self, identity: Identity, execution: Execution) -> str | None:
        answer = await self.query(identity, execution, queries.STACK_TRACE, ())
        return answer if isinstance(answer, str) and answer else None

    async def interface(self, identity: Identity, execution: Execution) -> Interface:
        require(identity, Action.READ, Target(run=execution, query=queries.METADATA))
        known = await self._in_turn(execution.ref, queries.metadata(self._temporal, execution.ref))
        definition = known.definition
        return Interface(
            signals=_declared(definition.signal_definitions),
            queries=_declared(definition.query_definitions),
            updates=_declared(definition.update_definitions),
            current_details=known.current_details or None,
        )

    async def _in_turn(self, ref: ExecutionRef, question: Coroutine[Any, Any, T]) -> T:
        """One question of a run at a time, since Temporal holds one while no worker takes it and refuses others.
        The deadline of a call covers the wait for the turn."""
        turn = self._turns.setdefault(ref, asyncio.Lock())
        try:
            async with asyncio.timeout(self._temporal.timeout), turn:
                return await question
        except TimeoutError:
            raise queries.unanswered(self._temporal, ref) from None
        finally:
            question.close()


def _declared(group: Iterable[WorkflowInteractionDefinition]) -> tuple[Declared, ...]:
    """Without the one that has no name: it takes whatever has no handler of its own."""
    return tuple(Declared(each.name, each.description or None) for each in group if each.name)


class WorkflowAction(StrEnum):
    """Something that can be done to a run, named as the mutation that does it."""

    SIGNAL = "SIGNAL"
    UPDATE = "UPDATE"
    QUERY = "QUERY"
    CANCEL = "CANCEL"
    TERMINATE = "TERMINATE"
    RESET = "RESET"
    PAUSE = "PAUSE"
    UNPAUSE = "UNPAUSE"
    DELETE = "DELETE"


_RUNNING = frozenset({WorkflowAction.SIGNAL, WorkflowAction.UPDATE, WorkflowAction.CANCEL, WorkflowAction.TERMINATE})
_ALWAYS = frozenset({WorkflowAction.QUERY, WorkflowAction.RESET, WorkflowAction.DELETE})


def available_actions(identity: Identity, execution: Execution) -> tuple[WorkflowAction, ...]:
    """What this caller may do to this run now: what its status allows and the caller's permissions cover."""
    if execution.status is WorkflowStatus.RUNNING:
        possible = _ALWAYS | _RUNNING | {WorkflowAction.PAUSE}
    elif execution.status is WorkflowStatus.PAUSED:
        possible = _ALWAYS | _RUNNING | {WorkflowAction.UNPAUSE}
    else:
        possible = _ALWAYS
    return tuple(each for each in WorkflowAction if each in possible and _permits(identity, execution, each))


def _permits(identity: Identity, execution: Execution, action: WorkflowAction) -> bool:
    """A query only reads; everything else needs the permission of its name. What rules leave of signals, queries and
    updates they say by name, so that here it is whether any may be sent."""
    if action is WorkflowAction.QUERY:
        return identity.grant is None
    permission = next((each for each in identity.permissions if each.value == action.value), None)
    return permission is not None and may(identity, permission, Target(run=execution))
