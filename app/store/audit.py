"""Who did what: an append-only log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.model import Json
from app.store.database import Database


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. `action` is the mutation's field, `outcome` is OK or the code of the refusal or error."""

    identity: str
    action: str
    outcome: str
    namespace: str | None = None
    workflow_id: str | None = None
    run_id: str | None = None
    tenant: str | None = None
    environment: str | None = None
    request_id: str | None = None
    detail: Mapping[str, Json] = field(default_factory=dict)


class Audit:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, entry: AuditEntry) -> None:
        await self._database.execute(
            "insert into audit (identity, action, outcome, namespace, workflow_id, run_id, tenant,"
            " environment, request_id, detail) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            entry.identity,
            entry.action,
            entry.outcome,
            entry.namespace,
            entry.workflow_id,
            entry.run_id,
            entry.tenant,
            entry.environment,
            entry.request_id,
            entry.detail,
        )
