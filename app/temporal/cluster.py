"""What we ask Temporal about itself: namespaces, search attributes, version. Every function raises as
`Temporal.call` does."""

from __future__ import annotations

from google.protobuf.message import Message
from temporalio.api.enums.v1 import ArchivalState, IndexedValueType, NamespaceState
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest, ListSearchAttributesResponse
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeNamespaceResponse,
    GetClusterInfoRequest,
    GetClusterInfoResponse,
    GetSystemInfoRequest,
    GetSystemInfoResponse,
)

from app.cluster import AttributeType, Cluster, Namespace, SearchAttribute
from app.protos import seconds_of
from app.temporal.connection import NotSupported, Temporal


async def describe_namespace(temporal: Temporal, name: str) -> Namespace:
    """NotFound where the server has none of that name."""
    response: DescribeNamespaceResponse = await temporal.call(
        "describe_namespace", DescribeNamespaceRequest(namespace=name)
    )
    info, config, replication = response.namespace_info, response.config, response.replication_config
    return Namespace(
        name=info.name,
        id=info.id,
        state=_name(NamespaceState, info.state, "NAMESPACE_STATE_"),
        description=info.description or None,
        owner_email=info.owner_email or None,
        retention=seconds_of(config.workflow_execution_retention_ttl),
        history_archival=config.history_archival_state == ArchivalState.ARCHIVAL_STATE_ENABLED,
        visibility_archival=config.visibility_archival_state == ArchivalState.ARCHIVAL_STATE_ENABLED,
        is_global=response.is_global_namespace,
        active_cluster=replication.active_cluster_name or None,
        clusters=tuple(each.cluster_name for each in replication.clusters),
        data=dict(info.data),
        capabilities=_flags(info.capabilities),
        payload_bytes_limit=info.limits.blob_size_limit_error or None,
        memo_bytes_limit=info.limits.memo_size_limit_error or None,
    )


async def search_attributes(temporal: Temporal, namespace: str) -> list[SearchAttribute]:
    """Custom ones first, each kind by name."""
    response: ListSearchAttributesResponse = await temporal.operate(
        "list_search_attributes", ListSearchAttributesRequest(namespace=namespace)
    )
    return [
        SearchAttribute(name, _attribute_type(type_), is_system)
        for is_system, attributes in ((False, response.custom_attributes), (True, response.system_attributes))
        for name, type_ in sorted(attributes.items())
    ]


async def describe_cluster(temporal: Temporal) -> Cluster:
    """The version is known of every server; the rest is empty where the server keeps it to itself."""
    system: GetSystemInfoResponse = await temporal.call("get_system_info", GetSystemInfoRequest())
    try:
        info: GetClusterInfoResponse = await temporal.call("get_cluster_info", GetClusterInfoRequest())
    except NotSupported:
        info = GetClusterInfoResponse()
    return Cluster(
        name=info.cluster_name,
        id=info.cluster_id,
        server_version=system.server_version or info.server_version,
        history_shards=info.history_shard_count,
        persistence_store=info.persistence_store,
        visibility_store=info.visibility_store,
        capabilities=_flags(system.capabilities),
    )


def _flags(message: Message) -> dict[str, bool]:
    """Every capability that this API version knows, by Temporal's name."""
    return {field.name: bool(getattr(message, field.name)) for field in message.DESCRIPTOR.fields}


def _attribute_type(number: IndexedValueType.ValueType) -> AttributeType:
    try:
        return AttributeType(_name(IndexedValueType, number, "INDEXED_VALUE_TYPE_"))
    except ValueError:
        return AttributeType.UNKNOWN


def _name(enum: type[NamespaceState] | type[IndexedValueType], number: int, prefix: str) -> str:
    try:
        return enum.Name(number).removeprefix(prefix)  # type: ignore[arg-type]
    except ValueError:
        return f"UNKNOWN_{number}"
