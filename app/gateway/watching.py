"""Watching: streams of one run's chain, from now or from behind a cursor."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from app.access import Identity, require_visible
from app.errors import BadUserInput
from app.gateway.reading import Reading
from app.hub import EventStep, Hub, ProgressStep
from app.hub.streams import events, progresses
from app.model import Cursor, Execution


class Watching:
    def __init__(self, reading: Reading, hub: Hub) -> None:
        self._reading = reading
        self._hub = hub

    async def events(
        self,
        identity: Identity,
        namespace: str | None,
        workflow_id: str,
        run_id: str | None,
        after: Cursor | None,
    ) -> AsyncGenerator[EventStep, None]:
        """Every event of the run and of those that continue it; behind `after`, exactly what came since."""
        execution = await self._start(identity, namespace, workflow_id, run_id, after)
        steps = events(self._hub, execution.ref, after.event_id if after else 0, execution)
        async with aclosing(steps):
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
        """Progress now and whenever it changes; behind `after`, what changed since. `max_rate` is per second."""
        if max_rate is not None and not max_rate > 0:
            raise BadUserInput(f"maxRate cannot be {max_rate:g}: it is in updates per second.", path=("maxRate",))
        execution = await self._start(identity, namespace, workflow_id, run_id, after)
        steps = progresses(self._hub, execution.ref, after, execution, max_rate)
        async with aclosing(steps):
            async for step in steps:
                yield step

    async def _start(
        self,
        identity: Identity,
        namespace: str | None,
        workflow_id: str,
        run_id: str | None,
        after: Cursor | None,
    ) -> Execution:
        """The run to begin with: the cursor's, which must be of the workflow that is asked for."""
        if after is not None:
            if after.workflow_id != workflow_id or after.namespace != self._reading.namespace(namespace):
                raise BadUserInput(
                    f"after is a cursor of workflow {after.workflow_id!r}, not of {workflow_id!r}.",
                    path=("after",),
                )
            run_id = after.run_id
        execution = await self._reading.execution(identity, namespace, workflow_id, run_id)
        return require_visible(identity, execution, workflow_id)
