"""Changes of tenants that a platform asks for."""

from __future__ import annotations

from typing import Any

import strawberry

from app.access import Role
from app.api.inputs.starts import KEY

_PLAIN = ("display_name", "company_name", "plan", "default_environment", "task_queue", "archive_retention_days")


@strawberry.input(description="What is not given stays; null takes the bound away.")
class TenantQuotaChanges:
    open_workflows: int | None = strawberry.UNSET
    starts_per_minute: int | None = strawberry.UNSET
    subscriptions: int | None = strawberry.UNSET
    api_keys: int | None = strawberry.UNSET

    def columns(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in self.__annotations__}
        return {f"max_{name}": value for name, value in given.items() if value is not strawberry.UNSET}


@strawberry.input(description="What is not given stays; null is as if it had never been set.")
class UpdateTenantInput:
    tenant: strawberry.ID
    display_name: str | None = strawberry.UNSET
    company_name: str | None = strawberry.UNSET
    plan: str | None = strawberry.field(
        default=strawberry.UNSET, description="Its name alone: quotas stay as they are."
    )
    roles: list[Role] | None = strawberry.field(
        default=strawberry.UNSET, description="That API keys may have which are made from now on."
    )
    environments: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="All that it has from now on; empty or null: it may use any."
    )
    default_environment: str | None = strawberry.UNSET
    task_queue: str | None = strawberry.UNSET
    archive_retention_days: float | None = strawberry.UNSET
    quotas: TenantQuotaChanges | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def columns(self) -> dict[str, Any]:
        """What is to be set, by the columns of the store."""
        given = {name: getattr(self, name) for name in _PLAIN}
        changes = {name: value for name, value in given.items() if value is not strawberry.UNSET}
        if self.roles is not strawberry.UNSET:
            changes["roles"] = None if self.roles is None else [each.value for each in self.roles]
        if self.environments is not strawberry.UNSET:
            changes["environments"] = list(dict.fromkeys(self.environments or ()))
        return changes | (self.quotas.columns() if self.quotas else {})


@strawberry.input
class SuspendTenantInput:
    tenant: strawberry.ID
    reason: str | None = strawberry.field(default=None, description="Told to its callers; at most 500 characters.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input
class ResumeTenantInput:
    tenant: strawberry.ID
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input
class ClaimApiKeyInput:
    id: strawberry.ID = strawberry.field(description="The `hand_over_id` of the provisioning's result.")
