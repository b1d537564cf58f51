"""Namespaces, their search attributes, and the cluster that they are on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Namespace:
    name: str
    id: str
    state: str
    """REGISTERED, DEPRECATED or DELETED."""
    description: str | None
    owner_email: str | None
    retention: float | None
    """Seconds that Temporal keeps a closed run."""
    history_archival: bool
    visibility_archival: bool
    is_global: bool
    active_cluster: str | None
    clusters: tuple[str, ...]
    data: Mapping[str, str] = field(default_factory=dict)
    capabilities: Mapping[str, bool] = field(default_factory=dict)
    """By Temporal's names, such as `workflow_pause`."""
    payload_bytes_limit: int | None = None
    memo_bytes_limit: int | None = None


class AttributeType(StrEnum):
    TEXT = "TEXT"
    KEYWORD = "KEYWORD"
    INT = "INT"
    DOUBLE = "DOUBLE"
    BOOL = "BOOL"
    DATETIME = "DATETIME"
    KEYWORD_LIST = "KEYWORD_LIST"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class SearchAttribute:
    name: str
    type: AttributeType
    is_system: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    name: str
    id: str
    server_version: str
    history_shards: int
    persistence_store: str
    visibility_store: str
    capabilities: Mapping[str, bool] = field(default_factory=dict)
