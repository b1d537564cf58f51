"""Activities of a run."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from app import model
from app.api.node import Bound, Node
from app.api.types.failure import Failure, single
from app.api.types.progress import Progress
from app.model import ActivityStatus
from app.progress import activity_progress
from app.protos import values_of

ActivityValue = Bound[model.Activity]


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

    @strawberry.field(description="What the activity reported: one value as it is, several as a list.")
    @staticmethod
    def details(root: strawberry.Parent[model.Heartbeat]) -> JSON | None:
        return single(root.details)


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
    failure: Failure | None
    worker_identity: str | None

    @strawberry.field(description="Milliseconds; null unless both times are known.")
    @staticmethod
    def duration_ms(root: strawberry.Parent[model.Attempt]) -> float | None:
        return milliseconds(root.start_time, root.close_time)


@strawberry.type(description="An activity of a run, regular or local.")
class Activity(Node):
    activity_id: str
    activity_type: str
    status: ActivityStatus
    attempt: int = strawberry.field(description="The current or last attempt, from 1.")
    attempts: list[ActivityAttempt]
    task_queue: str | None
    is_local: bool
    summary: str | None
    scheduled_time: datetime
    start_time: datetime | None = strawberry.field(description="Start of the last attempt.")
    close_time: datetime | None
    next_attempt_time: datetime | None = strawberry.field(description="When it is tried again, while RETRYING.")
    failure: Failure | None = strawberry.field(description="Why it closed without a result.")
    last_failure: Failure | None = strawberry.field(description="Why the attempt before the current one failed.")
    heartbeat: Heartbeat | None
    retry_policy: RetryPolicy | None
    worker_identity: str | None

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        return isinstance(value, Bound) and isinstance(value.value, model.Activity)

    @strawberry.field(description="Null: no bound.")
    @staticmethod
    def maximum_attempts(root: strawberry.Parent[ActivityValue]) -> int | None:
        policy = root.value.retry_policy
        return policy.maximum_attempts if policy else None

    @strawberry.field(
        description="Milliseconds it waited for a worker; null once it was retried, when Temporal no longer knows."
    )
    @staticmethod
    def queue_ms(root: strawberry.Parent[ActivityValue]) -> float | None:
        activity = root.value
        return milliseconds(activity.scheduled_time, activity.start_time) if activity.attempt == 1 else None

    @strawberry.field(
        description="Milliseconds from its start, or its schedule where it was retried, to its close; null while open."
    )
    @staticmethod
    def duration_ms(root: strawberry.Parent[ActivityValue]) -> float | None:
        activity = root.value
        start = activity.start_time if activity.attempt == 1 else activity.scheduled_time
        return milliseconds(start, activity.close_time)

    @strawberry.field
    @staticmethod
    def input(root: strawberry.Parent[ActivityValue]) -> list[JSON]:
        return values_of(root.value.input)

    @strawberry.field
    @staticmethod
    def result(root: strawberry.Parent[ActivityValue]) -> JSON | None:
        return single(root.value.result)

    @strawberry.field(graphql_type=Progress | None, description="From its heartbeat; null where it sends none.")
    @staticmethod
    def progress(root: strawberry.Parent[ActivityValue]) -> model.Progress | None:
        return activity_progress(root.value)


def milliseconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return (end - start).total_seconds() * 1000
