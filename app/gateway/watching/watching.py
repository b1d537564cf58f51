"""Watching: streams of one run's chain, from now or from behind a cursor."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from app.access import Identity, require_visible
from app.errors import BadUserInput, NotFound
from app.gateway.reading.insights import Insights
from app.gateway.reading.reading import Reading
from app.history import project
from app.hub import EventStep, Hub, ProgressStep
from app.hub.streams import StateStep, cursor_at, events, next_run, progresses, states
from app.model import Cursor, Execution, ExecutionRef, Gap, Projection

MAX_RATE = 1000.0


_FORGOTTEN = "The run that this cursor points into is no longer known. The stream begins anew with the latest run."
NO_HISTORY = "The history of this run is neither in Temporal nor in the archive any more."


@dataclass(frozen=True, slots=True)
class Beginning:
    """The run that a stream begins with, and behind which place; `gap` says what could not be gone on with."""

    execution: Execution
    after: Cursor | None
    gap: Gap | None = None


class Watching:
    def __init__(self, reading: Reading, hub: Hub, insights: Insights) -> None:
        self._reading = reading
        self._hub = hub
        self._insights = insights

    async def events(
        self, identity: Identity, namespace: str | None, workflow_id: str, run_id: str | None, after: Cursor | None
    ) -> AsyncGenerator[EventStep, None]:
        """Every event of the run and of those that continue it; behind `after`, exactly what came since.

        Where the log behind `after` is gone the first step has a gap and no event.
        """
        start = await self.beginning(identity, namespace, workflow_id, run_id, after)
        if start.gap is not None:
            yield forgotten(start.execution.ref, start.gap)
        try:
            async with aclosing(self._events(start)) as steps:
                async for step in steps:
                    yield step
        except NotFound:
            yield nothing_kept(start)

    async def _events(self, start: Beginning) -> AsyncGenerator[EventStep, None]:
        run: ExecutionRef | None = start.execution.ref
        row, position = start.execution, start.after.event_id if start.after else 0
        if position and row.status.is_closed:
            # Of what has closed only the rest is read; following it would fold it from its beginning.
            async with aclosing(self._hub.log.behind(row.ref, position - 1)) as found:
                async for event in found:
                    if event.event_id > position:
                        yield EventStep(cursor_at(row.ref, event.event_id), row.ref, event, Projection(), row=row)
            run = await next_run(self._hub, row.ref, project(row.ref, [event]))
            position = 0
        if run is not None:
            async with aclosing(events(self._hub, run, position, row if run == row.ref else None)) as steps:
                async for step in steps:
                    yield step

    async def progress(
        self,
        identity: Identity,
        namespace: str | None,
        workflow_id: str,
        run_id: str | None,
        after: Cursor | None,
        max_rate: float | None,
    ) -> AsyncGenerator[ProgressStep, None]:
        """Progress now and whenever it changes; behind `after`, what changed since. `max_rate` is per second.

        Where the log behind `after` is gone the first step has a gap, and is the state now.
        """
        check_rate(max_rate)
        start = await self.beginning(identity, namespace, workflow_id, run_id, after)
        gap = start.gap
        steps = progresses(
            self._hub, start.execution.ref, start.after, start.execution, max_rate, self._insights.profile
        )
        async with aclosing(steps):
            async for step in steps:
                yield replace(step, gap=gap) if gap else step
                gap = None

    async def states(
        self, identity: Identity, namespace: str | None, workflow_id: str, run_id: str | None, max_rate: float | None
    ) -> AsyncGenerator[StateStep, None]:
        """The run whenever anything happens to it. `max_rate` is per second."""
        check_rate(max_rate)
        start = await self.beginning(identity, namespace, workflow_id, run_id, None)
        async with aclosing(states(self._hub, start.execution.ref, start.execution, max_rate)) as steps:
            async for step in steps:
                yield step

    async def is_last(self, step: EventStep) -> bool:
        """Whether nothing can follow the step: the last run of the chain has closed with it."""
        if step.event is None:
            return step.gap is not None and step.gap.reason == NO_HISTORY
        closing = project(step.ref, [step.event])
        return closing.status.is_closed and await next_run(self._hub, step.ref, closing) is None

    async def beginning(
        self, identity: Identity, namespace: str | None, workflow_id: str, run_id: str | None, after: Cursor | None
    ) -> Beginning:
        """The run to begin with: the cursor's, which must be of the workflow that is asked for."""
        if after is None:
            return Beginning(await self._visible(identity, namespace, workflow_id, run_id), None)
        meant = self._reading.ids.meant(identity, workflow_id)
        if after.workflow_id not in meant or after.namespace != self._reading.namespace(namespace):
            raise BadUserInput(f"after is a cursor of another workflow, not of {workflow_id!r}.", path=("after",))
        known = await self._reading.execution(identity, namespace, workflow_id, after.run_id)
        if known is not None:
            return Beginning(known, after)
        latest = await self._visible(identity, namespace, workflow_id, None)
        return Beginning(latest, None, Gap(_FORGOTTEN, cursor_at(latest.ref, 0)))

    async def _visible(
        self, identity: Identity, namespace: str | None, workflow_id: str, run_id: str | None
    ) -> Execution:
        execution = await self._reading.execution(identity, namespace, workflow_id, run_id)
        return require_visible(identity, execution, workflow_id)


def forgotten(ref: ExecutionRef, gap: Gap) -> EventStep:
    """The step that says that what is behind a cursor is gone."""
    return EventStep(gap.resumed_at, ref, None, Projection(), gap)


def nothing_kept(start: Beginning) -> EventStep:
    """The step that says that there is no history: the run is known, so it has been forgotten."""
    cursor = start.after or cursor_at(start.execution.ref, start.execution.history_length)
    return forgotten(start.execution.ref, Gap(NO_HISTORY, cursor))


def check_rate(max_rate: float | None) -> None:
    if max_rate is not None and not 0 < max_rate <= MAX_RATE:
        raise BadUserInput(
            f"maxRate cannot be {max_rate:g}: it is in updates per second, above 0 and at most {MAX_RATE}.",
            path=("maxRate",),
        )
