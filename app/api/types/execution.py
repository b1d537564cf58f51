"""A run of a workflow and everything that hangs on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import strawberry
from strawberry.scalars import JSON

from app import model
from app.api.connections import Connection, ConnectionValue, parts
from app.api.context import Info
from app.api.node import Bound, Node
from app.api.scalars import Cursor
from app.api.types.activity import Activity, milliseconds
from app.api.types.definition import WorkflowDefinition
from app.api.types.event import EventValue, HistoryEvent
from app.api.types.failure import Failure, single
from app.api.types.progress import Blocker, Phase, Progress
from app.history import event_type_name
from app.model import ActivityStatus, TimelineKind, TimelineStatus, WorkflowStatus
from app.protos import values_of

Row = strawberry.Parent[model.Execution]


@strawberry.type(description="An activity that undoes earlier work: its summary or id begins with `compensate`.")
class Compensation:
    name: str
    activity_id: str
    activity_type: str
    status: ActivityStatus
    start_time: datetime | None
    close_time: datetime | None
    failure: Failure | None


@strawberry.type(description="A run of a workflow.")
class WorkflowExecution(Node):
    namespace: str
    workflow_id: str
    workflow_type: str
    task_queue: str
    status: WorkflowStatus
    start_time: datetime
    execution_time: datetime | None = strawberry.field(
        description="When its first task may run: later than startTime where a delay, cron or backoff holds it."
    )
    close_time: datetime | None
    tenant: str
    environment: str
    created_by: str | None = strawberry.field(description="Who started it through Tideline, or its memo's createdBy.")
    metadata: JSON = strawberry.field(description="Custom attributes given at its start; searchable.")
    memo: JSON
    search_attributes: JSON
    summary: str | None = strawberry.field(description="Temporal's static summary.")
    details: str | None = strawberry.field(description="Temporal's static details.")

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, model.Execution)

    @strawberry.field
    @staticmethod
    def run_id(root: Row) -> strawberry.ID:
        return strawberry.ID(root.run_id)

    @strawberry.field(description="The first run of its chain of continue-as-new, retries and cron.")
    @staticmethod
    def first_run_id(root: Row) -> strawberry.ID | None:
        return strawberry.ID(root.first_run_id) if root.first_run_id else None

    @strawberry.field(description="What the registry knows of its type; null for a type that is not registered.")
    @staticmethod
    def definition(root: Row, info: Info) -> WorkflowDefinition | None:
        known = info.context.gateway.registry.find(root.workflow_type)
        return WorkflowDefinition.of(known) if known else None

    @strawberry.field(description="Milliseconds from its start to its close, or so far.")
    @staticmethod
    def duration_ms(root: Row) -> float:
        return milliseconds(root.start_time, root.close_time or datetime.now(UTC)) or 0.0

    @strawberry.field(description="Events in its history.")
    @staticmethod
    async def history_length(root: Row, info: Info) -> int:
        return root.history_length or (await view_of(root, info)).execution.history_length

    @strawberry.field(description="Bytes of its history, as Temporal last counted them.")
    @staticmethod
    async def history_size_bytes(root: Row, info: Info) -> float:
        return root.history_size_bytes or (await view_of(root, info)).execution.history_size_bytes

    @strawberry.field(description="Its arguments.")
    @staticmethod
    async def input(root: Row, info: Info) -> list[JSON]:
        return values_of((await view_of(root, info)).projection.input)

    @strawberry.field(description="What it returned; null while it is open or where it returned nothing.")
    @staticmethod
    async def result(root: Row, info: Info) -> JSON | None:
        return single((await view_of(root, info)).projection.result)

    @strawberry.field(graphql_type=Failure | None, description="Why it closed without a result.")
    @staticmethod
    async def failure(root: Row, info: Info) -> model.Failure | None:
        if root.status in {model.WorkflowStatus.RUNNING, model.WorkflowStatus.COMPLETED}:
            return None
        return (await view_of(root, info)).projection.failure

    @strawberry.field(graphql_type=Progress)
    @staticmethod
    async def progress(root: Row, info: Info) -> model.Progress:
        return info.context.gateway.reading.progress(await view_of(root, info))

    @strawberry.field(graphql_type=list[Blocker], description="Why it is not moving; empty where it moves.")
    @staticmethod
    async def blockers(root: Row, info: Info) -> Sequence[model.Blocker]:
        if root.status.is_closed:
            return ()
        return info.context.gateway.reading.blockers(await view_of(root, info))

    @strawberry.field(graphql_type=list[Phase])
    @staticmethod
    async def phases(root: Row, info: Info) -> Sequence[model.Phase]:
        return (await view_of(root, info)).projection.phases

    @strawberry.field(graphql_type=list[Compensation])
    @staticmethod
    async def compensations(root: Row, info: Info) -> Sequence[model.Compensation]:
        return (await view_of(root, info)).projection.compensations

    @strawberry.field(
        graphql_type="ActivityConnection",
        description="In the order of their schedule; first is at most 1000.",
    )
    @staticmethod
    async def activities(
        root: Row,
        info: Info,
        first: int | None = None,
        after: Cursor | None = None,
        status: list[ActivityStatus] | None = None,
        activity_type: str | None = None,
    ) -> ConnectionValue[Bound[model.Activity]]:
        found = [
            Bound(root.ref, activity)
            for activity in (await view_of(root, info)).projection.activities
            if (not status or activity.status in status)
            and (activity_type is None or activity.activity_type == activity_type)
        ]
        return parts("activities", found, lambda each: each.value.scheduled_event_id, first, after)

    @strawberry.field(
        graphql_type="TimelineConnection", description="In the order of their start; first is at most 1000."
    )
    @staticmethod
    async def timeline(
        root: Row,
        info: Info,
        first: int | None = None,
        after: Cursor | None = None,
        kinds: list[TimelineKind] | None = None,
    ) -> ConnectionValue[Bound[model.TimelineItem]]:
        items = (await view_of(root, info)).projection.timeline
        found = [Bound(root.ref, item) for item in items if not kinds or item.kind in kinds]
        return parts("timeline", found, lambda each: each.value.key, first, after)

    @strawberry.field(
        graphql_type="HistoryEventConnection",
        description="Its history, oldest first unless reverse; types are Temporal's names; first is at most 1000.",
    )
    @staticmethod
    async def events(
        root: Row,
        info: Info,
        first: int | None = None,
        after: Cursor | None = None,
        types: list[str] | None = None,
        reverse: bool = False,
    ) -> ConnectionValue[EventValue]:
        history = await info.context.gateway.reading.history(root)
        projection = (await view_of(root, info)).projection
        found = [EventValue(event, projection) for event in history if not types or event_type_name(event) in types]
        if reverse:
            found.reverse()
        return parts("events", found, lambda each: each.event.event_id, first, after)

    @strawberry.field(graphql_type="WorkflowExecution | None", description="The run that started it as a child.")
    @staticmethod
    async def parent(root: Row, info: Info) -> model.Execution | None:
        return await related(root, info, root.parent_workflow_id, root.parent_run_id)

    @strawberry.field(graphql_type="WorkflowExecution | None", description="The top of its tree of children.")
    @staticmethod
    async def root(root: Row, info: Info) -> model.Execution | None:
        if root.root_run_id == root.run_id:
            return root
        return await related(root, info, root.root_workflow_id, root.root_run_id)

    @strawberry.field(
        graphql_type="WorkflowExecution | None",
        description="The run that it continues, by continue-as-new, retry, cron or reset.",
    )
    @staticmethod
    async def previous_run(root: Row, info: Info) -> model.Execution | None:
        return await related(root, info, root.workflow_id, root.previous_run_id)

    @strawberry.field(graphql_type="WorkflowExecution | None", description="The run that continues it.")
    @staticmethod
    async def next_run(root: Row, info: Info) -> model.Execution | None:
        return await related(root, info, root.workflow_id, root.next_run_id)


async def view_of(execution: model.Execution, info: Info) -> model.RunView:
    return await info.context.loaders.view(execution)


async def related(
    execution: model.Execution, info: Info, workflow_id: str | None, run_id: str | None
) -> model.Execution | None:
    """Another run, by its name. Null where it is unknown or another tenant's."""
    if not workflow_id or not run_id:
        return None
    return await info.context.loaders.executions.load(model.ExecutionRef(execution.namespace, workflow_id, run_id))


@strawberry.type(description="One bar of a Gantt chart, ready to draw.")
class TimelineItem(Node):
    kind: TimelineKind
    name: str
    status: TimelineStatus
    start_time: datetime
    end_time: datetime | None = strawberry.field(description="Null while it lasts.")
    attempt: int | None
    lane: int = strawberry.field(description="Row index; items that overlap have different lanes.")
    event_ids: list[int]
    failure: Failure | None
    summary: str | None

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, Bound) and isinstance(value.value, model.TimelineItem)

    @strawberry.field(description="Milliseconds; null while it lasts.")
    @staticmethod
    def duration_ms(root: strawberry.Parent[Bound[model.TimelineItem]]) -> float | None:
        return milliseconds(root.value.start_time, root.value.end_time)

    @strawberry.field(graphql_type=Activity | None, description="The activity behind an ACTIVITY or LOCAL_ACTIVITY.")
    @staticmethod
    async def activity(root: strawberry.Parent[Bound[model.TimelineItem]], info: Info) -> Bound[model.Activity] | None:
        item = root.value
        if item.activity_id is None:
            return None
        execution = await info.context.loaders.executions.load(root.ref)
        if execution is None:
            return None
        found = find_activity((await view_of(execution, info)).projection.activities, item)
        return Bound(root.ref, found) if found else None

    @strawberry.field(graphql_type=WorkflowExecution | None, description="The run of a CHILD_WORKFLOW.")
    @staticmethod
    async def child(root: strawberry.Parent[Bound[model.TimelineItem]], info: Info) -> model.Execution | None:
        child = root.value.child
        return await info.context.loaders.executions.load(child) if child and child.run_id else None

    @strawberry.field
    @staticmethod
    def input(root: strawberry.Parent[Bound[model.TimelineItem]]) -> list[JSON]:
        return values_of(root.value.input)

    @strawberry.field
    @staticmethod
    def result(root: strawberry.Parent[Bound[model.TimelineItem]]) -> JSON | None:
        return single(root.value.result)

    @strawberry.field(description="What else is known of an item of its kind.")
    @staticmethod
    def detail(root: strawberry.Parent[Bound[model.TimelineItem]]) -> JSON:
        return dict(root.value.detail)  # type: ignore[return-value]


def find_activity(activities: Iterable[model.Activity], item: model.TimelineItem) -> model.Activity | None:
    """An id may be used again within a run: the item's events tell which use it is."""
    same = (each for each in activities if each.activity_id == item.activity_id)
    return next((each for each in same if each.scheduled_event_id in item.event_ids), None)


@strawberry.type
class WorkflowEdge:
    node: WorkflowExecution
    cursor: Cursor


@strawberry.type(description="A page of runs.")
class WorkflowConnection(Connection):
    edges: list[WorkflowEdge]
    nodes: list[WorkflowExecution]


@strawberry.type
class ActivityEdge:
    node: Activity
    cursor: Cursor


@strawberry.type(description="A page of activities.")
class ActivityConnection(Connection):
    edges: list[ActivityEdge]
    nodes: list[Activity]


@strawberry.type
class TimelineEdge:
    node: TimelineItem
    cursor: Cursor


@strawberry.type(description="A page of timeline items.")
class TimelineConnection(Connection):
    edges: list[TimelineEdge]
    nodes: list[TimelineItem]


@strawberry.type
class HistoryEventEdge:
    node: HistoryEvent
    cursor: Cursor


@strawberry.type(description="A page of events.")
class HistoryEventConnection(Connection):
    edges: list[HistoryEventEdge]
    nodes: list[HistoryEvent]
