"""Schedules: when they start which workflow, and what they have started."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app import cluster, model
from app.access import Exposure, Part, Target
from app.api.connections import Connection
from app.api.context import Info
from app.api.described import Described
from app.api.scalars import Cursor
from app.api.types.activity import RetryPolicy
from app.api.types.execution import WorkflowExecution
from app.api.types.values import NOT_DECODED, decoded
from app.api.veil import MASK, WITHHELD, WITHHELD_KEYS, exposure, veiled_object
from app.cluster import OverlapPolicy
from app.gateway.seeing import shown as shown_id
from app.model import WorkflowStatus


def _kind(of: cluster.Schedule | cluster.ScheduleAction) -> Target:
    """What a policy may withhold of a schedule is what it would of the runs that it starts."""
    return Target(is_run=True, workflow_type=of.workflow_type)


ScheduleValue = Described[cluster.Schedule, cluster.ScheduleDetail]


@strawberry.type(
    description=(
        "Moments that match every field, in the schedule's time zone. Fields are numbers and ranges as text, such as"
        " `9`, `8-18/2` or `Mon-Fri`, several by commas; `*` matches all."
    )
)
class ScheduleCalendar:
    second: str
    minute: str
    hour: str
    day_of_month: str
    month: str
    year: str
    day_of_week: str
    comment: str | None
    text: str = strawberry.field(description="The whole in words, such as `09:30 on Mon-Fri`.")


@strawberry.type(description="Moments at a fixed distance, counted from 1970-01-01 UTC.")
class ScheduleInterval:
    @strawberry.field
    @staticmethod
    def every_seconds(root: strawberry.Parent[cluster.Interval]) -> float:
        return root.every

    @strawberry.field(description="How far the moments are shifted.")
    @staticmethod
    def offset_seconds(root: strawberry.Parent[cluster.Interval]) -> float:
        return root.offset


@strawberry.type(description="When a schedule starts a run: at every moment of its parts but the excluded ones.")
class ScheduleSpec:
    calendars: list[ScheduleCalendar] = strawberry.field(
        description="Calendars, and the cron strings that Temporal has made calendars of."
    )
    intervals: list[ScheduleInterval]
    cron: list[str] = strawberry.field(description="Cron strings that the server has left as they were written.")
    excluded: list[ScheduleCalendar]
    start_time: datetime | None = strawberry.field(description="Nothing starts earlier; null: no bound.")
    end_time: datetime | None = strawberry.field(description="Nothing starts later; null: no bound.")
    time_zone: str = strawberry.field(description="IANA name of the zone of calendars and cron strings.")

    @strawberry.field(description="Each start is put off at random by up to this.")
    @staticmethod
    def jitter_seconds(root: strawberry.Parent[cluster.ScheduleSpec]) -> float:
        return root.jitter


@strawberry.type
class SchedulePolicies:
    overlap: OverlapPolicy
    pause_on_failure: bool = strawberry.field(description="Whether a run that fails for good pauses the schedule.")
    keep_original_workflow_id: bool = strawberry.field(
        description="Whether every run has the same workflow id, without the time it was due."
    )

    @strawberry.field(description="How late a start that was missed may still happen.")
    @staticmethod
    def catch_up_window_seconds(root: strawberry.Parent[cluster.SchedulePolicies]) -> float:
        return root.catch_up_window


@strawberry.type(description="The workflow that a schedule starts. Timeouts are null where there is no bound.")
class ScheduleAction:
    workflow_type: str

    @strawberry.field(description="Workflow ids of the runs begin with this and go on with the time they were due.")
    @staticmethod
    def workflow_id(root: strawberry.Parent[cluster.ScheduleAction]) -> str:
        return shown_id(root.workflow_id)

    task_queue: str
    summary: str | None
    details: str | None
    retry_policy: RetryPolicy | None

    @strawberry.field(graphql_type=JSON, description=WITHHELD_KEYS)
    @staticmethod
    def memo(root: strawberry.Parent[cluster.ScheduleAction], info: Info) -> Any:
        return veiled_object(info, _kind(root), Part.MEMO, root.memo)

    @strawberry.field(graphql_type=JSON, description=WITHHELD_KEYS)
    @staticmethod
    def search_attributes(root: strawberry.Parent[cluster.ScheduleAction], info: Info) -> Any:
        return veiled_object(info, _kind(root), Part.SEARCH_ATTRIBUTES, root.search_attributes)

    @strawberry.field(description=f"Its arguments. {NOT_DECODED} {WITHHELD}")
    @staticmethod
    async def input(root: strawberry.Parent[cluster.ScheduleAction], info: Info) -> list[JSON | None] | None:
        if (seen := exposure(info, _kind(root), Part.INPUT)) is not Exposure.SHOWN:
            return None if seen is Exposure.HIDDEN else [MASK for _ in root.input]  # type: ignore[misc]
        values = decoded(info, root.namespace, root.input)
        return values if isinstance(values, list) else await values

    @strawberry.field
    @staticmethod
    def execution_timeout_seconds(root: strawberry.Parent[cluster.ScheduleAction]) -> float | None:
        return root.execution_timeout

    @strawberry.field
    @staticmethod
    def run_timeout_seconds(root: strawberry.Parent[cluster.ScheduleAction]) -> float | None:
        return root.run_timeout

    @strawberry.field
    @staticmethod
    def task_timeout_seconds(root: strawberry.Parent[cluster.ScheduleAction]) -> float | None:
        return root.task_timeout


@strawberry.type(description="What a schedule has done since it was created.")
class ScheduleCounts:
    started: int
    missed_catch_up_window: int = strawberry.field(description="Starts that came too late to be made up for.")
    overlap_skipped: int = strawberry.field(description="Starts left out because the run before was open.")
    buffer_dropped: int = strawberry.field(description="Starts left out because too many waited.")
    buffered: int = strawberry.field(description="Starts that wait now for the run before to close.")


@strawberry.type(description="A run that a schedule started.")
class ScheduleRun:
    schedule_time: datetime | None = strawberry.field(description="When it was due.")
    actual_time: datetime | None = strawberry.field(description="When it was started.")
    status: WorkflowStatus | None = strawberry.field(
        description="As the schedule last saw it, which may be behind; null where it does not know."
    )

    @strawberry.field
    @staticmethod
    def workflow_id(root: strawberry.Parent[cluster.ScheduleRun]) -> str:
        return shown_id(root.ref.workflow_id)

    @strawberry.field(description="The first run of its chain.")
    @staticmethod
    def run_id(root: strawberry.Parent[cluster.ScheduleRun]) -> strawberry.ID:
        return strawberry.ID(root.ref.run_id)

    @strawberry.field(
        graphql_type=WorkflowExecution | None,
        description="The run; null where it is forgotten or another tenant's.",
    )
    @staticmethod
    async def execution(root: strawberry.Parent[cluster.ScheduleRun], info: Info) -> model.Execution | None:
        return await info.context.loaders.executions.load(root.ref)


@strawberry.type(
    description="Starts a workflow at certain times. What only Temporal's describe tells costs a call each."
)
class Schedule:
    namespace: str

    @strawberry.field
    @staticmethod
    def schedule_id(root: strawberry.Parent[ScheduleValue]) -> str:
        return shown_id(root.row.schedule_id)

    workflow_type: str = strawberry.field(description="The type of workflow that it starts.")
    spec: ScheduleSpec
    paused: bool
    notes: str | None = strawberry.field(description="What was last said of its state, such as why it is paused.")
    tenant: str | None = strawberry.field(description="From its search attributes or memo; null where neither says.")
    environment: str | None
    recent_runs: list[ScheduleRun] = strawberry.field(
        description="The last that it started, oldest first: at most 5 in a list, 10 of one schedule."
    )

    @strawberry.field(graphql_type=JSON, description=WITHHELD_KEYS)
    @staticmethod
    def memo(root: strawberry.Parent[ScheduleValue], info: Info) -> Any:
        return veiled_object(info, _kind(root.row), Part.MEMO, root.row.memo)

    @strawberry.field(graphql_type=JSON, description=WITHHELD_KEYS)
    @staticmethod
    def search_attributes(root: strawberry.Parent[ScheduleValue], info: Info) -> Any:
        return veiled_object(info, _kind(root.row), Part.SEARCH_ATTRIBUTES, root.row.search_attributes)

    @strawberry.field(description="When the next runs are due: at most 5 in a list, 10 of one schedule.")
    @staticmethod
    def next_times(root: strawberry.Parent[ScheduleValue]) -> list[datetime]:
        return list(root.row.next_times)

    @strawberry.field(graphql_type=ScheduleAction)
    @staticmethod
    async def action(root: strawberry.Parent[ScheduleValue]) -> cluster.ScheduleAction:
        return (await root.detail()).action

    @strawberry.field(graphql_type=SchedulePolicies)
    @staticmethod
    async def policies(root: strawberry.Parent[ScheduleValue]) -> cluster.SchedulePolicies:
        return (await root.detail()).policies

    @strawberry.field(graphql_type=ScheduleCounts)
    @staticmethod
    async def counts(root: strawberry.Parent[ScheduleValue]) -> cluster.ScheduleCounts:
        return (await root.detail()).counts

    @strawberry.field(description="How many more runs it may start; null: no bound.")
    @staticmethod
    async def remaining_starts(root: strawberry.Parent[ScheduleValue]) -> int | None:
        return (await root.detail()).remaining_starts

    @strawberry.field(graphql_type=list[WorkflowExecution], description="Its runs that are open now.")
    @staticmethod
    async def running_workflows(root: strawberry.Parent[ScheduleValue], info: Info) -> Sequence[model.Execution]:
        refs = (await root.detail()).running
        found = await info.context.loaders.executions.load_many(list(refs))
        return [each for each in found if each is not None]

    @strawberry.field
    @staticmethod
    async def create_time(root: strawberry.Parent[ScheduleValue]) -> datetime | None:
        return (await root.detail()).create_time

    @strawberry.field(description="When it was last changed; null where it never was.")
    @staticmethod
    async def update_time(root: strawberry.Parent[ScheduleValue]) -> datetime | None:
        return (await root.detail()).update_time


@strawberry.type
class ScheduleEdge:
    node: Schedule
    cursor: Cursor


@strawberry.type(description="A page of schedules, namespace by namespace.")
class ScheduleConnection(Connection):
    edges: list[ScheduleEdge]
    nodes: list[Schedule]
