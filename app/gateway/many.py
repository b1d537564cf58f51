"""The same act on many runs that are named: a few at a time, each with its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from app.access import Action
from app.errors import Refusal, TidelineError
from app.gateway.caller import Caller, Refused
from app.gateway.intent import Attempt, Done, Intent, Plan
from app.gateway.once import Once
from app.gateway.reading import Name
from app.log import logger

T = TypeVar("T")
log = logger(__name__)

MAX_MANY = 1000
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Each(Generic[T]):
    """What came of each run, in the order of their names: an answer, or the outage that it met. Refused as a whole,
    nothing was done to any."""

    results: Sequence[T | TidelineError] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Many:
    once: Once

    async def each(
        self,
        caller: Caller,
        mutation: str,
        action: Action,
        names: Sequence[Name],
        input_: object,
        act: Callable[[Caller, Name, str | None], Awaitable[T]],
        key: str | None = None,
    ) -> Each[T]:
        """Act on every run. One that goes wrong does not keep the others from their turn.

        The whole request is an act of its own that does nothing but take the key. Each run has a key that follows
        from it, so that a repetition finds what was done, and does the rest.
        """
        try:
            whole = await self._taken(caller, mutation, action, names, input_, key)
        except Refused as refused:
            return Each(refusals=refused.refusals)
        acting = replace(caller, batch=whole)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(place: int, name: Name) -> T | TidelineError:
            async with turns:
                try:
                    return await act(acting, name, None if key is None else item_key(whole, place))
                except TidelineError as error:
                    return error
                except Exception:
                    log.exception("an act on one of many runs failed", action=mutation, workflow_id=name.workflow_id)
                    return TidelineError("Something went wrong inside Tideline. The log has more.")

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(place, name)) for place, name in enumerate(names)]
        return Each([task.result() for task in tasks])

    async def _taken(
        self,
        caller: Caller,
        mutation: str,
        action: Action,
        names: Sequence[Name],
        input_: object,
        key: str | None,
    ) -> str:
        """The id of the whole request, the same for every one with its key."""

        async def prepare(request_id: str) -> Plan:
            if len(names) > MAX_MANY:
                message = f"At most {MAX_MANY} runs can be named at once; these are {len(names)}."
                raise Refusal("TOO_MANY", message, path=("refs",))
            return {}

        async def take(attempt: Attempt) -> Done:
            return Done({"batch": attempt.request_id})

        detail: Mapping[str, int] = {"runs": len(names)}
        told = await self.once.perform(
            caller, Intent(action, mutation, {"names": names, "input": input_}, prepare, take, key, detail=detail)
        )
        return str(told.kept["batch"])


def item_key(batch: str, place: int) -> str:
    """The key of one of many acts: nobody else can have it, since the batch's id is random."""
    return f"{batch}/{place}"
