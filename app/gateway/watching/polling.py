"""The long poll: a stream of events a page at a time, for clients that nothing else reaches."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.access import Identity
from app.errors import BadUserInput, NotFound, Unavailable
from app.gateway.watching.watching import Beginning, Watching, forgotten, nothing_kept
from app.hub import EventStep, Hub
from app.hub.streams import cursor_at, next_run
from app.hub.watch import Watch
from app.limits import Subscriptions
from app.model import Cursor, ExecutionRef

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

PAGE = 500
"""Events of one answer."""
USUAL_WAIT, LONGEST_WAIT = 20.0, 25.0
_OF_DEADLINE = 0.8
"""A wait must leave a request time to be answered before its deadline."""
_LEAVING = "The gateway is restarting: ask again behind your last cursor."


class Polling:
    """`deadline` is that of a request in seconds. While it waits, a poll counts as a subscription."""

    def __init__(self, watching: Watching, hub: Hub, subscriptions: Subscriptions, *, deadline: float) -> None:
        self._watching = watching
        self._hub = hub
        self._subscriptions = subscriptions
        self.longest_wait = min(LONGEST_WAIT, deadline * _OF_DEADLINE)
        self._waits: set[asyncio.Timeout] = set()
        self._is_leaving = False

    def leave(self) -> None:
        """Let nobody wait any more: the process ends."""
        self._is_leaving = True
        for wait in self._waits:
            wait.reschedule(asyncio.get_running_loop().time())

    async def events(
        self,
        identity: Identity,
        namespace: str | None,
        workflow_id: str,
        run_id: str | None,
        after: Cursor | None,
        wait: float | None,
    ) -> Sequence[EventStep]:
        """The next events behind `after`, or from the beginning: at once where there are some, else those that come
        within `wait` seconds, or none. Where the log behind `after` is gone, a step with a gap.

        None come at once where the last run of the chain has closed and all was given. Raises as `Watching.events`
        does, RateLimited, and Unavailable when the process ends meanwhile.
        """
        seconds = self._checked(wait)
        self._subscriptions.check(identity.named, identity.home)
        with self._subscriptions.counted(identity.named, identity.home):
            start = await self._watching.beginning(identity, namespace, workflow_id, run_id, after)
            if start.gap is not None:
                return [forgotten(start.execution.ref, start.gap)]
            try:
                async with asyncio.timeout(0 if self._is_leaving else None) as life:
                    self._waits.add(life)
                    return await self._behind(start, seconds)
            except NotFound:
                return [nothing_kept(start)]
            except TimeoutError:
                raise Unavailable(_LEAVING) from None
            finally:
                self._waits.discard(life)

    def _checked(self, wait: float | None) -> float:
        if wait is None:
            return min(USUAL_WAIT, self.longest_wait)
        if not 0 <= wait <= self.longest_wait:
            raise BadUserInput(
                f"waitSeconds cannot be {wait:g}: it is from 0 to {self.longest_wait:g} seconds.", path=("waitSeconds",)
            )
        return wait

    async def _behind(self, start: Beginning, seconds: float) -> Sequence[EventStep]:
        until = asyncio.get_running_loop().time() + seconds
        run: ExecutionRef | None = start.execution.ref
        row, position = start.execution, start.after.event_id if start.after else 0
        while run is not None:
            async with self._hub.watch(run, row=row if run == row.ref else None) as watch:
                found = await self._of_run(watch, position, until)
                projection = watch.run.projection
                if found or not watch.ended:
                    return [EventStep(cursor_at(run, each.event_id), run, each, projection) for each in found]
                run, position = await next_run(self._hub, run, projection), 0
        return []

    async def _of_run(self, watch: Watch, position: int, until: float) -> Sequence[HistoryEvent]:
        """Some events of one run, waited for until then; none where it has ended before."""
        if not watch.run.is_caught_up:
            # What was missed is read at once; the watch may still be folding a long history.
            if found := await self._hub.log.page(watch.ref, position, PAGE):
                return found
            await watch.caught_up()
        while True:
            version, ended = watch.version, watch.ended
            missed = watch.run.recent(position)
            if missed is None:
                return await self._hub.log.page(watch.ref, position, PAGE)
            if missed or ended:
                return missed[:PAGE]
            rest = max(until - asyncio.get_running_loop().time(), 0)
            # A run that has closed is about to end the watch, whoever waits.
            if not await watch.changed(version, None if watch.run.projection.status.is_closed else rest):
                return []
