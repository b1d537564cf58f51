"""Registered workflow types."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from app import registry
from app.api.context import Info
from app.api.types.definition import WorkflowDefinition


@strawberry.type
class DefinitionQuery:
    @strawberry.field(
        graphql_type=list[WorkflowDefinition], description="The registered workflow types that can be started."
    )
    @staticmethod
    def workflow_types(info: Info) -> Sequence[registry.WorkflowDefinition]:
        return [each for each in info.context.gateway.registry.definitions if not each.is_ours]

    @strawberry.field(
        graphql_type=WorkflowDefinition | None,
        description="One registered workflow type; null where there is none of that name.",
    )
    @staticmethod
    def workflow_type(info: Info, name: str) -> registry.WorkflowDefinition | None:
        return info.context.gateway.registry.find(name)
