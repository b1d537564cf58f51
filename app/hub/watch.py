"""Keeping one run folded while somebody looks at it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from app import metrics
from app.errors import BadUserInput, NotFound, RateLimited, TidelineError
from app.hub.log import RunLog
from app.hub.run import Run
from app.hub.slow_poll import SlowPoll
from app.log import logger
from app.model import Description, Execution, ExecutionRef, merged
from app.temporal import reads
from app.temporal.connection import Temporal
from app.temporal.reads import HistoryPage

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

log = logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_FIRST_PACE, _SLOWEST_PACE = 0.25, 2.0
_DOUBTFUL_SECONDS = 2.0
"""The deadline of a long poll that should not wait; the server answers about a second before it."""
_SERIALS = itertools.count()
_DESCRIBES_PER_SECOND = 100
"""What all watches of a process may ask together, so that many watches ask more slowly, not more."""


class Watch:
    """One long poll of a run's history, and describe at an adaptive pace while something is pending.

    `version` grows with everything that subscribers could want to see; `changed` waits for that. `ended` is set
    once the run has closed and its last event is folded; `error` says why a watch cannot go on. `serial` tells one
    watch from any other of this process.
    """

    def __init__(
        self,
        ref: ExecutionRef,
        temporal: Temporal,
        log_: RunLog,
        *,
        row: Execution | None,
        count: Callable[[], int],
        slow: SlowPoll,
        on_closed: Callable[[ExecutionRef], Awaitable[None]],
    ) -> None:
        self.run = Run(ref)
        self.serial = next(_SERIALS)
        self._row = row
        self.version = 0
        self.ended = False
        self.error: TidelineError | None = None
        self.subscribers = 0
        self.pending_wanted = 0
        self._temporal = temporal
        self._log = log_
        self._count = count
        self._slow = slow
        self._on_closed = on_closed
        self._condition = asyncio.Event()
        self._stir = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def ref(self) -> ExecutionRef:
        return self.run.ref

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._supervised(work), name=f"watch {self.ref.workflow_id}")
            for work in (self._follow, self._ask)
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._slow.freed(self)

    def want_pending(self) -> None:
        """Somebody now looks at what only describe tells."""
        self.pending_wanted += 1
        self._stir.set()

    async def changed(self, version: int, timeout: float | None = None) -> bool:
        """Wait until there is more than at `version`; False when `timeout` seconds passed first."""
        if timeout is None:
            await self._news(version)
            return True
        try:
            async with asyncio.timeout(timeout):
                await self._news(version)
        except TimeoutError:
            return False
        return True

    async def _news(self, version: int) -> None:
        while self.version == version and self.error is None:
            await self._condition.wait()
        if self.error is not None:
            raise self.error

    async def caught_up(self) -> None:
        """Wait until what existed when the watch began has been folded."""
        while not (self.run.is_caught_up or self.ended):
            await self.changed(self.version)

    def _announce(self) -> None:
        self.version += 1
        self._condition.set()
        self._condition = asyncio.Event()

    async def _supervised(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except TidelineError as error:
            self._fail(error)
        except Exception:
            log.exception("a watch failed", workflow_id=self.ref.workflow_id, run_id=self.ref.run_id)
            self._fail(TidelineError("Following this workflow failed inside the gateway."))

    def _fail(self, error: TidelineError) -> None:
        self.error = error
        self._slow.freed(self)
        self._announce()

    async def _follow(self) -> None:
        """Fold the history as it comes, through outages, until the run has closed."""
        pause, token, is_held, is_doubtful = _FIRST_PAUSE, b"", True, False
        while True:
            try:
                may_wait = await self._slow.turn(self)
                if self.run.description is None:
                    await self._describe()
                if not may_wait:
                    await self._read_shortly()
                    if self.run.projection.status.is_closed:
                        break
                    continue
                if not is_held:
                    await self._stand_by()
                page = await self._poll(token, is_doubtful)
                metrics.HISTORY_POLLS.labels("ok").inc()
                self._slow.freed(self)
            except NotFound:
                await self._read_archive()
                break
            except RateLimited as error:
                metrics.HISTORY_POLLS.labels(error.code.lower()).inc()
                self._slow.refused(self, error.message)
            except BadUserInput:
                token = b""  # A token that the server no longer takes; what is read again is not folded again.
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except TidelineError as error:
                metrics.HISTORY_POLLS.labels(error.code.lower()).inc()
                log.warning("following a run is interrupted", workflow_id=self.ref.workflow_id, reason=error.message)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                # Without a token the run has closed, or it is paused and the server does not hold its poll.
                pause, token, is_held, is_doubtful = _FIRST_PAUSE, page.token, bool(page.token), page.is_overfull
                self._fold(page.events)
                if not token and self.run.projection.status.is_closed:
                    break
        await self._end()

    async def _poll(self, token: bytes, is_doubtful: bool) -> HistoryPage:
        """The next page. Behind a doubtful one the server may wait for news though it has passed over events: then it
        is not waited for long, and what is there is read backwards."""
        last = self.run.last_event_id
        if not is_doubtful:
            return await reads.history_page(self._temporal, self.ref, token, last=last, wait=True)
        page = await reads.history_page(
            self._temporal, self.ref, token, last=last, wait=True, seconds=_DOUBTFUL_SECONDS
        )
        if page.events:
            return page
        return replace(page, events=await reads.history_behind(self._temporal, self.ref, last))

    async def _stand_by(self) -> None:
        """Ask now and then, until something has happened."""
        pace = _FIRST_PACE
        while not self._fold(await reads.history_behind(self._temporal, self.ref, self.run.last_event_id)):
            await asyncio.sleep(pace)
            pace = min(pace * 1.5, _SLOWEST_PACE)

    async def _read_shortly(self) -> None:
        """What is new, without waiting for more."""
        before = self.run.last_event_id
        async for event in self._log.behind(self.ref, before):
            self._fold((event,))
        metrics.SLOWED_EVENTS.inc(self.run.last_event_id - before)

    def _fold(self, events: Iterable[HistoryEvent]) -> bool:
        news = self.run.apply(events)
        if news:
            self._stir.set()
            self._announce()
        return news

    async def _read_archive(self) -> None:
        """Temporal has forgotten the run: what the archive and the index kept of it is all there is."""
        if self.run.description is None and self._row is not None:
            self.run.description = Description(execution=self._row)
        async for event in self._log.behind(self.ref, self.run.last_event_id):
            self.run.apply((event,))

    async def _end(self) -> None:
        self._slow.freed(self)
        await self._on_closed(self.ref)
        self.ended = True
        self._announce()

    async def _ask(self) -> None:
        """Describe while an activity is open and somebody wants to see it; soon after news, then ever slower."""
        pace = _FIRST_PACE
        while True:
            if not self._is_pending():
                await self._stir.wait()
            if self._stir.is_set():
                self._stir.clear()
                pace = _FIRST_PACE
            await asyncio.sleep(max(pace, self._count() / _DESCRIBES_PER_SECOND))
            if not self._is_pending():
                continue
            try:
                news = await self._describe()
            except NotFound:
                return
            except TidelineError:
                news = False  # The history poll speaks of the outage; this one only slows down.
            pace = _FIRST_PACE if news else min(pace * 1.5, _SLOWEST_PACE)

    def _is_pending(self) -> bool:
        projection = self.run.projection
        return (
            self.pending_wanted > 0
            and not projection.status.is_closed
            and any(not activity.status.is_closed for activity in projection.activities)
        )

    async def _describe(self) -> bool:
        """Ask what history does not tell; True where it is something new."""
        before = self.run.description
        ref = self.ref
        now = await reads.describe(self._temporal, ref.namespace, ref.workflow_id, ref.run_id)
        self.run.description = now if self._row is None else replace(now, execution=merged(self._row, now.execution))
        news = before is None or (before.pending_activities, before.pending_workflow_task) != (
            now.pending_activities,
            now.pending_workflow_task,
        )
        if news:
            self._announce()
        return news
