"""What the gateway is connected to: namespaces, their search attributes, the cluster."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from app import cluster as model
from app.api.context import Info
from app.api.types.cluster import Cluster, Namespace, SearchAttribute


@strawberry.type
class ClusterQuery:
    @strawberry.field(
        graphql_type=list[Namespace],
        description="The namespaces that this gateway serves. Empty to those who see one tenant only.",
    )
    @staticmethod
    async def namespaces(info: Info) -> Sequence[model.Namespace]:
        return await info.context.gateway.operating.namespaces(info.context.identity)

    @strawberry.field(
        graphql_type=list[SearchAttribute],
        description=(
            "What runs and schedules of a namespace can be searched by, custom ones first. Empty to those who see one"
            " tenant only."
        ),
    )
    @staticmethod
    async def search_attributes(info: Info, namespace: str | None = None) -> Sequence[model.SearchAttribute]:
        return await info.context.gateway.operating.search_attributes(info.context.identity, namespace)

    @strawberry.field(
        graphql_type=Cluster | None, description="The Temporal cluster; null to those who see one tenant only."
    )
    @staticmethod
    async def cluster(info: Info) -> model.Cluster | None:
        return await info.context.gateway.operating.cluster(info.context.identity)
