"""Reading one's own write: what an act changes goes to the index behind its answer, and a later list waits for it.

A list on the same gateway waits for all that its caller may see; anywhere else, for what its token stands for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from app.access import Identity, Scope
from app.cursors import foreign, seal, unseal
from app.errors import DeadlineExceeded, NotFound, TidelineError
from app.log import logger
from app.model import Execution, ExecutionRef
from app.store.executions import Executions
from app.temporal import reads
from app.temporal.connection import Temporal

log = logger(__name__)

KIND = "consistency"
WAIT_SECONDS = 5.0
_MOST_WRITING = 1000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5


class Written(NamedTuple):
    """A run as a mutation left it. `status` is empty for one that was deleted. `tenant` and `environment` are those of
    whoever wrote."""

    namespace: str
    workflow_id: str
    run_id: str
    status: str
    tenant: str
    environment: str

    @property
    def ref(self) -> ExecutionRef:
        return ExecutionRef(self.namespace, self.workflow_id, self.run_id)


def token_of(execution: Execution) -> str:
    """What a list takes as consistencyToken."""
    return seal(KIND, Written(*_key(execution.ref), str(execution.status), execution.tenant, execution.environment))


def token_of_deleted(identity: Identity, ref: ExecutionRef) -> str:
    return seal(KIND, Written(*_key(ref), "", identity.tenant, identity.environment))


def _key(ref: ExecutionRef) -> tuple[str, str, str]:
    return ref.namespace, ref.workflow_id, ref.run_id


class Consistency:
    """Where the index does not have what a token stands for, the run is read from Temporal and put there, unless
    somebody else comes first. `announce` tells other processes that the index has changed."""

    def __init__(
        self,
        temporal: Temporal,
        executions: Executions,
        announce: Callable[[], Awaitable[object]],
        wait: float = WAIT_SECONDS,
    ) -> None:
        self._wait = wait
        self._temporal = temporal
        self._executions = executions
        self._announce = announce
        self._writing: dict[asyncio.Task[None], Sequence[Execution]] = {}

    async def put(self, rows: Sequence[Execution]) -> None:
        """Have runs written to the index; returns at once, unless very many wait. What cannot be written, the indexer
        finds."""
        if not rows:
            return
        task = asyncio.create_task(self._put(rows), name="runs for the index")
        self._writing[task] = rows
        task.add_done_callback(self._writing.pop)
        if len(self._writing) > _MOST_WRITING:
            await asyncio.wait([task])

    async def _put(self, rows: Sequence[Execution]) -> None:
        try:
            await self.write(rows)
        except TidelineError as error:
            log.warning("changed runs are left to the indexer", count=len(rows), reason=error.message)

    async def settled(self, scope: Scope) -> None:
        """Return when what was put here is in the index, as far as the scope has it; or after the longest wait."""
        writing = [
            task
            for task, rows in self._writing.items()
            if any(scope.covers(row.tenant, row.environment) for row in rows)
        ]
        if writing:
            await asyncio.wait(writing, timeout=self._wait)

    async def close(self) -> None:
        """Let what is being written come to its end."""
        if self._writing:
            _, late = await asyncio.wait(self._writing, timeout=self._wait)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def reached(self, identity: Identity, token: str | None) -> None:
        """Return once the index has what the token stands for. BadUserInput for another text, and in the same words
        for another tenant's token; DeadlineExceeded where that takes too long."""
        await self.settled(identity.scope)
        if token is None:
            return
        written = unseal(KIND, Written, token, argument="consistencyToken")
        is_theirs = identity.scope.covers(written.tenant, written.environment)
        if written.namespace not in self._temporal.namespaces or not is_theirs:
            raise foreign("consistencyToken")
        try:
            async with asyncio.timeout(self._wait):
                await self._indexed(identity, written)
        except TimeoutError:
            raise DeadlineExceeded(
                f"The index does not have the change of workflow {written.workflow_id!r} yet, after"
                f" {self._wait:g} s. Ask again with the same consistencyToken."
            ) from None

    async def _indexed(self, identity: Identity, written: Written) -> None:
        pause = _FIRST_PAUSE
        while not await self._has(written):
            try:
                await self.write([await self._asked(identity, written)])
            except TidelineError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return

    async def _has(self, written: Written) -> bool:
        try:
            row = await self._executions.get(written.ref)
        except TidelineError:
            return False
        if row is None or not written.status:
            return row is None and not written.status
        return row.status == written.status or row.status.is_closed

    async def _asked(self, identity: Identity, written: Written) -> Execution:
        """A token says whose it is, but anybody could write one: what is another's is not there."""
        found = (await reads.describe(self._temporal, *_key(written.ref))).execution
        if not identity.scope.covers(found.tenant, found.environment):
            raise NotFound(f"There is no workflow {written.workflow_id!r}.")
        return found

    async def write(self, rows: Sequence[Execution]) -> None:
        """Put runs into the index and tell the others."""
        if await self._executions.record(rows):
            await self._announce()
