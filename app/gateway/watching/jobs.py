"""Following batch jobs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable
from dataclasses import dataclass

from app.access import Identity
from app.cluster import Batch
from app.errors import NotFound
from app.gateway.reading.operating import Operating
from app.hub.job import Job
from app.hub.kept import Keeping


@dataclass(frozen=True, slots=True)
class JobStep:
    """A job as it is now; `place` is the same for everybody who sees the same."""

    place: Hashable
    batch: Batch


class Jobs:
    def __init__(self, operating: Operating) -> None:
        self._operating = operating
        self._keeping: Keeping[Job] = Keeping()

    async def follow(self, identity: Identity, namespace: str | None, job_id: str) -> AsyncGenerator[JobStep, None]:
        """The job now and whenever it has changed, until it has ended. NotFound where there is none that the caller
        may see."""
        first = await self._batch(identity, namespace, job_id)

        async def describe() -> Batch:
            return await self._batch(identity, first.namespace, job_id)

        async with self._keeping.joined((first.namespace, job_id), lambda: Job(describe)) as job:
            version = 0
            while await job.moved(version):
                version = job.version
                yield JobStep((job.serial, version), job.value)

    async def _batch(self, identity: Identity, namespace: str | None, job_id: str) -> Batch:
        found = await self._operating.batch(identity, namespace, job_id)
        if found is None:
            raise NotFound(f"There is no batch operation {job_id!r}.", path=("jobId",))
        return found

    async def close(self) -> None:
        await self._keeping.close()
