"""Registered workflow types."""

from __future__ import annotations

import strawberry

from app.api.context import Info
from app.api.types.definition import WorkflowDefinition


@strawberry.type
class DefinitionQuery:
    @strawberry.field(description="The registered workflow types.")
    @staticmethod
    def workflow_types(info: Info) -> list[WorkflowDefinition]:
        return [WorkflowDefinition.of(each) for each in info.context.gateway.registry.definitions]

    @strawberry.field(description="One registered workflow type; null where there is none of that name.")
    @staticmethod
    def workflow_type(info: Info, name: str) -> WorkflowDefinition | None:
        known = info.context.gateway.registry.find(name)
        return WorkflowDefinition.of(known) if known else None
