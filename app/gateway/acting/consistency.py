"""Reading one's own write: a later list waits until the index has it.

A list on the same gateway waits for all that its caller may see; anywhere else, for what its token stands for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from app.access import Identity
from app.cursors import foreign, seal, unseal
from app.errors import DeadlineExceeded, NotFound, TidelineError
from app.gateway.acting.rows import Rows
from app.model import Execution, ExecutionRef
from app.store.executions import Executions
from app.temporal import reads
from app.temporal.connection import Temporal

KIND = "consistency"
WAIT_SECONDS = 5.0
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

    def is_shown_by(self, row: Execution | None) -> bool:
        """Whether the index, which has this row of it, has the change."""
        if row is None or not self.status:
            return row is None and not self.status
        return row.status == self.status or row.status.is_closed


def _opened(token: str) -> Written:
    return unseal(KIND, Written, token, argument="consistencyToken")


def token_of(execution: Execution) -> str:
    """What a list takes as consistencyToken."""
    return seal(KIND, Written(*_key(execution.ref), str(execution.status), execution.tenant, execution.environment))


def token_of_deleted(identity: Identity, ref: ExecutionRef) -> str:
    return seal(KIND, Written(*_key(ref), "", identity.tenant, identity.environment))


def _key(ref: ExecutionRef) -> tuple[str, str, str]:
    return ref.namespace, ref.workflow_id, ref.run_id


class Consistency:
    """Where the index does not have what a token stands for, the run is read from Temporal and put there, unless
    somebody else comes first. It stands for its run, and for the end of those of the id that were before it. What
    is gone, as what never was or is another's, is not waited for."""

    def __init__(
        self,
        temporal: Temporal,
        executions: Executions,
        rows: Rows,
        wait: float = WAIT_SECONDS,
    ) -> None:
        self.rows = rows
        self._wait = wait
        self._temporal = temporal
        self._executions = executions

    async def reached(self, identity: Identity, token: str | None) -> None:
        """Return once the index has what the token stands for. BadUserInput for another text, and in the same words
        for another tenant's token; DeadlineExceeded where that takes too long."""
        await self.rows.settled(identity.scope)
        if token is None:
            return
        written = _opened(token)
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

    async def all_reached(self, identity: Identity, tokens: Sequence[str]) -> None:
        """As `reached`, for many of acts on this gateway: what the index has of their runs is read in one statement."""
        await self.rows.settled(identity.scope)
        written = [_opened(token) for token in tokens]
        rows = await self._executions.many([each.ref for each in written])
        for each, token in zip(written, tokens, strict=True):
            if not each.is_shown_by(rows.get(each.ref)):
                await self.reached(identity, token)

    async def _indexed(self, identity: Identity, written: Written) -> None:
        pause = _FIRST_PAUSE
        while missing := await self._missing(written):
            try:
                found = [await self._asked(identity, ref) for ref in missing]
                await self.rows.write([each for each in found if each is not None])
            except TidelineError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return

    async def _missing(self, written: Written) -> list[ExecutionRef]:
        """The runs that the index has to be told: the one of the token, and those that had to close for it."""
        try:
            row = await self._executions.get(written.ref)
            missing = await self._executions.outdated(written.ref) if written.status else []
        except TidelineError:
            return [written.ref]
        return missing if written.is_shown_by(row) else [written.ref, *missing]

    async def _asked(self, identity: Identity, ref: ExecutionRef) -> Execution | None:
        """None for one that has been deleted since: there is nothing to wait for. A token says whose it is, but anybody
        could write one: what is another's is not there."""
        try:
            found = (await reads.describe(self._temporal, ref.namespace, ref.workflow_id, ref.run_id)).execution
        except NotFound:
            return None
        return found if identity.scope.covers(found.tenant, found.environment) else None
