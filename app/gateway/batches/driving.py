"""Driving a batch: its runs are acted on in their turn, at its rate, in the name of who asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from app.access import Identity, Role, Scope, may
from app.access.workflow_ids import SHARED
from app.errors import Refusal, TidelineError
from app.gateway.acting.runs import Runs
from app.gateway.batches.many import item_key
from app.gateway.batches.mass import MassAct
from app.gateway.caller import Caller
from app.gateway.naming import Name
from app.gateway.seeing import serving
from app.log import logger
from app.store.batches import Batches, Item, StoredBatch

log = logger(__name__)

_AT_ONCE = 16
_PAGE_SECONDS = 5.0
_LARGEST_PAGE = 500
_TRIES = 5
_PAUSE = 1.0
_GONE = {"ALREADY_CLOSED"}
"""What a run says that did not match any more, though the index had not heard of it."""


@dataclass(frozen=True, slots=True)
class Driver:
    batches: Batches
    runs: Runs

    async def advance(self, job_id: str, beat: Callable[[], None]) -> StoredBatch | None:
        """Act on the next page, and tell how the batch stands; None where there is none. `beat` is called every second
        meanwhile.

        A worker that ends leaves runs that are due. The next one acts on them with the same keys, so that each is
        acted on once, and counted once.
        """
        batch = await self.batches.get(job_id)
        if batch is None or batch.is_closed:
            return batch
        act = MassAct(batch.order.mutation, batch.order.arguments)
        caller = _caller(batch)
        if not may(caller.identity, act.action):
            problem = f"{caller.identity.subject} may not {act.action.phrase} any more."
            await self.batches.close(job_id, "FAILED", problem)
            return await self.batches.get(job_id)
        size = max(1, min(_LARGEST_PAGE, round(batch.order.rate * _PAGE_SECONDS)))
        items = await self.batches.turn(batch, size)
        if items:
            with serving(caller.identity, SHARED):
                await self._paced(batch, act, caller, items, beat, is_last=len(items) < size)
        else:
            await self.batches.close(job_id, "COMPLETED")
        return await self.batches.get(job_id)

    async def close(self, job_id: str, state: str) -> None:
        await self.batches.close(job_id, state)

    async def _paced(
        self,
        batch: StoredBatch,
        act: MassAct,
        caller: Caller,
        items: list[Item],
        beat: Callable[[], None],
        *,
        is_last: bool,
    ) -> None:
        """Begin one after the other at the batch's rate. Cancelled, it begins no more and lets what has begun end."""
        clock = asyncio.get_running_loop()
        turns, began = asyncio.Semaphore(_AT_ONCE), clock.time()
        acting: set[asyncio.Task[None]] = set()

        async def one(item: Item) -> None:
            try:
                await self._act(batch, act, caller, item)
            finally:
                turns.release()

        pulse = asyncio.create_task(_pulse(beat))
        try:
            for number, item in enumerate(items):
                await asyncio.sleep(began + number / batch.order.rate - clock.time())
                await turns.acquire()
                acting.add(asyncio.create_task(one(item)))
            if not is_last:
                await asyncio.sleep(began + len(items) / batch.order.rate - clock.time())
        finally:
            if acting:
                await asyncio.wait(acting)
            pulse.cancel()
        for task in acting:
            task.result()

    async def _act(self, batch: StoredBatch, act: MassAct, caller: Caller, item: Item) -> None:
        job_id, ref = batch.order.job_id, item.ref
        name = Name(ref.namespace, ref.workflow_id, ref.run_id)
        refusal: Refusal | None = None
        for attempt in range(1, _TRIES + 1):
            try:
                done = await act.perform(self.runs, caller, name, item_key(job_id, item.place))
            except TidelineError as error:
                # The same key again does what is left to do.
                refusal = Refusal(error.code, error.message)
                if attempt < _TRIES:
                    await asyncio.sleep(_PAUSE * attempt)
            else:
                refusal = done.refusals[0] if done.refusals else None
                break
        if refusal is None:
            await self.batches.conclude(job_id, item.place, "DONE")
            return
        state = "SKIPPED" if refusal.reason in _GONE else "FAILED"
        await self.batches.conclude(job_id, item.place, state, refusal.reason, refusal.message)


def _caller(batch: StoredBatch) -> Caller:
    """Who asked for the batch, with the rights that were theirs and the tenant that it is confined to."""
    asked, order = batch.order.requester, batch.order
    return Caller(
        Identity(
            subject=str(asked["subject"]),
            tenant=str(asked["tenant"]),
            environment=str(asked["environment"]),
            roles=frozenset(Role(str(each)) for each in asked["roles"]),
            scope=Scope(order.tenant, order.environment),
        ),
        request_id=str(asked["requestId"]),
        address=str(asked["address"]) if asked["address"] else None,
        batch=order.job_id,
    )


async def _pulse(beat: Callable[[], None]) -> None:
    while True:
        beat()
        await asyncio.sleep(_PAUSE)
