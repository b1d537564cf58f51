"""What mutations are given."""

from __future__ import annotations

import strawberry


@strawberry.input(description="A run by name; without runId the latest.")
class WorkflowRef:
    workflow_id: str
    run_id: strawberry.ID | None = None
    namespace: str | None = None
