"""Namespaces, their search attributes, and the cluster that they are on."""

from __future__ import annotations

from collections.abc import Mapping

import strawberry

from app import cluster
from app.cluster import AttributeType


@strawberry.type(description="Something that a server can do or not.")
class Capability:
    name: str = strawberry.field(description="Temporal's name, such as workflow_pause.")
    enabled: bool


def capabilities_of(found: Mapping[str, bool]) -> list[Capability]:
    return [Capability(name=name, enabled=enabled) for name, enabled in found.items()]


@strawberry.type(description="A namespace that this gateway serves.")
class Namespace:
    name: str
    state: str = strawberry.field(description="REGISTERED, DEPRECATED or DELETED.")
    description: str | None
    owner_email: str | None
    history_archival: bool = strawberry.field(description="Whether Temporal archives histories behind its retention.")
    visibility_archival: bool
    is_global: bool = strawberry.field(description="Whether it can be on several clusters.")
    active_cluster: str | None
    clusters: list[str]

    @strawberry.field
    @staticmethod
    def id(root: strawberry.Parent[cluster.Namespace]) -> strawberry.ID:
        return strawberry.ID(root.id)

    @strawberry.field(description="How long Temporal keeps a closed run; Tideline's archive keeps it longer.")
    @staticmethod
    def retention_seconds(root: strawberry.Parent[cluster.Namespace]) -> float | None:
        return root.retention

    @strawberry.field(description="The most bytes of one input, result or signal; null where the server does not say.")
    @staticmethod
    def payload_limit_bytes(root: strawberry.Parent[cluster.Namespace]) -> float | None:
        return root.payload_bytes_limit

    @strawberry.field(description="The most bytes of a memo; null where the server does not say.")
    @staticmethod
    def memo_limit_bytes(root: strawberry.Parent[cluster.Namespace]) -> float | None:
        return root.memo_bytes_limit

    @strawberry.field(description="What is switched on in it.")
    @staticmethod
    def capabilities(root: strawberry.Parent[cluster.Namespace]) -> list[Capability]:
        return capabilities_of(root.capabilities)


@strawberry.type(description="A name that runs and schedules can be searched by.")
class SearchAttribute:
    name: str
    type: AttributeType
    is_system: bool = strawberry.field(description="Whether Temporal sets it by itself.")


@strawberry.type(description="The Temporal cluster. What its server keeps to itself is null.")
class Cluster:
    server_version: str

    @strawberry.field
    @staticmethod
    def name(root: strawberry.Parent[cluster.Cluster]) -> str | None:
        return root.name or None

    @strawberry.field
    @staticmethod
    def id(root: strawberry.Parent[cluster.Cluster]) -> strawberry.ID | None:
        return strawberry.ID(root.id) if root.id else None

    @strawberry.field
    @staticmethod
    def history_shards(root: strawberry.Parent[cluster.Cluster]) -> int | None:
        return root.history_shards or None

    @strawberry.field(description="The kind of database behind it.")
    @staticmethod
    def persistence_store(root: strawberry.Parent[cluster.Cluster]) -> str | None:
        return root.persistence_store or None

    @strawberry.field(description="The kind of database behind its lists.")
    @staticmethod
    def visibility_store(root: strawberry.Parent[cluster.Cluster]) -> str | None:
        return root.visibility_store or None

    @strawberry.field(description="What the server can do.")
    @staticmethod
    def capabilities(root: strawberry.Parent[cluster.Cluster]) -> list[Capability]:
        return capabilities_of(root.capabilities)
