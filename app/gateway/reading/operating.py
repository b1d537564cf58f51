"""Operating: what a cluster holds besides runs. Only its overseers see what belongs to no tenant; to others it is
not there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from app.access import Action, Identity, Target, may, oversees, require, sees
from app.access.workflow_ids import SHARED, WorkflowIds
from app.cluster import Batch, Cluster, Namespace, Schedule, ScheduleDetail, SearchAttribute, TaskQueue, Worker
from app.cluster import WorkerDetail as Detail
from app.errors import BadUserInput, NotFound
from app.gateway.reading.batch_reading import BatchReading
from app.temporal import batches, cluster, queues, schedules, workers
from app.temporal.connection import NotSupported, Temporal
from app.temporal.pages import LARGEST_PAGE, Listed, Place, Walk

_OWN = ""
"""In the place of a namespace: what Tideline keeps itself."""


async def _nothing(_: str, __: int, ___: bytes) -> tuple[Sequence[Batch], bytes]:
    return (), b""


def _reads(identity: Identity, schedule: Schedule) -> bool:
    """Whether the runs that it starts are of a type that the caller sees."""
    target = Target(workflow_type=schedule.workflow_type, tenant=schedule.tenant, environment=schedule.environment)
    return may(identity, Action.READ, target)


class Operating:
    def __init__(self, temporal: Temporal, own: BatchReading, ids: WorkflowIds = SHARED) -> None:
        self._temporal = temporal
        self._own = own
        self._ids = ids

    def namespaces_of(self, namespace: str | None) -> tuple[str, ...]:
        """The one that is meant, or all; BadUserInput for one that this gateway does not serve."""
        served = self._temporal.namespaces
        if namespace is None:
            return served
        if namespace not in served:
            raise BadUserInput(
                f"This gateway does not serve namespace {namespace!r}, only {', '.join(served)}.", path=("namespace",)
            )
        return (namespace,)

    async def schedules(
        self, identity: Identity, namespace: str | None, query: str, limit: int, after: Place | None
    ) -> Listed[Schedule]:
        """Schedules that the caller may see, namespace by namespace, each in the order of visibility."""
        require(identity, Action.READ)
        return await self._schedules(identity, namespace, query).page(limit, after)

    async def count_schedules(self, identity: Identity, namespace: str | None, query: str) -> int:
        require(identity, Action.READ)
        if oversees(identity) and not identity.is_bounded:
            counted = await self._counted(
                namespace, lambda each: schedules.count_schedules(self._temporal, each, query)
            )
            if counted is not None:
                return counted
        return await self._schedules(identity, namespace, query).count()

    def _schedules(self, identity: Identity, namespace: str | None, query: str) -> Walk[Schedule]:
        everything = oversees(identity)

        async def read(chosen: str, size: int, token: bytes) -> tuple[Sequence[Schedule], bytes]:
            # A tenant's own may be few among many: they are looked for in larger pages.
            size = size if everything else max(size, LARGEST_PAGE)
            return await schedules.list_schedules(self._temporal, chosen, query, size, token)

        return Walk(
            self.namespaces_of(namespace),
            read,
            key=lambda each: each.schedule_id,
            belongs=lambda each: sees(identity, each.tenant, each.environment) and _reads(identity, each),
        )

    async def schedule(self, identity: Identity, namespace: str | None, schedule_id: str) -> ScheduleDetail | None:
        """The schedule that a caller means; None where there is none that it may see."""
        for meant in self._ids.meant(identity, schedule_id):
            if (found := await self.schedule_of(identity, self._one(namespace), meant)) is not None:
                return found
        return None

    async def schedule_of(self, identity: Identity, namespace: str, schedule_id: str) -> ScheduleDetail | None:
        """A schedule by its id in Temporal; None where there is none that the caller may see."""
        require(identity, Action.READ)
        try:
            found = await schedules.describe_schedule(self._temporal, namespace, schedule_id)
        except NotFound:
            return None
        is_seen = sees(identity, found.schedule.tenant, found.schedule.environment)
        return found if is_seen and _reads(identity, found.schedule) else None

    async def task_queue(self, identity: Identity, namespace: str | None, name: str) -> TaskQueue | None:
        require(identity, Action.READ)
        chosen = self._one(namespace)
        if not name:
            raise BadUserInput("name is empty: give the name of a task queue.", path=("name",))
        return await queues.describe_queue(self._temporal, chosen, name) if oversees(identity) else None

    async def workers(
        self, identity: Identity, namespace: str | None, task_queue: str | None, limit: int, after: Place | None
    ) -> Listed[Worker]:
        require(identity, Action.READ)
        walk = self._workers(namespace, task_queue)
        return await walk.page(limit, after) if oversees(identity) else Listed((), has_next=False)

    async def count_workers(self, identity: Identity, namespace: str | None, task_queue: str | None) -> int:
        if not oversees(identity):
            return 0
        query = workers.query_of(task_queue)
        counted = await self._counted(namespace, lambda each: workers.count_workers(self._temporal, each, query))
        return counted if counted is not None else await self._workers(namespace, task_queue).count()

    def _workers(self, namespace: str | None, task_queue: str | None) -> Walk[Worker]:
        query = workers.query_of(task_queue)

        async def read(chosen: str, size: int, token: bytes) -> tuple[Sequence[Worker], bytes]:
            return await workers.list_workers(self._temporal, chosen, query, size, token)

        return Walk(self.namespaces_of(namespace), read, key=lambda each: each.key)

    async def worker(self, worker: Worker) -> Detail:
        """The last heartbeat of a worker that the caller may see."""
        return await workers.describe_worker(self._temporal, worker.namespace, worker.key)

    async def batches(
        self, identity: Identity, namespace: str | None, limit: int, after: Place | None
    ) -> Listed[Batch]:
        """Tideline's own that the caller may see, newest first, then Temporal's, namespace by namespace."""
        require(identity, Action.READ)
        return await self._batches(identity, namespace).page(limit, after)

    async def count_batches(self, identity: Identity, namespace: str | None) -> int:
        return await self._batches(identity, namespace).count()

    def _batches(self, identity: Identity, namespace: str | None) -> Walk[Batch]:
        async def read(chosen: str, size: int, token: bytes) -> tuple[Sequence[Batch], bytes]:
            if chosen == _OWN:
                return await self._own_batches(identity, size, token)
            return await batches.list_batches(self._temporal, chosen, size, token)

        asked = self.namespaces_of(namespace)
        own = (_OWN,) if self._temporal.default_namespace in asked else ()
        places = (*own, *(asked if oversees(identity) else ()))
        return Walk(places or (_OWN,), read if places else _nothing, key=lambda each: each.job_id)

    async def _own_batches(self, identity: Identity, size: int, token: bytes) -> tuple[Sequence[Batch], bytes]:
        started, _, job_id = token.decode().partition(" ")
        after = (datetime.fromisoformat(started), job_id) if token else None
        found = await self._own.page(identity, size, after)
        last = found[-1] if len(found) == size else None
        return found, f"{last.start_time.isoformat()} {last.job_id}".encode() if last and last.start_time else b""

    async def batch(self, identity: Identity, namespace: str | None, job_id: str) -> Batch | None:
        """One job; None where there is none that the caller may see."""
        require(identity, Action.READ)
        chosen = self._one(namespace)
        if (own := await self._own.one(identity, job_id)) is not None:
            return own
        if not oversees(identity):
            return None
        try:
            return await batches.describe_batch(self._temporal, chosen, job_id)
        except NotFound:
            return None

    async def namespaces(self, identity: Identity) -> list[Namespace]:
        """Those that this gateway serves."""
        require(identity, Action.READ)
        if not oversees(identity):
            return []
        return await asyncio.gather(
            *(cluster.describe_namespace(self._temporal, each) for each in self._temporal.namespaces)
        )

    async def search_attributes(self, identity: Identity, namespace: str | None) -> list[SearchAttribute]:
        require(identity, Action.READ)
        chosen = self._one(namespace)
        return await cluster.search_attributes(self._temporal, chosen) if oversees(identity) else []

    async def cluster(self, identity: Identity) -> Cluster | None:
        require(identity, Action.READ)
        return await cluster.describe_cluster(self._temporal) if oversees(identity) else None

    def _one(self, namespace: str | None) -> str:
        return self.namespaces_of(namespace or self._temporal.default_namespace)[0]

    async def _counted(self, namespace: str | None, count: Callable[[str], Awaitable[int]]) -> int | None:
        """The sum over the namespaces; None where the server does not count."""
        try:
            return sum(await asyncio.gather(*(count(each) for each in self.namespaces_of(namespace))))
        except NotSupported:
            return None
