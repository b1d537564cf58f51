"""Questions that only a worker can answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from app.access import Action, Identity, Target, require
from app.errors import BadUserInput
from app.model import Execution, ExecutionRef, Json
from app.temporal import queries, updates
from app.temporal.connection import Temporal
from app.temporal.updates import MAX_UPDATE_WAIT, Update

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
        require(identity, Action.QUERY, Target(run=execution, query=name))
        return await self._answer(execution, name, arguments)

    async def stack_trace(self, identity: Identity, execution: Execution) -> str | None:
        require(identity, Action.READ, Target(run=execution, query=queries.STACK_TRACE))
        answer = await self._answer(execution, queries.STACK_TRACE, ())
        return answer if isinstance(answer, str) and answer else None

    async def _answer(self, execution: Execution, name: str, arguments: Sequence[Json]) -> Json:
        answer = await self._in_turn(execution.ref, queries.query(self._temporal, execution.ref, name, arguments))
        return answer[0] if len(answer) == 1 else answer or None

    async def update(self, identity: Identity, execution: Execution, update_id: str, wait: float) -> Update | None:
        """How an update stands, once it has completed or `wait` seconds have passed; None for an unknown one."""
        require(identity, Action.READ, Target(run=execution))
        if not 0 <= wait <= MAX_UPDATE_WAIT:
            raise BadUserInput(f"waitSeconds must be 0 to {MAX_UPDATE_WAIT:g}; it is {wait:g}.", path=("waitSeconds",))
        return await updates.stands(self._temporal, execution.ref, update_id, wait)

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
