"""Alerts."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app import model
from app.alerting import AlertKind, Severity
from app.api.connections import Connection
from app.api.context import Info
from app.api.node import Node
from app.api.scalars import Cursor
from app.api.types.execution import WorkflowExecution
from app.gateway.seeing import said, shown
from app.store.alerts import Alert as AlertValue

Root = strawberry.Parent[AlertValue]


@strawberry.type(description="Something that an operator's rule holds against; open until resolvedAt.")
class Alert(Node):
    rule: str = strawberry.field(description="The rule's name in the operator's file.")
    kind: AlertKind
    severity: Severity

    @strawberry.field(description="The workflow type, workflow id, task queue or namespace it is about.")
    @staticmethod
    def name(root: Root) -> str:
        return shown(root.name) if root.name == root.workflow_id else root.name

    @strawberry.field(description="A sentence for a person.")
    @staticmethod
    def message(root: Root) -> str:
        return said(root.message)

    value: float = strawberry.field(description="What was measured, in the unit of the threshold.")
    threshold: float
    raised_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = strawberry.field(description="Null while it is open.")
    namespace: str | None
    tenant: str | None = strawberry.field(description="Null for what concerns every tenant, such as a task queue.")
    environment: str | None

    @strawberry.field(description="Null unless it is about one run.")
    @staticmethod
    def workflow_id(root: Root) -> str | None:
        return root.workflow_id and shown(root.workflow_id)

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, AlertValue)

    @strawberry.field
    @staticmethod
    def run_id(root: Root) -> strawberry.ID | None:
        return strawberry.ID(root.run_id) if root.run_id else None

    @strawberry.field(
        graphql_type=WorkflowExecution | None,
        description="The run it is about; null where it is about none, or the run is gone.",
    )
    @staticmethod
    async def execution(root: Root, info: Info) -> model.Execution | None:
        if not (root.namespace and root.workflow_id and root.run_id):
            return None
        return await info.context.loaders.executions.load(
            model.ExecutionRef(root.namespace, root.workflow_id, root.run_id)
        )


@strawberry.type
class AlertEdge:
    node: Alert
    cursor: Cursor


@strawberry.type(description="A page of alerts.")
class AlertConnection(Connection):
    edges: list[AlertEdge]
    nodes: list[Alert]
