"""What an act has changed, written into the index at once, so that its caller finds its own write there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from app.errors import DatabaseUnavailable
from app.log import logger
from app.model import Execution, ExecutionRef
from app.store.executions import Executions
from app.temporal import reads
from app.temporal.connection import Temporal

log = logger(__name__)


class Writing:
    def __init__(self, temporal: Temporal, executions: Executions, announce: Callable[[], Awaitable[object]]) -> None:
        self._temporal = temporal
        self._executions = executions
        self._announce = announce

    async def written(self, ref: ExecutionRef) -> Execution:
        """The run as Temporal describes it now, and as the index has it from now on."""
        execution = (await reads.describe(self._temporal, ref.namespace, ref.workflow_id, ref.run_id)).execution
        await self.write([execution])
        return execution

    async def write(self, executions: Sequence[Execution]) -> None:
        try:
            if await self._executions.record(executions):
                await self._announce()
        except DatabaseUnavailable as error:
            # It has happened; the indexer will find it.
            names = [each.workflow_id for each in executions]
            log.warning("a change is not indexed yet", workflow_ids=names, reason=error.message)

    async def forget(self, ref: ExecutionRef) -> bool:
        """Remove a run and its archive for good; False where it was not indexed. Raises as `Database` does."""
        gone = await self._executions.erase(ref)
        if gone:
            await self._announce()
        return gone
