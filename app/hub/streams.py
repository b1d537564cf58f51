"""Streams over a chain of runs: each a cursor that the watches wake.

A stream begins at a run, follows it into the run that continues it (continue-as-new, retry, cron, reset), and ends
when the last run of the chain has closed and its last step was given.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from app.hub.hub import Hub
from app.hub.watch import Watch
from app.model import (
    Cursor,
    Execution,
    ExecutionRef,
    Gap,
    Profile,
    Progress,
    ProgressPoint,
    ProgressSource,
    Projection,
    RunView,
    WorkflowStatus,
)
from app.progress import not_below, progress, progress_at
from app.protos import time_of

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

ProfileOf = Callable[[Execution], Awaitable[Profile | None]]
MIN_TICK_SECONDS = 1.0


async def nothing_known(_: Execution) -> None:
    """Of a type without a profile."""


@dataclass(frozen=True, slots=True)
class EventStep:
    """One event of the log, and the place behind it; no event where a gap begins."""

    cursor: Cursor
    ref: ExecutionRef
    event: HistoryEvent | None
    projection: Projection
    """What the run's history says so far, to put the event into words."""
    gap: Gap | None = None
    row: Execution | None = None
    """The run where its history is not folded; its projection is then read when the event needs it."""

    @property
    def time(self) -> datetime | None:
        return time_of(self.event.event_time) if self.event is not None else None


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """What progress was at one place of the log. `view` is the run as it is now; `number` orders the steps of each
    watch, which its own number names: what was at an event comes before each state behind that event."""

    cursor: Cursor
    view: RunView
    progress: Progress
    status: WorkflowStatus
    watch: int
    number: tuple[int, int]
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class StateStep:
    """A run as it is now. Of each watch, named by its number, `version` tells which state that is."""

    view: RunView
    watch: int
    version: int


async def events(hub: Hub, ref: ExecutionRef, position: int, row: Execution | None) -> AsyncGenerator[EventStep, None]:
    """Every event behind `position`, in order, each once."""
    run: ExecutionRef | None = ref
    while run is not None:
        async with hub.watch(run, row=row) as watch, aclosing(_events(hub, watch, position)) as found:
            async for event in found:
                yield EventStep(cursor_at(run, event.event_id), run, event, watch.run.projection)
            run = await next_run(hub, run, watch.run.projection)
        position, row = 0, None


async def _events(hub: Hub, watch: Watch, position: int) -> AsyncGenerator[HistoryEvent, None]:
    if position > 0 and not watch.run.is_caught_up:
        # What was missed is read at once; the watch may still be folding a long history.
        async for event in hub.log.behind(watch.ref, position):
            yield event
            position = event.event_id
    while True:
        version, ended = watch.version, watch.ended
        missed = watch.run.recent(position)
        if missed is None:
            async for event in hub.log.behind(watch.ref, position):
                yield event
                position = event.event_id
            continue
        for event in missed:
            yield event
            position = event.event_id
        if missed:
            continue
        if ended:
            return
        await watch.changed(version)


async def progresses(
    hub: Hub,
    ref: ExecutionRef,
    after: Cursor | None,
    row: Execution | None,
    max_rate: float | None,
    profile_of: ProfileOf = nothing_known,
) -> AsyncGenerator[ProgressStep, None]:
    """Progress now, then whenever it changes.

    Behind a cursor, every durable change since is given in order (activities, phases, published progress); what
    only describe tells is given when it differs from what the cursor's step said. `max_rate` is in steps per
    second: steps that would come faster are left out, never the last one. `profile_of` tells what the last runs of
    the run's type were like; by a profile, progress moves with the clock. Within a run the percent never goes down,
    unless the workflow itself published less.
    """
    run: ExecutionRef | None = ref
    while run is not None:
        async with hub.watch(run, row=row, pending=True) as watch:
            await watch.caught_up()
            profile = await profile_of(watch.run.view().execution)
            async with aclosing(_progresses(watch, after, max_rate, profile)) as steps:
                async for step in steps:
                    yield step
            run = await next_run(hub, run, watch.run.projection)
        after, row = None, None


async def _progresses(
    watch: Watch, after: Cursor | None, max_rate: float | None, profile: Profile | None
) -> AsyncGenerator[ProgressStep, None]:
    clock = asyncio.get_running_loop().time
    last: Progress | None = None
    position, digest = (after.event_id, after.digest) if after else (None, "")
    pace = 1 / max_rate if max_rate else 0.0
    while True:
        version, ended = watch.version, watch.ended
        view = watch.run.view()
        sent_at = clock()
        if position is not None and not pace:
            for point in _earlier(view.projection.points, position):
                step = _replayed(watch, view, point, profile, last)
                if step.cursor.digest != digest:
                    yield step
                    digest, last = step.cursor.digest, step.progress
        step = _now(watch, version, view, profile, last)
        if step.cursor.digest != digest or position is None or _has_moved(view, position):
            yield step
        position, digest, last = step.cursor.event_id, step.cursor.digest, step.progress
        if ended:
            return
        if (rest := pace - (clock() - sent_at)) > 0:
            await asyncio.sleep(rest)
        await watch.changed(version, _tick(step.progress, profile))


def _tick(said: Progress, profile: Profile | None) -> float | None:
    """Seconds after which the clock alone has moved progress: about a percent. None where it does not."""
    if profile is None or said.source is not ProgressSource.PROFILE:
        return None
    return max(MIN_TICK_SECONDS, profile.p50 / 100)


async def states(
    hub: Hub, ref: ExecutionRef, row: Execution | None, max_rate: float | None
) -> AsyncGenerator[StateStep, None]:
    """The run now and after everything that happens to it, through its chain; the last state is always given.

    `max_rate` is in states per second: those that would come faster are left out.
    """
    clock = asyncio.get_running_loop().time
    pace = 1 / max_rate if max_rate else 0.0
    run: ExecutionRef | None = ref
    while run is not None:
        async with hub.watch(run, row=row, pending=True) as watch:
            await watch.caught_up()
            ended = False
            while not ended:
                version, ended, sent_at = watch.version, watch.ended, clock()
                yield StateStep(watch.run.view(), watch.serial, version)
                if not ended:
                    if (rest := pace - (clock() - sent_at)) > 0:
                        await asyncio.sleep(rest)
                    await watch.changed(version)
            run = await next_run(hub, run, watch.run.projection)
        row = None


def _earlier(points: tuple[ProgressPoint, ...], position: int) -> list[ProgressPoint]:
    """The changes behind `position` that a later one has followed: the last is told as it is now."""
    missed: list[ProgressPoint] = []
    for point in reversed(points):
        if point.event_id <= position:
            break
        missed.append(point)
    return missed[:0:-1]


def _has_moved(view: RunView, position: int) -> bool:
    points = view.projection.points
    return bool(points) and points[-1].event_id > position


def _replayed(
    watch: Watch, view: RunView, point: ProgressPoint, profile: Profile | None, last: Progress | None
) -> ProgressStep:
    said = not_below(progress_at(point, view.projection, profile), last)
    return _step(watch, (point.event_id, 0), view, said, point.status)


def _now(watch: Watch, version: int, view: RunView, profile: Profile | None, last: Progress | None) -> ProgressStep:
    said = not_below(progress(view.projection, view.pending_activities, datetime.now(UTC), profile), last)
    return _step(watch, (view.projection.last_event_id, version), view, said, view.projection.status)


def _step(watch: Watch, number: tuple[int, int], view: RunView, said: Progress, status: WorkflowStatus) -> ProgressStep:
    cursor = replace(cursor_at(watch.ref, number[0]), digest=digest_of(said, status))
    return ProgressStep(cursor, view, said, status, watch.serial, number)


def digest_of(said: Progress, status: WorkflowStatus) -> str:
    """A mark of what a client sees of progress, without what moves with the clock alone."""
    steady = replace(said, updated_at=datetime.min, eta_seconds=None, estimated_close_time=None)
    return hashlib.blake2b(msgspec.json.encode((steady, status)), digest_size=6).hexdigest()


def cursor_at(ref: ExecutionRef, event_id: int) -> Cursor:
    return Cursor(ref.namespace, ref.workflow_id, ref.run_id, event_id)


async def next_run(hub: Hub, ref: ExecutionRef, projection: Projection) -> ExecutionRef | None:
    """The run that continues a closed one, of which the projection need not have more than the last event. A reset
    leaves its mark only in describe."""
    if projection.next_run_id is not None:
        return replace(ref, run_id=projection.next_run_id)
    return await hub.reset_of(ref) if projection.status is WorkflowStatus.TERMINATED else None
