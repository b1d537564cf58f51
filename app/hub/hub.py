"""The watches of this process, and runs read once for queries."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from app import metrics
from app.errors import NotFound, RateLimited
from app.hub.log import ReadArchive, RunLog
from app.hub.run import Run
from app.hub.slow_poll import SlowPoll
from app.hub.watch import Watch
from app.model import Execution, ExecutionRef, RunView
from app.temporal import reads
from app.temporal.connection import Temporal

LINGER_SECONDS = 2.0
"""How long a watch outlives its last subscriber, so that a client that reconnects finds it warm."""
MAX_WATCHES = 5000
_CACHED_EVENTS = 200_000
"""How many folded events the runs that nobody watches may hold together."""
_READS_AT_ONCE = 16


async def _nobody(_: ExecutionRef) -> None:
    return None


class Hub:
    """`watch` for those who follow a run, `view` for those who ask once. Close it when the process ends."""

    def __init__(
        self,
        temporal: Temporal,
        archived: ReadArchive,
        *,
        on_closed: Callable[[ExecutionRef], Awaitable[None]] = _nobody,
        linger: float = LINGER_SECONDS,
        slow: SlowPoll | None = None,
    ) -> None:
        self.log = RunLog(temporal, archived)
        self._temporal = temporal
        self._on_closed = on_closed
        self._linger = linger
        self._slow = slow or SlowPoll()
        self._watches: dict[ExecutionRef, Watch] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._runs: OrderedDict[ExecutionRef, Run] = OrderedDict()
        self._locks: dict[ExecutionRef, asyncio.Lock] = {}
        self._reads = asyncio.Semaphore(_READS_AT_ONCE)

    @property
    def watched(self) -> int:
        return len(self._watches)

    @asynccontextmanager
    async def watch(
        self, ref: ExecutionRef, *, row: Execution | None = None, pending: bool = False
    ) -> AsyncIterator[Watch]:
        """Follow a run together with everybody else who does.

        `row` is what the index says of it, for a run that Temporal has forgotten. `pending` asks for what only
        describe tells. Raises RateLimited when this process watches as many runs as it may.
        """
        watch = self._enter(ref, row)
        if pending:
            watch.want_pending()
        try:
            yield watch
        finally:
            watch.pending_wanted -= int(pending)
            watch.subscribers -= 1
            metrics.SUBSCRIBERS.dec()
            if watch.subscribers == 0:
                self._later(self._leave(watch))

    def _enter(self, ref: ExecutionRef, row: Execution | None) -> Watch:
        watch = self._watches.get(ref)
        if watch is None or watch.error is not None:
            if len(self._watches) >= MAX_WATCHES:
                raise RateLimited(f"This gateway already follows {MAX_WATCHES} runs. Try again later.")
            if watch is not None:
                self._later(watch.stop())
            watch = Watch(
                ref,
                self._temporal,
                self.log,
                row=row,
                count=lambda: len(self._watches),
                slow=self._slow,
                on_closed=self._on_closed,
            )
            self._watches[ref] = watch
            watch.start()
        watch.subscribers += 1
        metrics.SUBSCRIBERS.inc()
        metrics.WATCHES.set(len(self._watches))
        return watch

    async def _leave(self, watch: Watch) -> None:
        await asyncio.sleep(self._linger)
        if watch.subscribers == 0:
            if self._watches.get(watch.ref) is watch:
                del self._watches[watch.ref]
                metrics.WATCHES.set(len(self._watches))
            await watch.stop()

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def view(self, ref: ExecutionRef, *, fresh: bool = False) -> RunView:
        """The run now: from its watch where there is one, else one describe and the events that are new. A watch is
        some moments behind; a `fresh` view has what was done to the run just before.

        Raises NotFound where Temporal has no such run, and as `Temporal.call` does.
        """
        watch = self._watches.get(ref)
        if not fresh and watch is not None and watch.error is None and watch.run.is_caught_up and not watch.ended:
            return watch.run.view()
        async with self._locks.setdefault(ref, asyncio.Lock()), self._reads:
            try:
                return await self._read(ref)
            finally:
                self._locks.pop(ref, None)

    async def reset_of(self, ref: ExecutionRef) -> ExecutionRef | None:
        """The run that a reset put in this one's place, if Temporal still knows."""
        try:
            known = await reads.describe(self._temporal, ref.namespace, ref.workflow_id, ref.run_id)
        except NotFound:
            return None
        return replace(ref, run_id=known.reset_run_id) if known.reset_run_id else None

    async def _read(self, ref: ExecutionRef) -> RunView:
        run = self._runs.pop(ref, None) or Run(ref)
        run.description = await reads.describe(self._temporal, ref.namespace, ref.workflow_id, ref.run_id)
        if not run.is_caught_up:
            run.apply([event async for event in self.log.behind(ref, run.last_event_id)])
        self._runs[ref] = run
        self._forget()
        return run.view()

    def _forget(self) -> None:
        while len(self._runs) > 1 and sum(run.last_event_id for run in self._runs.values()) > _CACHED_EVENTS:
            self._runs.popitem(last=False)
        while len(self._runs) > 1000:
            self._runs.popitem(last=False)

    async def close(self) -> None:
        """End every watch; whoever still subscribes is cancelled by its own transport."""
        for task in self._endings:
            task.cancel()
        watches, self._watches = list(self._watches.values()), {}
        await asyncio.gather(*(watch.stop() for watch in watches))
