"""Which alerts."""

from __future__ import annotations

import strawberry

from app.alerting import AlertKind, Severity
from app.store import alerts


@strawberry.input(description="Which alerts. Everything given must hold; of a list, any one value.")
class AlertFilter:
    open: bool | None = strawberry.field(default=None, description="True: not resolved yet.")
    kind: list[AlertKind] | None = None
    severity: list[Severity] | None = None
    rule: str | None = None
    workflow_id: str | None = None
    tenant: str | None = None
    environment: str | None = None

    def value(self) -> alerts.AlertFilter:
        return alerts.AlertFilter(
            is_open=self.open,
            kinds=tuple(self.kind or ()),
            severities=tuple(self.severity or ()),
            rule=self.rule,
            workflow_ids=() if self.workflow_id is None else (self.workflow_id,),
            tenant=self.tenant,
            environment=self.environment,
        )
