"""What fields cost: the table that goes with the schema.

One point is about what a run in a list costs. Plain values are free: they come with their object. An object costs
what its type says, 1 where it is not named, each time that it stands in a list; a field that has to ask somewhere costs
its own points besides, once for each object that it is selected on. A list costs its items as often as they may come:
as its arguments ask, else as its default, else as usual for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.api.connections import DEFAULT_LIST, DEFAULT_PARTS, MAX_LIST, MAX_PARTS


@dataclass(frozen=True, slots=True)
class Paged:
    """A page whose size is asked for; `nodes` and `edges` of it are so many."""

    default: int
    most: int
    arguments: tuple[str, ...] = ("first", "last")


@dataclass(frozen=True, slots=True)
class Listed:
    """A list with an item for each value of an argument."""

    argument: str


LIST = Paged(DEFAULT_LIST, MAX_LIST)
PARTS = Paged(DEFAULT_PARTS, MAX_PARTS)

ITEM = 1.0
"""An object of a type that TYPES does not name."""
TYPES: Mapping[str, float] = {
    # Parts of a run lie together in memory once the run has been read.
    "Activity": 0.1,
    "ActivityAttempt": 0.1,
    "TimelineItem": 0.1,
    "Phase": 0.1,
    "Compensation": 0.1,
    "Blocker": 0.1,
    "HistoryEvent": 0.2,
    "Failure": 0.1,
    "Heartbeat": 0.1,
    "Progress": 0.1,
    "PageInfo": 0.0,
    "RetryPolicy": 0.0,
    "SearchAttribute": 0.1,
    # Edges are only the way to their node.
    "WorkflowEdge": 0.0,
    "ActivityEdge": 0.0,
    "TimelineEdge": 0.0,
    "HistoryEventEdge": 0.0,
    "AlertEdge": 0.0,
    "AuditEdge": 0.0,
    "ScheduleEdge": 0.0,
    "WorkerEdge": 0.0,
    "BatchOperationEdge": 0.0,
    "TenantEdge": 0.0,
    "TenantQuotas": 0.0,
    "TenantUsage": 0.0,
    # The schema about itself.
    "__Schema": 5.0,
    "__Type": 0.05,
    "__Field": 0.02,
    "__InputValue": 0.02,
    "__EnumValue": 0.02,
    "__Directive": 0.02,
}

_VIEW = 2.0
"""A run read whole, from the archive, or from Temporal by a describe and its history. Fields that share the view are
each charged, which is above what it costs, so that no mixture of them is a bargain."""
_WORKER = 10.0
"""Asked of the workflow's own worker."""
_CALL = 5.0
"""A call of Temporal."""
_SCAN = 100.0
"""Figures made of many rows."""

OWN: Mapping[str, float] = {
    "Query.workflows": 5.0,
    "Query.workflow": 1.0,
    "Query.workflowUpdates": 10.0,
    "Query.workflowStats": _SCAN,
    "Query.bottlenecks": _SCAN,
    "Query.audit": 10.0,
    "Query.alerts": 5.0,
    "Query.schedules": _CALL,
    "Query.schedule": _CALL,
    "Query.taskQueue": 2 * _CALL,
    "Query.workers": _CALL,
    "Query.batchOperations": _CALL,
    "Query.batchOperation": _CALL,
    "Query.namespaces": _CALL,
    "Query.searchAttributes": _CALL,
    "Query.cluster": 2 * _CALL,
    "Query.health": _CALL,
    "Query.tenants": 5.0,
    "Query.tenant": 1.0,
    "Query.__schema": 20.0,
    "Query.__type": 1.0,
    "WorkflowConnection.totalCount": 10.0,
    "Tenant.usage": 5.0,
    "Tenant.administrator": 1.0,
    "AuditConnection.totalCount": 10.0,
    "WorkflowExecution.activities": _VIEW,
    "WorkflowExecution.timeline": _VIEW,
    "WorkflowExecution.progress": _VIEW,
    "WorkflowExecution.blockers": _VIEW,
    "WorkflowExecution.phases": _VIEW,
    "WorkflowExecution.compensations": _VIEW,
    "WorkflowExecution.input": _VIEW,
    "WorkflowExecution.result": _VIEW,
    "WorkflowExecution.failure": _VIEW,
    "WorkflowExecution.historyLength": _VIEW,
    "WorkflowExecution.historySizeBytes": _VIEW,
    "WorkflowExecution.events": 2 * _VIEW,
    "WorkflowExecution.children": 1.0,
    "WorkflowExecution.query": _WORKER,
    "WorkflowExecution.interface": _WORKER,
    "WorkflowExecution.currentDetails": _WORKER,
    "WorkflowExecution.stackTrace": _WORKER,
    "Schedule.runningWorkflows": _CALL,
    "BatchOperation.total": _CALL,
    "BatchOperation.completed": _CALL,
    "BatchOperation.failed": _CALL,
    "Subscription.workflowProgress": 10.0,
    "Subscription.workflowEvents": 10.0,
    "Subscription.workflow": 10.0,
}
"""What a field costs beside the objects that it gives."""

MUTATION = 10.0
"""What a mutation costs that OWN does not name: an audit entry, a call of Temporal, a row."""

SIZES: Mapping[str, Paged | Listed | int] = {
    "Query.workflows": LIST,
    "Query.nodes": Listed("ids"),
    "Query.workflowBatch": Listed("refs"),
    "Query.apiKeys": 100,
    "Query.workflowUpdates": 100,
    "Query.workflowTypes": 20,
    "Query.workflowStats": 100,
    "Query.bottlenecks": Paged(20, 100),
    "Query.audit": LIST,
    "Query.alerts": LIST,
    "Query.schedules": LIST,
    "Query.workers": LIST,
    "Query.batchOperations": LIST,
    "Query.tenants": LIST,
    "Query.searchAttributes": 30,
    "WorkflowExecution.activities": PARTS,
    "WorkflowExecution.timeline": PARTS,
    "WorkflowExecution.events": PARTS,
    "WorkflowExecution.children": LIST,
    "Activity.attempts": 2,
    "__Schema.types": 200,
    "__Type.fields": 10,
    "__Type.inputFields": 5,
    "__Type.enumValues": 5,
    "__Type.possibleTypes": 2,
    "__Type.interfaces": 1,
    "__Field.args": 2,
}
"""How many items lists have, and pages."""

USUAL = 5
"""Items of a list that SIZES does not name."""


def own(parent: str, field: str) -> float:
    known = OWN.get(f"{parent}.{field}")
    return known if known is not None else MUTATION if parent == "Mutation" else 0.0
