"""The roots of reading, one noun a file."""

from __future__ import annotations

import strawberry

from app.api.queries.alerts import AlertQuery
from app.api.queries.api_keys import ApiKeyQuery
from app.api.queries.audit import AuditQuery
from app.api.queries.batches import BatchQuery
from app.api.queries.cluster import ClusterQuery
from app.api.queries.definitions import DefinitionQuery
from app.api.queries.nodes import NodeQuery
from app.api.queries.schedules import ScheduleQuery
from app.api.queries.stats import StatsQuery
from app.api.queries.task_queues import TaskQueueQuery
from app.api.queries.tenants import TenantQuery
from app.api.queries.updates import UpdateQuery
from app.api.queries.viewer import ViewerQuery
from app.api.queries.workers import WorkerQuery
from app.api.queries.workflows import WorkflowQuery


@strawberry.type
class Query(
    NodeQuery,
    WorkflowQuery,
    UpdateQuery,
    DefinitionQuery,
    ScheduleQuery,
    TaskQueueQuery,
    WorkerQuery,
    BatchQuery,
    ClusterQuery,
    StatsQuery,
    AlertQuery,
    AuditQuery,
    ViewerQuery,
    ApiKeyQuery,
    TenantQuery,
):
    """Every root field of reading."""
