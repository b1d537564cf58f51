"""The record of who did what: an act that cannot be written down does not happen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from app import metrics
from app.errors import BadUserInput, NotFound, Refusal, TidelineError
from app.gateway.caller import Caller, Refused
from app.log import logger
from app.model import Json
from app.store.audit import REQUESTED, Audit, AuditEntry
from app.temporal.connection import NotSupported

log = logger(__name__)
T = TypeVar("T")

_MOST_LATE = 1000
_LATE_FOR_SECONDS = 300.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0


class Recording:
    def __init__(self, audit: Audit, default_namespace: str) -> None:
        self._audit = audit
        self._default_namespace = default_namespace
        self._late: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def recorded(self, entry: AuditEntry) -> AsyncIterator[None]:
        """Write down what is about to happen, then how it went. Without the first, it does not happen."""
        position = await self.record(entry)
        outcome = "OK"
        try:
            yield
        except Exception as error:
            outcome = outcome_of(error)
            if isinstance(error, Refused) or (refusals := refusals_of(error)) is None:
                raise
            raise Refused(*refusals) from error
        except BaseException:
            outcome = "UNKNOWN"
            raise
        finally:
            concluded = replace(entry, outcome=outcome)
            await self.written(entry.action, lambda: self.record(concluded, position))

    async def refused(self, entry: AuditEntry, outcome: str, position: int | None = None) -> None:
        """Write down what was refused before anything was done; `position` is that of its REQUESTED, if there is one.
        Raises as `Database` does: nothing goes unrecorded."""
        if position is None:
            position = await self.record(entry)
        await self.record(replace(entry, outcome=outcome), position)

    async def unreadable(self, caller: Caller, action: str, error: BadUserInput) -> tuple[Refusal]:
        """The refusal of a request of which it is not even clear what is wanted, once it is written down."""
        await self.refused(self.entry(caller, action, None, None, {}), outcome_of(error))
        return (Refusal.of_input(error),)

    async def record(self, entry: AuditEntry, concludes: int | None = None) -> int | None:
        return await self._audit.record(entry, concludes)

    async def written(self, action: str, write: Callable[[], Awaitable[T]]) -> T | None:
        """What `write` returns; None where the database is away. Then it is tried again for some minutes, as long as
        not too many wait, and until it succeeds the act stands in the audit without an outcome."""
        try:
            return await write()
        except TidelineError as error:
            metrics.OUTCOMES_LATE.inc()
            if len(self._late) >= _MOST_LATE:
                log.error("the outcome of an action is not in the audit", action=action, reason=error.message)
                return None
            log.warning("the outcome of an action is not written yet", action=action, reason=error.message)
        task = asyncio.create_task(self._later(action, write), name=f"outcome of {action}")
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return None

    async def _later(self, action: str, write: Callable[[], Awaitable[object]]) -> None:
        clock = asyncio.get_running_loop()
        pause, until = _FIRST_PAUSE, clock.time() + _LATE_FOR_SECONDS
        while clock.time() < until:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            try:
                await write()
            except TidelineError:
                continue
            return
        log.error("the outcome of an action is not in the audit", action=action)

    async def close(self) -> None:
        """Give up on what could not be written: the acts stay without an outcome, which the audit shows."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    def entry(
        self,
        caller: Caller,
        action: str,
        namespace: str | None,
        workflow_id: str | None,
        detail: Mapping[str, Json],
        run_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> AuditEntry:
        identity = caller.identity
        return AuditEntry(
            identity=identity.subject,
            action=action,
            outcome=REQUESTED,
            namespace=namespace or self._default_namespace,
            workflow_id=workflow_id,
            run_id=run_id,
            tenant=identity.tenant,
            environment=identity.environment,
            request_id=caller.request_id,
            detail=detail if caller.batch is None else {**detail, "batch": caller.batch},
            address=caller.address,
            idempotency_key=idempotency_key,
            api_key=identity.credential.key_id,
        )


def refusals_of(error: Exception) -> tuple[Refusal, ...] | None:
    """What the caller can mend; None for an outage, a deadline or a fault."""
    match error:
        case Refused():
            return error.refusals
        case Refusal():
            return (error,)
        case BadUserInput():
            return (Refusal.of_input(error),)
        case NotFound() | NotSupported():
            return (Refusal(error.code, error.message, path=error.path),)
    return None


def outcome_of(error: Exception) -> str:
    """The code of the first refusal, or of the error; UNKNOWN for a fault."""
    if refusals := refusals_of(error):
        return refusals[0].reason
    return error.code if isinstance(error, TidelineError) else "UNKNOWN"
