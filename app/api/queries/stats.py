"""Statistics over many runs."""

from __future__ import annotations

import strawberry

from app.api.connections import MAX_LIST, size
from app.api.context import Info
from app.api.inputs import TimeRange, WorkflowFilter
from app.api.types.stats import Bottleneck, WorkflowStats
from app.gateway.reading.stats import StatsView
from app.store.bottlenecks import Bottleneck as BottleneckValue
from app.store.listing import Filter
from app.store.stats import StatsBucket, StatsGroup

DEFAULT_BOTTLENECKS = 10


@strawberry.type
class StatsQuery:
    @strawberry.field(
        graphql_type=list[WorkflowStats],
        description=(
            "Statistics of the runs that the filter finds: one item a group and bucket that has runs, oldest first,"
            " then largest. Buckets are in UTC, by the time of start; HOUR needs a startTime of at most 7 days."
            " Fastest without other conditions than tenant, environment, namespace, type, status, queue and startTime."
        ),
    )
    @staticmethod
    async def workflow_stats(
        info: Info,
        filter: WorkflowFilter | None = None,
        group_by: list[StatsGroup] | None = None,
        bucket: StatsBucket | None = None,
    ) -> list[StatsView]:
        gateway, identity = info.context.gateway, info.context.identity
        wanted = filter.value(gateway.reading.namespace(None)) if filter else Filter()
        return await gateway.stats.workflows(identity, wanted, group_by or (), bucket)

    @strawberry.field(
        graphql_type=list[Bottleneck],
        description="Where the runs of a workflow type spend their time: its activity types, most time first.",
    )
    @staticmethod
    async def bottlenecks(
        info: Info,
        workflow_type: str,
        time: TimeRange | None = None,
        namespace: str | None = None,
        tenant: str | None = None,
        environment: str | None = None,
        first: int | None = None,
    ) -> list[BottleneckValue]:
        gateway, identity = info.context.gateway, info.context.identity
        start, end = (time or TimeRange()).value(("time",))
        wanted = Filter(
            namespaces=(gateway.reading.namespace(namespace),) if namespace else (),
            tenant=tenant,
            environment=environment,
            started_after=start,
            started_before=end,
        )
        limit = size(first, default=DEFAULT_BOTTLENECKS, most=MAX_LIST)
        return await gateway.stats.bottlenecks(identity, workflow_type, wanted, limit)
