"""The same act on many runs that are named: a few at a time, each with its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.errors import Refusal, TidelineError
from app.gateway.acting.consistency import WAIT_SECONDS, Consistency
from app.gateway.acting.intent import Attempt, Done, Intent, Plan
from app.gateway.acting.once import Once
from app.gateway.acting.orders import Deleted
from app.gateway.acting.runs import Runs
from app.gateway.batches.mass import MassAct
from app.gateway.caller import Caller, Outcome, Refused
from app.gateway.naming import Name
from app.log import logger

log = logger(__name__)

MAX_MANY = 1000
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Each:
    """What came of each run, in the order of their names: an answer, or the outage that it met. Refused as a whole,
    nothing was done to any."""

    results: Sequence[Outcome | Deleted | TidelineError] = ()
    refusals: tuple[Refusal, ...] = ()
    token: str | None = None
    """Of the last run that changed, once the index has them all. None where nothing changed, or that takes too long:
    then each still has its own."""


@dataclass(frozen=True, slots=True)
class Many:
    once: Once
    runs: Runs
    consistency: Consistency

    async def each(self, caller: Caller, act: MassAct, names: Sequence[Name], key: str | None = None) -> Each:
        """Act on every run. One that goes wrong does not keep the others from their turn.

        The whole request is an act of its own that does nothing but take the key. Each run has a key that follows
        from it, so that a repetition finds what was done, and does the rest.
        """
        try:
            whole = await self._taken(caller, act, names, key)
        except Refused as refused:
            return Each(refusals=refused.refusals)
        acting = replace(caller, batch=whole)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(place: int, name: Name) -> Outcome | Deleted | TidelineError:
            async with turns:
                try:
                    item = None if key is None else item_key(whole, place)
                    return await act.perform(self.runs, acting, name, item)
                except TidelineError as error:
                    return error
                except Exception:
                    log.exception(
                        "an act on one of many runs failed", action=act.mutation, workflow_id=name.workflow_id
                    )
                    return TidelineError("Something went wrong inside Tideline. The log has more.")

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(place, name)) for place, name in enumerate(names)]
        results = [task.result() for task in tasks]
        return Each(results, token=await self._token(caller, results))

    async def _token(self, caller: Caller, results: Sequence[Outcome | Deleted | TidelineError]) -> str | None:
        tokens = [each.token for each in results if not isinstance(each, TidelineError) and each.token is not None]
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self.consistency.all_reached(caller.identity, tokens)
        except (TidelineError, TimeoutError) as error:
            log.warning("the index does not have all of many runs yet", runs=len(tokens), reason=str(error))
            return None
        return tokens[-1] if tokens else None

    async def _taken(self, caller: Caller, act: MassAct, names: Sequence[Name], key: str | None) -> str:
        """The id of the whole request, the same for every one with its key."""

        async def prepare(request_id: str) -> Plan:
            if len(names) > MAX_MANY:
                raise too_many(names)
            return {"batch": request_id}

        async def take(attempt: Attempt) -> Done:
            return Done(attempt.plan)

        intent = Intent(
            action=act.action,
            mutation=act.mutation,
            input={"names": names, "arguments": act.arguments},
            prepare=prepare,
            act=take,
            key=key,
            detail={**act.detail, "runs": len(names)},
            problem=act.problem,
        )
        told = await self.once.perform(caller, intent)
        return str(told.kept["batch"])


def item_key(batch: str, place: int) -> str:
    """The key of one of many acts: nobody else can have it, since the batch's id is random."""
    return f"{batch}/{place}"


def too_many(names: Sequence[Name]) -> Refusal:
    message = f"At most {MAX_MANY} runs can be named at once; these are {len(names)}. A filter can have more."
    return Refusal("TOO_MANY", message, path=("refs",))
