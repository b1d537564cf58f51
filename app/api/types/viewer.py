"""Who is asking, and how the gateway is."""

from __future__ import annotations

import strawberry

from app.access import Action, Identity, Role


@strawberry.type(description="Who is asking.")
class Viewer:
    subject: str
    tenant: str = strawberry.field(description="The tenant of the runs that this viewer starts.")
    environment: str
    roles: list[Role]
    permissions: list[Action]

    @classmethod
    def of(cls, identity: Identity) -> Viewer:
        return cls(
            subject=identity.subject,
            tenant=identity.tenant,
            environment=identity.environment,
            roles=sorted(identity.roles),
            permissions=sorted(identity.permissions),
        )


@strawberry.type(description="One part that the gateway stands on.")
class HealthCheck:
    name: str
    ok: bool
    reason: str | None = strawberry.field(description="What is wrong; null where nothing is.")


@strawberry.type(description="How the gateway is; GET /health/ready says the same.")
class Health:
    ok: bool
    checks: list[HealthCheck]
    version: str
