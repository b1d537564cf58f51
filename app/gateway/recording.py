"""The record of who did what: an act that cannot be written down does not happen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from app.errors import BadUserInput, NotFound, Refusal, TidelineError
from app.gateway.caller import Caller, Refused
from app.log import logger
from app.model import Json
from app.store.audit import Audit, AuditEntry

log = logger(__name__)


class Recording:
    def __init__(self, audit: Audit, default_namespace: str) -> None:
        self._audit = audit
        self._default_namespace = default_namespace

    @asynccontextmanager
    async def recorded(self, entry: AuditEntry) -> AsyncIterator[None]:
        """Write down what is about to happen, then how it went. Without the first, it does not happen."""
        await self._audit.record(replace(entry, outcome="REQUESTED"))
        outcome = "OK"
        try:
            yield
        except Refused as refused:
            outcome = refused.refusals[0].reason
            raise
        except Refusal as refusal:
            outcome = refusal.reason
            raise Refused(refusal) from refusal
        except BadUserInput as error:
            outcome = "INVALID_INPUT"
            raise Refused(Refusal(outcome, error.message, path=error.path)) from error
        except NotFound as error:
            outcome = "NOT_FOUND"
            raise Refused(Refusal(outcome, error.message, path=error.path)) from error
        except TidelineError as error:
            outcome = error.code
            raise
        except BaseException:
            outcome = "UNKNOWN"
            raise
        finally:
            await self._conclude(replace(entry, outcome=outcome))

    async def _conclude(self, entry: AuditEntry) -> None:
        try:
            await self._audit.record(entry)
        except TidelineError as error:
            log.error("the outcome of an action is not in the audit", action=entry.action, reason=error.message)

    def entry(
        self,
        caller: Caller,
        action: str,
        namespace: str | None,
        workflow_id: str | None,
        detail: Mapping[str, Json],
    ) -> AuditEntry:
        identity = caller.identity
        return AuditEntry(
            identity=identity.subject,
            action=action,
            outcome="REQUESTED",
            namespace=namespace or self._default_namespace,
            workflow_id=workflow_id,
            tenant=identity.tenant,
            environment=identity.environment,
            request_id=caller.request_id,
            detail={**detail, "address": caller.address},
        )
