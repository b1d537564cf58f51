"""Reading: lists from the index; a closed run from the archive; an open one from the hub, else from Temporal."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from app import progress as progresses
from app.access import SOME_RUN, Action, Identity, require, visible
from app.access.workflow_ids import SHARED, WorkflowIds
from app.errors import BadUserInput, DatabaseUnavailable, DeadlineExceeded, NotFound, TemporalUnavailable
from app.gateway.naming import Name, best, meanings
from app.gateway.reading.chains import Chains
from app.gateway.reading.insights import Insights
from app.gateway.reading.listing import Lists
from app.gateway.reading.outliving import with_ends
from app.history import Projector
from app.hub import Hub
from app.model import Blocker, Execution, ExecutionRef, Progress, Projection, RunView, WorkflowStatus, merged
from app.store.archive import Archive, ProjectionParts
from app.store.executions import Executions
from app.temporal import reads
from app.temporal.connection import Temporal

T = TypeVar("T")

_AT_ONCE = 16
"""How many runs are asked for side by side."""


class Reading:
    def __init__(
        self,
        temporal: Temporal,
        executions: Executions,
        archive: Archive,
        hub: Hub,
        insights: Insights,
        ids: WorkflowIds = SHARED,
    ) -> None:
        self.ids = ids
        self._temporal = temporal
        self._executions = executions
        self._archive = archive
        self._hub = hub
        self._insights = insights
        self._asking = asyncio.Semaphore(_AT_ONCE)
        self.chains = Chains(executions, lambda name: self._asked(None, name))
        self.lists = Lists(executions, temporal.namespaces, ids)

    def namespace(self, namespace: str | None) -> str:
        """The namespace that a caller means; BadUserInput for one that this gateway does not serve."""
        chosen = namespace or self._temporal.default_namespace
        if chosen not in self._temporal.namespaces:
            raise BadUserInput(
                f"This gateway does not serve namespace {chosen!r}, only {', '.join(self._temporal.namespaces)}.",
                path=("namespace",),
            )
        return chosen

    async def execution(
        self, identity: Identity, namespace: str | None, workflow_id: str, run_id: str | None
    ) -> Execution | None:
        """One run, or the latest of its id. None where there is none that the caller may see."""
        [found] = await self.named(identity, [Name(self.namespace(namespace), workflow_id, run_id)])
        if isinstance(found, BaseException):
            raise found
        return found

    async def named(self, identity: Identity, names: Sequence[Name]) -> list[Execution | BaseException | None]:
        """Runs in the order of their names, with an error in the place of one that cannot be asked for.

        A run that the index has closed is taken from there, all in two statements. Of any other, Temporal is asked,
        since the index may be behind it; while Temporal is away the index answers what it knows, and while Postgres
        is away Temporal answers for every run that it remembers.
        """
        require(identity, Action.READ, SOME_RUN)
        return await self._first(identity, [meanings(self.ids, identity, name) for name in names])

    async def run(self, identity: Identity, ref: ExecutionRef) -> Execution | None:
        """A run by its name in Temporal; None where the caller may not see it."""
        [found] = await self._first(identity, [[Name(ref.namespace, ref.workflow_id, ref.run_id)]])
        if isinstance(found, BaseException):
            raise found
        return found

    async def _first(
        self, identity: Identity, meant: Sequence[Sequence[Name]]
    ) -> list[Execution | BaseException | None]:
        """For each the first of its names that the index has, or else the first that Temporal has. What is another's
        is not in the caller's index: it costs the same questions as what is nowhere."""
        away: DatabaseUnavailable | None = None
        try:
            known = await self._indexed([name for names in meant for name in names])
        except DatabaseUnavailable as error:
            known, away = {}, error
        chosen = [next(([name] for name in names if name in known), names) for names in meant]
        rows = iter(await self._found(identity, [name for names in chosen for name in names], known, away))
        return [best([next(rows) for _ in names]) for names in chosen]

    async def _found(
        self,
        identity: Identity,
        names: Sequence[Name],
        known: Mapping[Name, Execution],
        away: DatabaseUnavailable | None,
    ) -> list[Execution | BaseException | None]:

        async def answer(name: Name) -> Execution | None:
            row = known.get(name)
            # Where no run is named, one that was continued is not the latest: the index has not come to that yet.
            is_followed = name.run_id is None and row is not None and row.status is WorkflowStatus.CONTINUED_AS_NEW
            if row is None or not row.status.is_closed or is_followed:
                row = await self._asked(row, name)
            if row is None and away is not None:
                raise away
            return row

        found = await asyncio.gather(*(answer(name) for name in names), return_exceptions=True)
        seen = await self.visible(identity, found)
        return seen if away is not None else await self._kept(seen, {row.ref for row in known.values()})

    async def _kept(
        self, found: list[Execution | BaseException | None], indexed: Container[ExecutionRef]
    ) -> list[Execution | BaseException | None]:
        """Without what was deleted, which Temporal goes on showing for a while; what is indexed was not."""
        told = [each.ref for each in found if isinstance(each, Execution) and each.ref not in indexed]
        erased = await self._executions.erased(told)
        return [None if isinstance(each, Execution) and each.ref in erased else each for each in found]

    async def _asked(self, row: Execution | None, name: Name) -> Execution | None:
        try:
            return await self._in_time(name.workflow_id, self._described(row, *name))
        except DeadlineExceeded:
            if row is None:
                raise
            return row

    async def _indexed(self, names: Sequence[Name]) -> dict[Name, Execution]:
        exact = {name: ExecutionRef(name.namespace, name.workflow_id, name.run_id) for name in names if name.run_id}
        newest = {name: (name.namespace, name.workflow_id) for name in names if not name.run_id}
        runs = await self._executions.many(list(exact.values()))
        latest = await self._executions.newest(list(dict.fromkeys(newest.values())))
        return {name: runs[ref] for name, ref in exact.items() if ref in runs} | {
            name: latest[key] for name, key in newest.items() if key in latest
        }

    async def _described(
        self, row: Execution | None, namespace: str, workflow_id: str, run_id: str | None
    ) -> Execution | None:
        try:
            now = (await reads.describe(self._temporal, namespace, workflow_id, run_id)).execution
        except (NotFound, BadUserInput):
            # A run id that is no UUID is a bad argument to Temporal; to us it is unknown.
            return row
        except (TemporalUnavailable, DeadlineExceeded):
            if row is None:
                raise
            return row
        return merged(row, now) if row is not None and row.ref == now.ref else now

    async def completed(
        self, identity: Identity, refs: Sequence[ExecutionRef], known: Mapping[ExecutionRef, Execution]
    ) -> list[Execution | BaseException | None]:
        """Runs by their exact names, in order: those that are known, the others from Temporal. None stands for one
        that the caller may not see, and an error for one that cannot be asked for."""
        require(identity, Action.READ, SOME_RUN)
        missing = [
            ref for ref in dict.fromkeys(refs) if ref not in known and ref.namespace in self._temporal.namespaces
        ]
        asked = await asyncio.gather(
            *(
                self._in_time(ref.workflow_id, self._described(None, ref.namespace, ref.workflow_id, ref.run_id))
                for ref in missing
            ),
            return_exceptions=True,
        )
        found: dict[ExecutionRef, Execution | BaseException | None] = {
            **known,
            **dict(zip(missing, await self._kept(await self.visible(identity, asked), ()), strict=True)),
        }
        return await self.visible(identity, [found.get(ref) for ref in refs])

    async def visible(
        self, identity: Identity, rows: Sequence[Execution | BaseException | None]
    ) -> list[Execution | BaseException | None]:
        """The rows, with None in the place of a run that is not there for the caller."""
        chains = await self.chains.of_tree(identity, [each for each in rows if isinstance(each, Execution)])
        told = [
            replace(row, first_run_id=chains[row.run_id])
            if isinstance(row, Execution) and row.first_run_id is None and row.run_id in chains
            else row
            for row in rows
        ]
        return [
            None if isinstance(row, Execution) and not visible(identity, row, chains.get(row.root_run_id)) else row
            for row in told
        ]

    async def _in_time(self, workflow_id: str, work: Coroutine[Any, Any, T]) -> T:
        """A few at a time, and their wait has a deadline too: while Temporal hangs, a page of many runs must fail
        field by field before the whole operation does."""
        seconds = self._temporal.timeout * 1.5
        try:
            async with asyncio.timeout(seconds), self._asking:
                return await work
        except TimeoutError:
            raise DeadlineExceeded(f"Temporal did not tell of workflow {workflow_id!r} in {seconds:g} s.") from None
        finally:
            work.close()

    async def views(self, executions: Sequence[Execution]) -> list[RunView | BaseException]:
        """Everything of each run, in order; an error stands in the place of a run that cannot be read.

        The caller may see the executions already. Closed runs cost one statement together.
        """
        refs = [each.ref for each in executions]
        closed = [ref for ref, each in zip(refs, executions, strict=True) if each.status.is_closed]
        archived = await with_ends(self._executions, await self._archive.projections(closed)) if closed else {}
        found: dict[ExecutionRef, RunView | BaseException] = {
            ref: RunView(each, projection)
            for ref, each in zip(refs, executions, strict=True)
            if (projection := archived.get(ref)) is not None
        }
        others = {ref: each for ref, each in zip(refs, executions, strict=True) if ref not in found}
        views = await asyncio.gather(
            *(self._folded(each) if ref in archived else self._live(each) for ref, each in others.items()),
            return_exceptions=True,
        )
        found.update(zip(others, views, strict=True))
        return [found[ref] for ref in refs]

    async def projections(
        self, executions: Sequence[Execution], parts: frozenset[str]
    ) -> list[Projection | ProjectionParts | BaseException]:
        """As `views`, but only what the histories say, and of closed runs only these parts of it."""
        refs = [each.ref for each in executions]
        closed = [ref for ref, each in zip(refs, executions, strict=True) if each.status.is_closed]
        archived = await with_ends(self._executions, await self._archive.parts(closed, parts)) if closed else {}
        found: list[Any] = [archived.get(ref) for ref in refs]
        missing = [place for place, each in enumerate(found) if each is None]
        views = await self.views([executions[place] for place in missing]) if missing else []
        for place, view in zip(missing, views, strict=True):
            found[place] = view.projection if isinstance(view, RunView) else view
        return found

    async def _folded(self, execution: Execution) -> RunView:
        """Of a run that a version archived which projected otherwise, and that the indexer has not come to yet."""
        projector = Projector(execution.ref)
        async with aclosing(self._archive.pages(execution.ref)) as pages:
            async for page in pages:
                events, _ = await self._temporal.payloads.readable(execution.namespace, page)
                for event in events:
                    projector.apply(event)
        return RunView(execution, projector.snapshot())

    async def now(self, execution: Execution) -> RunView:
        """Everything of a run with what was done to it just before; the caller may see the execution already."""
        return await self._live(execution, fresh=True)

    async def _live(self, execution: Execution, *, fresh: bool = False) -> RunView:
        try:
            return await self._in_time(execution.workflow_id, self._hub.view(execution.ref, fresh=fresh))
        except NotFound as error:
            raise NotFound(
                f"Temporal no longer has the history of {execution.workflow_id!r}, and it was never archived."
            ) from error

    async def progress(self, view: RunView) -> Progress:
        """How far the run is, or got; what one that completed usually takes no longer matters."""
        completed = view.projection.status is WorkflowStatus.COMPLETED
        profile = None if completed else await self._insights.profile(view.execution)
        return progresses.progress(view.projection, view.pending_activities, datetime.now(UTC), profile)

    async def blockers(self, view: RunView) -> tuple[Blocker, ...]:
        """Why the run is not moving. Temporal is asked for the workers only of a task that nobody takes."""
        if view.projection.status.is_closed:
            return ()
        now = datetime.now(UTC)
        state = view.projection, view.pending_activities, view.pending_workflow_task, now
        profile, unpolled = await asyncio.gather(
            self._insights.profile(view.execution),
            self._insights.unpolled(view.execution.namespace, progresses.unserved(*state)),
        )
        return progresses.blockers(*state, profile=profile, unpolled=unpolled)
