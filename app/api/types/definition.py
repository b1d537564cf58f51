"""Registered workflow types."""

from __future__ import annotations

from typing import Self

import strawberry
from strawberry.scalars import JSON

from app.registry import WorkflowDefinition as Definition


@strawberry.type(description="What the registry knows of a workflow type: enough to draw a form and start it.")
class WorkflowDefinition:
    name: str
    description: str
    task_queue: str
    input_schema: JSON = strawberry.field(description="JSON Schema of its one argument.")
    phases: list[str]
    signals: list[str]
    queries: list[str]
    updates: list[str]

    @classmethod
    def of(cls, definition: Definition) -> Self:
        return cls(
            name=definition.name,
            description=definition.description,
            task_queue=definition.task_queue,
            input_schema=definition.json_schema,  # type: ignore[arg-type]
            phases=list(definition.phases),
            signals=list(definition.signals),
            queries=list(definition.queries),
            updates=list(definition.updates),
        )
