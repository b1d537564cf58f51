"""Reading batches: within what the caller may see, and as they stand."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.access import Identity, oversees
from app.cluster import Batch, BatchState
from app.model import WorkflowStatus
from app.store.batches import Batches, FailedItem, StoredBatch, told
from app.store.executions import Executions


class BatchReading:
    def __init__(self, batches: Batches, executions: Executions) -> None:
        self._batches = batches
        self._executions = executions

    async def one(self, identity: Identity, job_id: str) -> Batch | None:
        """None where there is none that the caller may see."""
        found = await self.found(identity, job_id)
        return (await self._shown([found]))[0] if found else None

    async def page(self, identity: Identity, limit: int, after: tuple[datetime, str] | None = None) -> list[Batch]:
        """Newest first, behind a start and a job id."""
        scope = identity.scope
        if not oversees(identity) and scope.tenant is None:
            return []
        return await self._shown(await self._batches.page(scope.tenant, scope.environment, limit, after))

    async def failures(self, job_id: str) -> Sequence[FailedItem]:
        """The first runs on which a batch failed; the caller may see it already."""
        return await self._batches.failures(job_id)

    async def found(self, identity: Identity, job_id: str) -> StoredBatch | None:
        """As it was written down; None where there is none that the caller may see."""
        try:
            stored = await self._batches.get(str(uuid.UUID(job_id)))
        except ValueError:
            return None  # Temporal's jobs may have any name.
        if stored is None:
            return None
        scope, order = identity.scope, stored.order
        own = scope.tenant == order.tenant and scope.environment in {None, order.environment}
        return stored if oversees(identity) or (scope.tenant is not None and own) else None

    async def _shown(self, found: Sequence[StoredBatch]) -> list[Batch]:
        """As they stand; one whose workflow has ended without a word, such as by a termination, has ended too."""
        going = [(each.order.namespace, workflow_id_of(each.order.job_id)) for each in found if not each.is_closed]
        runs = await self._executions.newest(going)
        shown = []
        for each in found:
            batch = shown_of(each)
            run = runs.get((batch.namespace, workflow_id_of(batch.job_id)))
            if run is not None and run.status.is_closed and run.status is not WorkflowStatus.CONTINUED_AS_NEW:
                state = BatchState.COMPLETED if run.status is WorkflowStatus.COMPLETED else BatchState.FAILED
                state = BatchState.CANCELED if run.status is WorkflowStatus.CANCELED else state
                batch = replace(batch, state=state, close_time=run.close_time)
            shown.append(batch)
        return shown


def workflow_id_of(job_id: str) -> str:
    return f"batch-{job_id}"


def shown_of(found: StoredBatch) -> Batch:
    order = found.order
    return Batch(
        namespace=order.namespace,
        job_id=order.job_id,
        state=BatchState(found.state),
        operation=f"{order.mutation.removesuffix('Workflows').upper()}_WORKFLOW",
        start_time=found.started_at,
        close_time=found.closed_at,
        identity=str(order.requester["subject"]),
        reason=str(order.arguments.get("reason") or "") or None,
        total=found.total,
        completed=found.completed,
        failed=found.failed,
        skipped=found.skipped,
        problem=found.problem,
        filter=order.understood or told(order.filter),
        workflow_id=workflow_id_of(order.job_id),
    )
