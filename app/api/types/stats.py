"""Statistics of runs and of activities."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.gateway.reading.stats import StatsView
from app.model import WorkflowStatus
from app.store.bottlenecks import Bottleneck as BottleneckValue
from app.store.stats import Stats, StatsGroup

View = strawberry.Parent[StatsView]


@strawberry.type(description="How many runs have this status.")
class StatusCount:
    status: WorkflowStatus
    count: int


@strawberry.type(description="How a group differs from the span of the same length before. Null where one has none.")
class StatsTrend:
    previous_count: int = strawberry.field(description="Runs that started in the span before.")
    count_change: float | None = strawberry.field(
        description="0.25 is a quarter more runs; null where there were none."
    )
    success_rate_change: float | None = strawberry.field(description="0.05 is five percentage points more.")
    duration_p50_change: float | None = strawberry.field(description="0.1 is a tenth slower.")


@strawberry.type(
    description=(
        "What the runs of one group come to. A run belongs to the time of its start. Counts and averages are exact,"
        " percentiles of durations are right to 1 %."
    )
)
class WorkflowStats:
    @strawberry.field(description="Null unless grouped by TYPE.")
    @staticmethod
    def workflow_type(root: View) -> str | None:
        return _of(root, StatsGroup.TYPE)

    @strawberry.field(graphql_type=WorkflowStatus | None, description="Null unless grouped by STATUS.")
    @staticmethod
    def status(root: View) -> WorkflowStatus | None:
        status = _of(root, StatsGroup.STATUS)
        return WorkflowStatus(status) if status else None

    @strawberry.field(description="Null unless grouped by TASK_QUEUE.")
    @staticmethod
    def task_queue(root: View) -> str | None:
        return _of(root, StatsGroup.TASK_QUEUE)

    @strawberry.field(description="Null unless grouped by TENANT.")
    @staticmethod
    def tenant(root: View) -> str | None:
        return _of(root, StatsGroup.TENANT)

    @strawberry.field(description="Null unless grouped by ENVIRONMENT.")
    @staticmethod
    def environment(root: View) -> str | None:
        return _of(root, StatsGroup.ENVIRONMENT)

    @strawberry.field(description="Null unless grouped by NAMESPACE.")
    @staticmethod
    def namespace(root: View) -> str | None:
        return _of(root, StatsGroup.NAMESPACE)

    @strawberry.field(description="Where its bucket begins, in UTC; weeks begin on Monday. Null without buckets.")
    @staticmethod
    def bucket_start(root: View) -> datetime | None:
        return root.stats.bucket_start

    @strawberry.field(description="Runs that started.")
    @staticmethod
    def count(root: View) -> int:
        return root.stats.count

    @strawberry.field(description="Those of them that have closed by now.")
    @staticmethod
    def closed_count(root: View) -> int:
        return root.stats.closed

    @strawberry.field(description="By the status that they have now; statuses that no run has are left out.")
    @staticmethod
    def status_counts(root: View) -> list[StatusCount]:
        counts = sorted(root.stats.counts.items(), key=lambda each: (-each[1], each[0]))
        return [StatusCount(status=status, count=count) for status, count in counts]

    @strawberry.field(description="COMPLETED of the closed ones, 0 to 1; null while none has closed.")
    @staticmethod
    def success_rate(root: View) -> float | None:
        return rate_of(root.stats, WorkflowStatus.COMPLETED)

    @strawberry.field(description="FAILED and TIMED_OUT of the closed ones, 0 to 1; null while none has closed.")
    @staticmethod
    def failure_rate(root: View) -> float | None:
        return rate_of(root.stats, WorkflowStatus.FAILED, WorkflowStatus.TIMED_OUT)

    @strawberry.field(description="Starts an hour, over the part of the bucket or of the range that has passed.")
    @staticmethod
    def throughput_per_hour(root: View) -> float | None:
        hours = (root.end - root.start).total_seconds() / 3600
        return root.stats.count / hours if hours > 0 else None

    @strawberry.field(description="Milliseconds that half of the closed runs took at most; null while none has closed.")
    @staticmethod
    def duration_p50_ms(root: View) -> float | None:
        return root.stats.duration_ms(0.5)

    @strawberry.field
    @staticmethod
    def duration_p95_ms(root: View) -> float | None:
        return root.stats.duration_ms(0.95)

    @strawberry.field
    @staticmethod
    def duration_p99_ms(root: View) -> float | None:
        return root.stats.duration_ms(0.99)

    @strawberry.field(description="Milliseconds that the closed runs took on average.")
    @staticmethod
    def duration_average_ms(root: View) -> float | None:
        return 1000 * root.stats.seconds / root.stats.closed if root.stats.closed else None

    @strawberry.field
    @staticmethod
    def first_start(root: View) -> datetime:
        return root.stats.first_start

    @strawberry.field
    @staticmethod
    def last_start(root: View) -> datetime:
        return root.stats.last_start

    @strawberry.field(
        description="Against the span before; null without filter.startTime.from, with a bucket, and for a new group."
    )
    @staticmethod
    async def trend(root: View) -> StatsTrend | None:
        before = await root.previous.of(root.stats.key) if root.previous else None
        return trend_of(root.stats, before) if before else None


def trend_of(now: Stats, before: Stats) -> StatsTrend:
    rates = [rate_of(each, WorkflowStatus.COMPLETED) for each in (now, before)]
    return StatsTrend(
        previous_count=before.count,
        count_change=_change(now.count, before.count),
        success_rate_change=None if rates[0] is None or rates[1] is None else rates[0] - rates[1],
        duration_p50_change=_change(now.duration_ms(0.5), before.duration_ms(0.5)),
    )


def _change(now: float | None, before: float | None) -> float | None:
    return None if now is None or not before else now / before - 1


def rate_of(stats: Stats, *statuses: WorkflowStatus) -> float | None:
    return sum(stats.counts.get(status, 0) for status in statuses) / stats.closed if stats.closed else None


def _of(root: StatsView, group: StatsGroup) -> str | None:
    return root.stats.key[list(StatsGroup).index(group)]


@strawberry.type(
    description=(
        "An activity type within the runs of a workflow type. Statistics are of the last 20,000 activities of archived"
        " runs that were scheduled in the span."
    )
)
class Bottleneck:
    activity_type: str
    activities: int = strawberry.field(description="How many were looked at.")
    runs: int = strawberry.field(description="In how many runs.")
    total_ms: float = strawberry.field(description="Milliseconds that they took together.")
    share: float = strawberry.field(description="Of the time of all activity types, 0 to 1.")
    average_ms: float | None = strawberry.field(description="From start to close; null where no duration is known.")
    p95_ms: float | None
    average_queue_ms: float | None = strawberry.field(
        description="From schedule to start, of those that were not retried; null where none is known."
    )
    average_attempts: float
    retries: int = strawberry.field(description="Attempts beyond the first of each.")
    failed: int
    timed_out: int
    since: datetime = strawberry.field(description="When the first that was looked at was scheduled.")

    @strawberry.field(description="Failed and timed out of all, 0 to 1.")
    @staticmethod
    def failure_rate(root: strawberry.Parent[BottleneckValue]) -> float:
        return root.failure_rate
