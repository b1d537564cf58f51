"""What mutations are given."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.starts import KEY


@strawberry.input
class SignalWorkflowInput:
    workflow_id: str
    run_id: strawberry.ID | None = strawberry.field(default=None, description="The latest run where not given.")
    namespace: str | None = None
    signal_name: str
    args: list[JSON] | None = None
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input
class CancelWorkflowInput:
    workflow_id: str
    run_id: strawberry.ID | None = strawberry.field(default=None, description="The latest run where not given.")
    namespace: str | None = None
    reason: str = strawberry.field(default="", description="Kept in the run's history.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A run by name; without runId the latest.")
class WorkflowRef:
    workflow_id: str
    run_id: strawberry.ID | None = None
    namespace: str | None = None
