"""Tenants: changing and suspending them, and the keys of new ones."""

from __future__ import annotations

import strawberry

from app import model
from app.api.context import Info
from app.api.inputs.tenants import ClaimApiKeyInput, ResumeTenantInput, SuspendTenantInput, UpdateTenantInput
from app.api.mutations.access import CreateApiKeyPayload
from app.api.mutations.payloads import UserError, errors
from app.api.types.api_key import ApiKey
from app.api.types.tenant import Tenant
from app.gateway.tenancy.tenants import TenantOutcome


@strawberry.type
class TenantPayload:
    tenant: Tenant | None
    user_errors: list[UserError]


@strawberry.type
class TenantMutation:
    @strawberry.mutation(
        description="Change what is set for a tenant; everywhere within seconds. Needs MANAGE_TENANTS."
    )
    @staticmethod
    async def update_tenant(info: Info, input: UpdateTenantInput) -> TenantPayload:
        tenants = info.context.gateway.tenants
        return _payload(await tenants.update(info.context.caller, input.tenant, input.columns(), input.idempotency_key))

    @strawberry.mutation(
        description=(
            "Let no caller of a tenant in any more, within seconds, and end their streams; its open runs go on. Needs"
            " MANAGE_TENANTS."
        )
    )
    @staticmethod
    async def suspend_tenant(info: Info, input: SuspendTenantInput) -> TenantPayload:
        tenants, key = info.context.gateway.tenants, input.idempotency_key
        return _payload(await tenants.suspend(info.context.caller, input.tenant, input.reason, key))

    @strawberry.mutation(description="Let the callers of a suspended tenant in again. Needs MANAGE_TENANTS.")
    @staticmethod
    async def resume_tenant(info: Info, input: ResumeTenantInput) -> TenantPayload:
        tenants, key = info.context.gateway.tenants, input.idempotency_key
        return _payload(await tenants.resume(info.context.caller, input.tenant, key))

    @strawberry.mutation(
        description=(
            "Take the API key of a new tenant's administrator, which startTenantProvisioning has made. It is given out"
            " once, in time, and to nobody else afterwards. Needs MANAGE_TENANTS."
        )
    )
    @staticmethod
    async def claim_api_key(info: Info, input: ClaimApiKeyInput) -> CreateApiKeyPayload:
        outcome = await info.context.gateway.tenants.claim(info.context.caller, input.id)
        return CreateApiKeyPayload(
            api_key=ApiKey.of(outcome.key) if outcome.key else None,
            secret=outcome.secret,
            user_errors=errors(outcome.refusals),
        )


def _payload(outcome: TenantOutcome) -> TenantPayload:
    return TenantPayload(tenant=_shown(outcome.tenant), user_errors=errors(outcome.refusals))


def _shown(tenant: model.Tenant | None) -> Tenant | None:
    """The type's fields are attributes of what is known of a tenant, which stands for it."""
    return tenant  # type: ignore[return-value]
