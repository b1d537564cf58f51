"""Registered workflow types."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from app import registry
from app.api.types.activity import RetryPolicy


@strawberry.type(description="An argument of a signal, query or update.")
class WorkflowArgument:
    name: str
    required: bool
    schema: JSON = strawberry.field(description="Its JSON Schema; an empty one takes anything.")


@strawberry.type(description="A signal, query or update that a workflow type declares.")
class WorkflowHandler:
    name: str
    description: str | None
    arguments: list[WorkflowArgument] | None = strawberry.field(
        description="In the order in which they are sent; null where the definition does not say."
    )


@strawberry.type(description="What a start uses where its caller says nothing. Null leaves Temporal's own default.")
class WorkflowDefaults:
    retry_policy: RetryPolicy | None
    memo: JSON

    @strawberry.field
    @staticmethod
    def execution_timeout_seconds(root: strawberry.Parent[registry.WorkflowDefinition]) -> float | None:
        return root.execution_timeout

    @strawberry.field
    @staticmethod
    def run_timeout_seconds(root: strawberry.Parent[registry.WorkflowDefinition]) -> float | None:
        return root.run_timeout

    @strawberry.field
    @staticmethod
    def task_timeout_seconds(root: strawberry.Parent[registry.WorkflowDefinition]) -> float | None:
        return root.task_timeout


@strawberry.type(description="What the registry knows of a workflow type: enough to draw a form and start it.")
class WorkflowDefinition:
    name: str
    description: str
    task_queue: str
    mutation: str | None = strawberry.field(
        description="The mutation that starts it with an input type of its own; null where only startWorkflow does."
    )
    phases: list[str]
    signals: list[WorkflowHandler]
    queries: list[WorkflowHandler]
    updates: list[WorkflowHandler]

    @strawberry.field(
        graphql_type=JSON | None,
        description="JSON Schema of its one argument; null where it takes none, or the definition does not say.",
    )
    @staticmethod
    def input_schema(root: strawberry.Parent[registry.WorkflowDefinition]) -> object:
        return root.json_schema

    @strawberry.field(graphql_type=WorkflowDefaults)
    @staticmethod
    def defaults(root: strawberry.Parent[registry.WorkflowDefinition]) -> registry.WorkflowDefinition:
        return root
