"""Activities of a run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app import model
from app.access import Part
from app.api.connections import Connection
from app.api.context import Info
from app.api.node import Bound, Node
from app.api.scalars import Cursor
from app.api.types.failure import Failure
from app.api.types.progress import Progress
from app.api.types.values import NOT_DECODED, shown, shown_single
from app.api.veil import WITHHELD
from app.model import ActivityStatus, milliseconds
from app.progress import activity_progress

ActivityValue = Bound[model.Activity]
Root = strawberry.Parent[ActivityValue]


@strawberry.type(description="How an activity is tried again. Spans are in seconds; null means no bound.")
class RetryPolicy:
    initial_interval: float
    backoff_coefficient: float
    maximum_interval: float | None
    maximum_attempts: int | None
    non_retryable_error_types: list[str]


@strawberry.type(description="The last heartbeat of a running activity.")
class Heartbeat:
    time: datetime

    @strawberry.field(
        graphql_type=JSON | None,
        description=f"What the activity reported: one value as it is, several as a list. {NOT_DECODED} {WITHHELD}",
    )
    @staticmethod
    def details(root: strawberry.Parent[Bound[model.Heartbeat]], info: Info) -> Any:
        return shown_single(info, root.ref, root.value.details, Part.HEARTBEAT)


@strawberry.type(
    description=(
        "One attempt of an activity. Temporal keeps the times of the last attempt; of earlier ones it keeps"
        " the last failure."
    )
)
class ActivityAttempt:
    attempt: int
    start_time: datetime | None
    close_time: datetime | None
    worker_identity: str | None

    @strawberry.field(description="Milliseconds; null unless both times are known.")
    @staticmethod
    def duration_ms(root: strawberry.Parent[Bound[model.Attempt]]) -> float | None:
        return milliseconds(root.value.start_time, root.value.close_time)

    @strawberry.field(graphql_type=Failure | None)
    @staticmethod
    def failure(root: strawberry.Parent[Bound[model.Attempt]]) -> Bound[model.Failure] | None:
        return Bound.to(root.ref, root.value.failure)


@strawberry.type(description="An activity of a run, regular or local.")
class Activity(Node):
    activity_id: str
    activity_type: str
    status: ActivityStatus
    attempt: int = strawberry.field(description="The current or last attempt, from 1.")
    task_queue: str | None
    is_local: bool
    summary: str | None
    scheduled_time: datetime
    start_time: datetime | None = strawberry.field(description="Start of the last attempt.")
    close_time: datetime | None
    next_attempt_time: datetime | None = strawberry.field(description="When it is tried again, while RETRYING.")
    queue_ms: float | None = strawberry.field(
        description="Milliseconds it waited for a worker; null once it was retried, when Temporal no longer knows."
    )
    duration_ms: float | None = strawberry.field(
        description="Milliseconds from its start, or its schedule where it was retried, to its close; null while open."
    )
    retry_policy: RetryPolicy | None
    worker_identity: str | None

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, Bound) and isinstance(value.value, model.Activity)

    @strawberry.field(description="Null: no bound.")
    @staticmethod
    def maximum_attempts(root: Root) -> int | None:
        policy = root.value.retry_policy
        return policy.maximum_attempts if policy else None

    @strawberry.field(graphql_type=list[ActivityAttempt])
    @staticmethod
    def attempts(root: Root) -> list[Bound[model.Attempt]]:
        return [Bound(root.ref, each) for each in root.value.attempts]

    @strawberry.field(graphql_type=Failure | None, description="Why it closed without a result.")
    @staticmethod
    def failure(root: Root) -> Bound[model.Failure] | None:
        return Bound.to(root.ref, root.value.failure)

    @strawberry.field(graphql_type=Failure | None, description="Why the attempt before the current one failed.")
    @staticmethod
    def last_failure(root: Root) -> Bound[model.Failure] | None:
        return Bound.to(root.ref, root.value.last_failure)

    @strawberry.field(graphql_type=Heartbeat | None)
    @staticmethod
    def heartbeat(root: Root) -> Bound[model.Heartbeat] | None:
        return Bound.to(root.ref, root.value.heartbeat)

    @strawberry.field(graphql_type=list[JSON | None] | None, description=f"Its arguments. {NOT_DECODED} {WITHHELD}")
    @staticmethod
    def input(root: Root, info: Info) -> Any:
        return shown(info, root.ref, root.value.input, Part.INPUT)

    @strawberry.field(
        graphql_type=JSON | None,
        description=f"What it returned; null while open or for nothing. {NOT_DECODED} {WITHHELD}",
    )
    @staticmethod
    def result(root: Root, info: Info) -> Any:
        return shown_single(info, root.ref, root.value.result, Part.RESULT)

    @strawberry.field(graphql_type=Progress | None, description="From its heartbeat; null where it sends none.")
    @staticmethod
    def progress(root: Root) -> model.Progress | None:
        return activity_progress(root.value)


@strawberry.type
class ActivityEdge:
    node: Activity
    cursor: Cursor


@strawberry.type(description="A page of activities.")
class ActivityConnection(Connection):
    edges: list[ActivityEdge]
    nodes: list[Activity]
