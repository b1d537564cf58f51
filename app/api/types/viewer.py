"""Who is asking, and how the gateway is."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.access import Action, Grant, Identity, Role, Tag, Tree
from app.gateway.seeing import shown


@strawberry.type(description="The only runs that a watch token speaks of: a run's tree, or those with a tag.")
class WatchGrant:
    workflow_id: str | None
    run_id: strawberry.ID | None
    tag_key: str | None
    tag_value: str | None
    signals: list[str] = strawberry.field(description="The signals that may be sent.")

    @classmethod
    def of(cls, grant: Grant) -> WatchGrant:
        tree = grant.runs if isinstance(grant.runs, Tree) else None
        tag = grant.runs if isinstance(grant.runs, Tag) else None
        return cls(
            workflow_id=shown(tree.workflow_id) if tree else None,
            run_id=strawberry.ID(tree.run_id) if tree else None,
            tag_key=tag.key if tag else None,
            tag_value=tag.value if tag else None,
            signals=list(grant.signals),
        )


@strawberry.type(description="Who is asking.")
class Viewer:
    subject: str
    tenant: str = strawberry.field(description="The tenant of the runs that this viewer starts.")
    environment: str
    roles: list[Role]
    permissions: list[Action] = strawberry.field(
        description="What this viewer may do at all; a run's availableActions say what may be done to it."
    )
    scoped_to_tenant: str | None = strawberry.field(description="The only tenant that this viewer sees; null: all.")
    scoped_to_environment: str | None = strawberry.field(description="The only environment; null: all.")
    expires_at: datetime | None = strawberry.field(description="When its token ends, and its subscriptions with it.")
    watches: WatchGrant | None = strawberry.field(description="Null unless the token is a watch token.")

    @classmethod
    def of(cls, identity: Identity) -> Viewer:
        return cls(
            subject=identity.subject,
            tenant=identity.tenant,
            environment=identity.environment,
            roles=sorted(identity.roles),
            permissions=sorted(identity.permissions),
            scoped_to_tenant=identity.scope.tenant,
            scoped_to_environment=identity.scope.environment,
            expires_at=identity.credential.expires_at,
            watches=WatchGrant.of(identity.grant) if identity.grant else None,
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
