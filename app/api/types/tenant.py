"""Tenants, for those who manage them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import strawberry

from app import model
from app.access import Role
from app.api.connections import Connection
from app.api.context import Info
from app.api.scalars import Cursor
from app.api.types.api_key import ApiKey
from app.model import TenantStatus


@strawberry.type(description="The most that a tenant may use; null: any number.")
class TenantQuotas:
    open_workflows: int | None = strawberry.field(description="Runs that are open at once.")
    starts_per_minute: int | None = strawberry.field(description="Runs that are started within any sixty seconds.")
    subscriptions: int | None = strawberry.field(description="Subscriptions at once, in each gateway process.")
    api_keys: int | None = strawberry.field(description="API keys that hold.")


@strawberry.type(description="What a tenant uses now.")
class TenantUsage:
    open_workflows: int
    starts_last_minute: int
    api_keys: int

    @classmethod
    def of(cls, usage: model.TenantUsage) -> TenantUsage:
        return cls(open_workflows=usage.open_workflows, starts_last_minute=usage.starts, api_keys=usage.api_keys)


@strawberry.type(description="Who administers a tenant.")
class TenantAdministrator:
    name: str
    email: str
    api_key: ApiKey | None = strawberry.field(description="Null once it is forgotten.")


@strawberry.type(description="A tenant of which something is set. Others may use what they want.")
class Tenant:
    id: strawberry.ID
    status: TenantStatus
    status_reason: str | None = strawberry.field(description="Why it is suspended.")
    display_name: str | None
    company_name: str | None
    plan: str | None = strawberry.field(description="The plan that its quotas were made from.")
    environments: Sequence[str] = strawberry.field(description="Where its runs may be; empty: anywhere.")
    default_environment: str | None = strawberry.field(description="Of callers that see all of its environments.")
    task_queue: str | None = strawberry.field(description="Of starts that name none, of types that are not registered.")
    created_by: str | None
    created_at: datetime | None

    @strawberry.field(description="How long closed runs are kept; null: as the gateway's setting says, or for ever.")
    @staticmethod
    def archive_retention_days(root: strawberry.Parent[model.Tenant]) -> float | None:
        days = root.archive_retention_days
        return None if days is None or days == float("inf") else days

    @strawberry.field(description="That its API keys may have; null: all but PLATFORM.")
    @staticmethod
    def roles(root: strawberry.Parent[model.Tenant]) -> list[Role] | None:
        return None if root.roles is None else [Role(each) for each in root.roles]

    @strawberry.field
    @staticmethod
    def quotas(root: strawberry.Parent[model.Tenant]) -> TenantQuotas:
        return root.quotas  # type: ignore[return-value]  # the type's fields are its attributes

    @strawberry.field(description="Counted anew each time.")
    @staticmethod
    async def usage(root: strawberry.Parent[model.Tenant], info: Info) -> TenantUsage:
        return TenantUsage.of(await info.context.gateway.tenants.usage(root))

    @strawberry.field(description="Null where it was not provisioned.")
    @staticmethod
    async def administrator(root: strawberry.Parent[model.Tenant], info: Info) -> TenantAdministrator | None:
        if root.administrator_name is None or root.administrator_email is None:
            return None
        key = await info.context.gateway.tenants.key(root)
        return TenantAdministrator(
            name=root.administrator_name, email=root.administrator_email, api_key=ApiKey.of(key) if key else None
        )

    @strawberry.field(description="The workflow id of the run that has made it; null where none has.")
    @staticmethod
    def provisioned_by(root: strawberry.Parent[model.Tenant]) -> str | None:
        return root.provisioned_by


@strawberry.type
class TenantEdge:
    node: Tenant
    cursor: Cursor


@strawberry.type(description="A page of tenants, by their ids.")
class TenantConnection(Connection):
    edges: list[TenantEdge]
    nodes: list[Tenant]
