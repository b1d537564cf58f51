"""The audit: who did what."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from app.api.connections import Connection
from app.api.scalars import Cursor
from app.gateway.seeing import shown
from app.store.audit import Act

Root = strawberry.Parent[Act]


@strawberry.type(description="One mutation that somebody sent, allowed or refused. It cannot be changed or removed.")
class AuditRecord:
    at: datetime
    concluded_at: datetime | None = strawberry.field(
        description="When its outcome was written; null where that is not known, so that it may have happened."
    )

    @strawberry.field
    @staticmethod
    def id(root: Root) -> strawberry.ID:
        return strawberry.ID(f"Audit:{root.position}")

    @strawberry.field(description="Who.")
    @staticmethod
    def identity(root: Root) -> str:
        return root.entry.identity

    @strawberry.field(description="The API key that they came with; null where it was something else.")
    @staticmethod
    def api_key_id(root: Root) -> strawberry.ID | None:
        return strawberry.ID(root.entry.api_key) if root.entry.api_key else None

    @strawberry.field(description="From where.")
    @staticmethod
    def address(root: Root) -> str | None:
        return root.entry.address

    @strawberry.field(description="The mutation's field; startWorkflow for every typed start.")
    @staticmethod
    def action(root: Root) -> str:
        return root.entry.action

    @strawberry.field(
        description=(
            "OK, REPEATED where its idempotencyKey was known and nothing was done, REQUESTED where the outcome is not"
            " known, or the code of the refusal or error."
        )
    )
    @staticmethod
    def outcome(root: Root) -> str:
        return root.entry.outcome

    @strawberry.field
    @staticmethod
    def namespace(root: Root) -> str | None:
        return root.entry.namespace

    @strawberry.field
    @staticmethod
    def workflow_id(root: Root) -> str | None:
        return root.entry.workflow_id and shown(root.entry.workflow_id)

    @strawberry.field
    @staticmethod
    def run_id(root: Root) -> strawberry.ID | None:
        return strawberry.ID(root.entry.run_id) if root.entry.run_id else None

    @strawberry.field
    @staticmethod
    def tenant(root: Root) -> str | None:
        return root.entry.tenant

    @strawberry.field
    @staticmethod
    def environment(root: Root) -> str | None:
        return root.entry.environment

    @strawberry.field(description="Of the HTTP request or WebSocket, as in X-Request-Id.")
    @staticmethod
    def request_id(root: Root) -> strawberry.ID | None:
        return strawberry.ID(root.entry.request_id) if root.entry.request_id else None

    @strawberry.field
    @staticmethod
    def idempotency_key(root: Root) -> str | None:
        return root.entry.idempotency_key

    @strawberry.field(graphql_type=JSON, description="What else was asked, such as the reason of a cancellation.")
    @staticmethod
    def detail(root: Root) -> object:
        return root.entry.detail


@strawberry.type
class AuditEdge:
    node: AuditRecord
    cursor: Cursor


@strawberry.type(description="A page of the audit; totalCount stops at 10000.")
class AuditConnection(Connection):
    edges: list[AuditEdge]
    nodes: list[AuditRecord]
