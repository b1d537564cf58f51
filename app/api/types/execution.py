"""A run of a workflow and everything that hangs on it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app import model, registry
from app.access import Exposure, Part, withheld
from app.api.compiled import reads
from app.api.connections import PLACE, Connection, ConnectionValue
from app.api.context import UNREADABLE, Info, projected, told, view_of
from app.api.human import span
from app.api.node import Bound, Node
from app.api.scalars import Cursor
from app.api.types.answers import Answers
from app.api.types.contents import Contents, length_of
from app.api.types.definition import WorkflowDefinition
from app.api.types.failure import Failure
from app.api.types.family import Family
from app.api.types.progress import Blocker, Phase, Progress
from app.api.types.values import NOT_DECODED, shown, shown_single
from app.api.veil import WITHHELD, WITHHELD_KEYS, exposure, target_of, veiled_object, without_reason
from app.gateway.seeing import said, shown_attributes
from app.gateway.seeing import shown as shown_id
from app.model import ActivityStatus, WorkflowStatus
from app.progress import OF_CLOSED, closed_progress

Row = strawberry.Parent[model.Execution]
SPAN = ("start_time", "close_time")
KIND = ("workflow_type", "tenant", "environment")
"""What a policy of what is withheld goes by."""

ONCE_CLOSED = (
    "A list tells it of an open run only where Tideline started it; of any other it is null there, until the run's"
    " history is archived, about a second after its close."
)
"""Visibility does not tell it, and to describe each open run would cost a request of Temporal each."""


def lasted(start: datetime, close: datetime | None) -> float:
    return ((close or datetime.now(UTC)) - start).total_seconds() * 1000


@strawberry.type(description="An activity that undoes earlier work: its summary or id begins with `compensate`.")
class Compensation:
    name: str
    activity_id: str
    activity_type: str
    status: ActivityStatus
    start_time: datetime | None
    close_time: datetime | None

    @strawberry.field(graphql_type=Failure | None)
    @staticmethod
    def failure(root: strawberry.Parent[Bound[model.Compensation]]) -> Bound[model.Failure] | None:
        return Bound.to(root.ref, root.value.failure)


@strawberry.type(description="Something of a run that a policy withholds from the viewer.")
class Withheld:
    field: str = strawberry.field(
        description="input, result, failure, heartbeat, query, or a path such as metadata.customer.iban."
    )
    masked: bool = strawberry.field(description="Shown as ***; otherwise it is hidden.")


@strawberry.type(description="A run of a workflow.")
class WorkflowExecution(Node, Contents, Family, Answers):
    namespace: str

    @strawberry.field(metadata=reads("workflow_id", of=shown_id))
    @staticmethod
    def workflow_id(root: Row) -> str:
        return shown_id(root.workflow_id)

    run_id: strawberry.ID
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
    summary: str | None = strawberry.field(description=f"Temporal's static summary. {ONCE_CLOSED}")
    details: str | None = strawberry.field(description=f"Temporal's static details. {ONCE_CLOSED}")

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, (model.Execution, model.Glimpse))

    @strawberry.field(
        graphql_type=JSON,
        description=f"Custom attributes given at its start; searchable. {WITHHELD_KEYS}",
        metadata=reads("metadata", *KIND),
    )
    @staticmethod
    def metadata(root: Row, info: Info) -> Any:
        return veiled_object(info, target_of(root), Part.METADATA, root.metadata)

    @strawberry.field(graphql_type=JSON, description=WITHHELD_KEYS, metadata=reads("memo", *KIND))
    @staticmethod
    def memo(root: Row, info: Info) -> Any:
        return veiled_object(info, target_of(root), Part.MEMO, root.memo)

    @strawberry.field(graphql_type=JSON, description=WITHHELD_KEYS, metadata=reads("search_attributes", *KIND))
    @staticmethod
    def search_attributes(root: Row, info: Info) -> Any:
        return veiled_object(info, target_of(root), Part.SEARCH_ATTRIBUTES, shown_attributes(root.search_attributes))

    @strawberry.field(description="What a policy withholds from you of this run: empty where you see all of it.")
    @staticmethod
    def withheld(root: Row, info: Info) -> list[Withheld]:
        found = withheld(info.context.identity, target_of(root))
        return [Withheld(field=str(each), masked=seen is Exposure.MASKED) for each, seen in found.items()]

    @strawberry.field(
        description=f"The first run of its chain of continue-as-new, retries and cron. {ONCE_CLOSED} Of a run that"
        " continues another, lists tell it once that one is archived.",
        metadata=reads("first_run_id"),
    )
    @staticmethod
    def first_run_id(root: Row) -> strawberry.ID | None:
        return strawberry.ID(root.first_run_id) if root.first_run_id else None

    @strawberry.field(
        graphql_type=WorkflowDefinition | None,
        description="What the registry knows of its type; null for a type that is not registered.",
    )
    @staticmethod
    def definition(root: Row, info: Info) -> registry.WorkflowDefinition | None:
        return info.context.gateway.registry.find(root.workflow_type)

    @strawberry.field(
        description="Milliseconds from its start to its close, or so far.", metadata=reads(*SPAN, of=lasted)
    )
    @staticmethod
    def duration_ms(root: Row) -> float:
        return lasted(root.start_time, root.close_time)

    @strawberry.field(
        description="durationMs for a person, in its two largest units, such as 15m 30s or 850ms.",
        metadata=reads(*SPAN),
    )
    @staticmethod
    def duration_text(root: Row) -> str:
        return span(lasted(root.start_time, root.close_time))

    @strawberry.field(description=f"Events in its history. {UNREADABLE}")
    @staticmethod
    async def history_length(root: Row, info: Info) -> int | None:
        return await length_of(root, info)

    @strawberry.field(description=f"Bytes of its history, as Temporal last counted them. {UNREADABLE}")
    @staticmethod
    async def history_size_bytes(root: Row, info: Info) -> float | None:
        return root.history_size_bytes or (await view_of(root, info)).execution.history_size_bytes

    @strawberry.field(
        graphql_type=list[JSON | None] | None, description=f"Its arguments. {NOT_DECODED} {WITHHELD} {UNREADABLE}"
    )
    @staticmethod
    async def input(root: Row, info: Info) -> Any:
        found = shown(info, root.ref, (await view_of(root, info)).projection.input, Part.INPUT)
        return await found if isinstance(found, Awaitable) else found

    @strawberry.field(
        graphql_type=JSON | None,
        description=f"What it returned; null while it is open or where it returned nothing. {NOT_DECODED} {WITHHELD}",
    )
    @staticmethod
    async def result(root: Row, info: Info) -> Any:
        found = shown_single(info, root.ref, (await view_of(root, info)).projection.result, Part.RESULT)
        return await found if isinstance(found, Awaitable) else found

    @strawberry.field(graphql_type=Failure | None, description="Why it closed without a result.")
    @staticmethod
    def failure(root: Row, info: Info) -> Awaitable[Bound[model.Failure] | None] | None:
        if root.status in {WorkflowStatus.RUNNING, WorkflowStatus.PAUSED, WorkflowStatus.COMPLETED}:
            return None
        return _failure(root, info)

    @strawberry.field(graphql_type=Progress | None, description=UNREADABLE, extensions=told(OF_CLOSED, closed_progress))
    @staticmethod
    async def progress(root: Row, info: Info) -> model.Progress:
        return await info.context.gateway.reading.progress(await view_of(root, info))

    @strawberry.field(
        graphql_type=list[Blocker] | None, description=f"Why it is not moving; empty where it moves. {UNREADABLE}"
    )
    @staticmethod
    async def blockers(root: Row, info: Info) -> Sequence[model.Blocker]:
        if root.status.is_closed:
            return ()
        found = await info.context.gateway.reading.blockers(await view_of(root, info))
        seen = exposure(info, target_of(root), Part.FAILURE)
        return [replace(each, message=said(without_reason(seen, each.message))) for each in found]

    @strawberry.field(graphql_type=list[Phase] | None, description=UNREADABLE, extensions=projected("phases"))
    @staticmethod
    def phases(root: Row, found: tuple[model.Phase, ...]) -> Sequence[model.Phase]:
        return found

    @strawberry.field(
        graphql_type=list[Compensation] | None, description=UNREADABLE, extensions=projected("compensations")
    )
    @staticmethod
    def compensations(root: Row, found: tuple[model.Compensation, ...]) -> list[Bound[model.Compensation]]:
        return [Bound(root.ref, each) for each in found]


async def _failure(root: model.Execution, info: Info) -> Bound[model.Failure] | None:
    return Bound.to(root.ref, (await view_of(root, info)).projection.failure)


@strawberry.type
class WorkflowEdge:
    node: WorkflowExecution
    cursor: Cursor = strawberry.field(metadata=PLACE)


@strawberry.type(description="A page of runs.")
class WorkflowConnection(Connection):
    edges: list[WorkflowEdge]
    nodes: list[WorkflowExecution]

    @strawberry.field(
        description=(
            "Whether totalCount is estimated. It is exact where counting takes less than 150 ms, and always for"
            " filters of namespace, tenant, environment, workflowType and status alone; one value of the metadata or of"
            " a search attribute is counted from an index. Else it is what Postgres expects by its statistics."
        ),
        metadata=reads(),
    )
    @staticmethod
    async def total_count_is_estimate(root: strawberry.Parent[ConnectionValue[model.Execution]]) -> bool:
        return root.is_estimate is not None and await root.is_estimate()
