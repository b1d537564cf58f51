"""Who is asking, and how the gateway is."""

from __future__ import annotations

from importlib.metadata import version

import strawberry

from app.api.context import Info
from app.api.types.viewer import Health, HealthCheck, Viewer


@strawberry.type
class ViewerQuery:
    @strawberry.field(description="Who is asking.")
    @staticmethod
    def viewer(info: Info) -> Viewer:
        return Viewer.of(info.context.identity)

    @strawberry.field(description="How the gateway is.")
    @staticmethod
    async def health(info: Info) -> Health:
        found = await info.context.gateway.health.report()
        return Health(
            ok=all(finding.ok for finding in found.values()),
            checks=[HealthCheck(name=name, ok=each.ok, reason=each.reason) for name, each in found.items()],
            version=version("tideline"),
        )
