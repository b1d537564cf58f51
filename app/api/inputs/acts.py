"""What mutations are given."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.values import json_object
from app.gateway.starting import StartWanted


@strawberry.input
class StartWorkflowInput:
    workflow_type: str
    workflow_id: str | None = strawberry.field(default=None, description="Made up where it is not given.")
    input: list[JSON] | None = strawberry.field(
        default=None, description="The workflow's arguments; one object for most."
    )
    task_queue: str | None = strawberry.field(default=None, description="From the registry where it is not given.")
    namespace: str | None = None
    metadata: JSON | None = strawberry.field(default=None, description="An object, by which runs can be searched.")
    memo: JSON | None = None
    search_attributes: JSON | None = None
    summary: str | None = strawberry.field(default=None, description="Temporal's static summary, one line.")
    details: str | None = strawberry.field(default=None, description="Temporal's static details, Markdown.")
    execution_timeout_seconds: float | None = None
    run_timeout_seconds: float | None = None
    task_timeout_seconds: float | None = None
    start_delay_seconds: float | None = None

    def value(self) -> StartWanted:
        return StartWanted(
            workflow_type=self.workflow_type,
            workflow_id=self.workflow_id,
            input=self.input or [],
            task_queue=self.task_queue,
            namespace=self.namespace,
            metadata=json_object(self.metadata, ("metadata",)),
            memo=json_object(self.memo, ("memo",)),
            search_attributes=json_object(self.search_attributes, ("searchAttributes",)),
            summary=self.summary,
            details=self.details,
            execution_timeout=self.execution_timeout_seconds,
            run_timeout=self.run_timeout_seconds,
            task_timeout=self.task_timeout_seconds,
            start_delay=self.start_delay_seconds,
        )


@strawberry.input(description="A run by name; without runId the latest.")
class WorkflowRef:
    workflow_id: str
    run_id: strawberry.ID | None = None
    namespace: str | None = None
