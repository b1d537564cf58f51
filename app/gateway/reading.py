"""Reading: lists from the index; a closed run from the archive; an open one from the hub, else from Temporal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app import progress as progresses
from app.access import Action, Identity, require
from app.errors import BadUserInput, DatabaseUnavailable, DeadlineExceeded, NotFound, TemporalUnavailable
from app.history import project
from app.hub import Hub
from app.model import Blocker, Execution, ExecutionRef, Page, Progress, Projection, RunView, WorkflowStatus
from app.store.archive import Archive
from app.store.executions import Executions
from app.store.listing import Filter, Listing
from app.temporal import reads
from app.temporal.connection import Temporal

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent


class Reading:
    def __init__(self, temporal: Temporal, executions: Executions, archive: Archive, hub: Hub) -> None:
        self._temporal = temporal
        self._executions = executions
        self._archive = archive
        self._hub = hub

    def namespace(self, namespace: str | None) -> str:
        """The namespace that a caller means; BadUserInput for one that this gateway does not serve."""
        chosen = namespace or self._temporal.default_namespace
        if chosen not in self._temporal.namespaces:
            raise BadUserInput(
                f"This gateway does not serve namespace {chosen!r}, only {', '.join(self._temporal.namespaces)}.",
                path=("namespace",),
            )
        return chosen

    async def page(self, identity: Identity, listing: Listing) -> Page[Execution]:
        require(identity, Action.READ)
        return await self._executions.page(replace(listing, filter=scoped(identity, listing.filter)))

    async def count(self, identity: Identity, filter_: Filter) -> int:
        require(identity, Action.READ)
        return await self._executions.count(scoped(identity, filter_))

    async def execution(
        self, identity: Identity, namespace: str | None, workflow_id: str, run_id: str | None
    ) -> Execution | None:
        """One run, or the latest of its id. None where there is none that the caller may see.

        A run that the index has closed is taken from there. Of any other, Temporal is asked, since the index may
        be behind it; while Temporal is away the index answers what it knows.
        """
        require(identity, Action.READ)
        chosen = self.namespace(namespace)
        try:
            row = await self._row(chosen, workflow_id, run_id)
        except DatabaseUnavailable as error:
            # Temporal can answer for every run that it remembers.
            row = await self._described(None, chosen, workflow_id, run_id)
            if row is None:
                raise error from None
            return row if identity.scope.covers(row.tenant, row.environment) else None
        if row is None or not row.status.is_closed or row.status is WorkflowStatus.CONTINUED_AS_NEW:
            row = await self._described(row, chosen, workflow_id, run_id)
        return row if row is not None and identity.scope.covers(row.tenant, row.environment) else None

    async def _row(self, namespace: str, workflow_id: str, run_id: str | None) -> Execution | None:
        if run_id is None:
            return await self._executions.latest(namespace, workflow_id)
        return await self._executions.get(ExecutionRef(namespace, workflow_id, run_id))

    async def _described(
        self, row: Execution | None, namespace: str, workflow_id: str, run_id: str | None
    ) -> Execution | None:
        try:
            now = (await reads.describe(self._temporal, namespace, workflow_id, run_id)).execution
        except (
            NotFound,
            BadUserInput,
        ):  # A run id that is no UUID is a bad argument to Temporal; to us it is unknown.
            return row
        except (TemporalUnavailable, DeadlineExceeded):
            if row is None:
                raise
            return row
        return merged(row, now) if row is not None and row.ref == now.ref else now

    async def executions(self, identity: Identity, refs: Sequence[ExecutionRef]) -> list[Execution | None]:
        """Runs by their exact names, in order, from the index in one statement; what it lacks, from Temporal."""
        require(identity, Action.READ)
        known = await self._executions.many(list(dict.fromkeys(refs)))
        missing = [
            ref for ref in dict.fromkeys(refs) if ref not in known and ref.namespace in self._temporal.namespaces
        ]
        found = await asyncio.gather(
            *(self._described(None, ref.namespace, ref.workflow_id, ref.run_id) for ref in missing)
        )
        known.update({each.ref: each for each in found if each is not None})
        rows = [known.get(ref) for ref in refs]
        return [row if row and identity.scope.covers(row.tenant, row.environment) else None for row in rows]

    async def views(self, executions: Sequence[Execution]) -> list[RunView | BaseException]:
        """Everything of each run, in order; an error stands in the place of a run that cannot be read.

        The caller may see the executions already. Closed runs cost one statement together.
        """
        closed = [each.ref for each in executions if each.status.is_closed]
        archived = await self._archive.projections(closed) if closed else {}
        return await asyncio.gather(
            *(self._view(each, archived.get(each.ref)) for each in executions), return_exceptions=True
        )

    async def _view(self, execution: Execution, projection: Projection | None) -> RunView:
        if projection is not None:
            return RunView(execution, projection)
        if execution.status.is_closed and (events := await self._archive.history(execution.ref)) is not None:
            # Archived by a version that projected otherwise.
            return RunView(execution, await asyncio.to_thread(project, execution.ref, events))
        try:
            return await self._hub.view(execution.ref)
        except NotFound as error:
            raise NotFound(
                f"Temporal no longer has the history of {execution.workflow_id!r}, and it was never archived."
            ) from error

    async def history(self, execution: Execution) -> Sequence[HistoryEvent]:
        """The events of a run that the caller may see, oldest first."""
        if execution.status.is_closed and (archived := await self._archive.history(execution.ref)) is not None:
            return archived
        return [event async for event in self._hub.log.behind(execution.ref, 0)]

    def progress(self, view: RunView) -> Progress:
        return progresses.progress(view.projection, view.pending_activities, datetime.now(UTC))

    def blockers(self, view: RunView) -> tuple[Blocker, ...]:
        return progresses.blockers(
            view.projection, view.pending_activities, view.pending_workflow_task, datetime.now(UTC)
        )


def scoped(identity: Identity, filter_: Filter) -> Filter:
    """The filter within what the identity may see. A filter that names another tenant matches nothing."""
    scope = identity.scope
    for asked, seen in ((filter_.tenant, scope.tenant), (filter_.environment, scope.environment)):
        if asked is not None and seen is not None and asked != seen:
            return replace(filter_, statuses=(), run_id="", tenant=scope.tenant, environment=scope.environment)
    return replace(
        filter_,
        tenant=scope.tenant if scope.tenant is not None else filter_.tenant,
        environment=scope.environment if scope.environment is not None else filter_.environment,
    )


def merged(row: Execution, now: Execution) -> Execution:
    """What Temporal says now, with what only the index knows."""
    return replace(
        now,
        previous_run_id=now.previous_run_id or row.previous_run_id,
        next_run_id=now.next_run_id or row.next_run_id,
        failure_type=now.failure_type or row.failure_type,
        failure_message=now.failure_message or row.failure_message,
    )
