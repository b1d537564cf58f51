"""Which acts of the audit."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.store import audit


@strawberry.input(description="Which acts. Everything given must hold.")
class AuditFilter:
    identity: str | None = None
    action: str | None = strawberry.field(default=None, description="A mutation's field, such as startWorkflow.")
    outcome: str | None = strawberry.field(
        default=None, description="OK, REPEATED, REQUESTED where the outcome is not known, or an error's code."
    )
    namespace: str | None = None
    workflow_id: str | None = None
    run_id: strawberry.ID | None = None
    request_id: strawberry.ID | None = None
    idempotency_key: str | None = None
    api_key_id: strawberry.ID | None = None
    tenant: str | None = None
    environment: str | None = None
    since: datetime | None = None
    until: datetime | None = strawberry.field(default=None, description="Acts before this time.")

    def value(self) -> audit.AuditFilter:
        return audit.AuditFilter(
            identity=self.identity,
            action=self.action,
            outcome=self.outcome,
            namespace=self.namespace,
            workflow_ids=() if self.workflow_id is None else (self.workflow_id,),
            run_id=self.run_id,
            request_id=self.request_id,
            idempotency_key=self.idempotency_key,
            api_key=self.api_key_id,
            tenant=self.tenant,
            environment=self.environment,
            since=self.since,
            until=self.until,
        )
