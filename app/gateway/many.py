"""The same act on many runs that are named: a few at a time, each with its own outcome."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.access import Action
from app.errors import Refusal, TidelineError
from app.gateway.acts import permit
from app.gateway.caller import Caller, Refused
from app.gateway.reading import Name
from app.gateway.recording import Recording
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


class Many:
    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    async def each(
        self,
        caller: Caller,
        mutation: str,
        action: Action,
        names: Sequence[Name],
        act: Callable[[Name, str], Awaitable[T]],
        request_id: str | None = None,
    ) -> Each[T]:
        """Act on every run. Each has a request id of its own, which follows from the whole request's. One that goes
        wrong does not keep the others from their turn."""
        try:
            await self._permitted(caller, mutation, action, names)
        except Refused as refused:
            return Each(refusals=refused.refusals)
        whole = uuid.UUID(request_id) if request_id else uuid.uuid4()
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(place: int, name: Name) -> T | TidelineError:
            async with turns:
                try:
                    return await act(name, str(uuid.uuid5(whole, f"{place} {name.workflow_id} {name.run_id}")))
                except TidelineError as error:
                    return error
                except Exception:
                    log.exception("an act on one of many runs failed", action=mutation, workflow_id=name.workflow_id)
                    return TidelineError("Something went wrong inside Tideline. The log has more.")

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(place, name)) for place, name in enumerate(names)]
        return Each([task.result() for task in tasks])

    async def _permitted(self, caller: Caller, mutation: str, action: Action, names: Sequence[Name]) -> None:
        """Written down only where all are refused: else each run's act is."""
        try:
            permit(caller, action)
            if len(names) > MAX_MANY:
                raise Refusal(
                    "TOO_MANY", f"At most {MAX_MANY} runs can be named at once; these are {len(names)}.", path=("refs",)
                )
        except Refusal as refusal:
            entry = self._recording.entry(caller, mutation, None, None, {"runs": len(names)})
            async with self._recording.recorded(entry):
                raise refusal
