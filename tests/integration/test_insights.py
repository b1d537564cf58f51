"""What many runs tell, asked for in GraphQL: statistics, bottlenecks, alerts, profiles and missing workers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.alerting import AlertKind, Finding, Rule
from app.gateway.reading.insights import Cache
from app.hub.streams import progresses
from app.model import ExecutionRef, Profile, ProgressSource, WorkflowStatus
from app.store.alerts import Alerts
from app.store.executions import Executions
from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted, member
from tests.integration.test_store_executions import execution
from tests.waiting import eventually

NOW = datetime.now(UTC)
STATS = """query ($filter: WorkflowFilter, $groups: [StatsGroup!], $bucket: StatsBucket) {
  workflowStats(filter: $filter, groupBy: $groups, bucket: $bucket) {
    workflowType status tenant bucketStart count closedCount statusCounts { status count } successRate failureRate
    durationP50Ms durationP95Ms durationP99Ms durationAverageMs throughputPerHour firstStart lastStart
    trend { previousCount countChange successRateChange durationP50Change }
  }
}"""


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as host:
        yield host


async def record(host: Host, hours_ago: float, status: WorkflowStatus, seconds: float, **fields: str) -> None:
    start = NOW - timedelta(hours=hours_ago)
    close = None if status is WorkflowStatus.RUNNING else start + timedelta(seconds=seconds)
    row = execution(status=status, start_time=start, close_time=close, **fields)
    await Executions(host.database).record([row])


async def test_statistics_by_type_with_their_trend(host: Host) -> None:
    for hours, status, seconds in (
        (30, WorkflowStatus.COMPLETED, 10),
        (30, WorkflowStatus.FAILED, 10),
        (5, WorkflowStatus.COMPLETED, 20),
        (4, WorkflowStatus.COMPLETED, 20),
        (3, WorkflowStatus.COMPLETED, 20),
        (2, WorkflowStatus.TIMED_OUT, 20),
        (1, WorkflowStatus.RUNNING, 0),
    ):
        await record(host, hours, status, seconds)
    await record(host, 1, WorkflowStatus.COMPLETED, 5, workflow_type="Sync", tenant="beta")
    day = {"startTime": {"from": (NOW - timedelta(hours=24)).isoformat(), "before": NOW.isoformat()}}
    data = await host.data(STATS, filter=day, groups=["TYPE"])
    order, sync = data["workflowStats"]
    assert (order["workflowType"], order["status"], order["bucketStart"]) == ("Order", None, None)
    assert (order["count"], order["closedCount"], order["successRate"], order["failureRate"]) == (5, 4, 0.75, 0.25)
    assert order["statusCounts"][0] == {"status": "COMPLETED", "count": 3}
    assert order["durationP50Ms"] == pytest.approx(20_000, rel=0.01)
    assert order["durationAverageMs"] == pytest.approx(20_000)
    assert order["throughputPerHour"] == pytest.approx(5 / 24)
    trend = order["trend"]
    assert (trend["previousCount"], trend["countChange"], trend["successRateChange"]) == (2, 1.5, 0.25)
    assert trend["durationP50Change"] == pytest.approx(1.0, rel=0.05)
    assert (sync["workflowType"], sync["count"], sync["trend"]) == ("Sync", 1, None)
    seen = await host.data(STATS, member("beta", environment="production"), groups=["TENANT", "STATUS"])
    assert [(each["tenant"], each["status"], each["count"]) for each in seen["workflowStats"]] == [
        ("beta", "COMPLETED", 1)
    ]
    assert (await host.data(STATS, member("acme"), filter={"tenant": "beta"}))["workflowStats"] == []
    hours = await host.data(STATS, filter=day, bucket="HOUR")
    assert sum(each["count"] for each in hours["workflowStats"]) == 6


@pytest.mark.parametrize(
    ("filter_", "said"),
    [
        (None, "By hour, filter.startTime must span at most 7 days"),
        ({"startTime": {"from": "2026-01-01T00:00:00Z", "before": "2026-02-01T00:00:00Z"}}, "at most 7 days"),
    ],
)
async def test_hours_need_a_short_span(host: Host, filter_: object, said: str) -> None:
    answer = await host.ask(STATS, filter=filter_, bucket="HOUR")
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert said in error["message"]


async def test_bottlenecks_are_a_tenants_own(host: Host) -> None:
    await host.database.execute(
        "insert into activities (namespace, workflow_id, run_id, scheduled_event_id, tenant, environment,"
        " workflow_type, activity_id, activity_type, status, attempt, is_local, scheduled_time, duration_ms)"
        " select 'default', 'w', 'r', n, 'acme', 'default', 'Order', n::text, case when n > 3 then 'save' else 'load'"
        " end, 'COMPLETED', 1, false, now() - interval '1 hour', 100 from generate_series(1, 4) n"
    )
    query = """{ bottlenecks(workflowType: "Order", first: 1) { activityType share activities failureRate
        averageMs p95Ms averageQueueMs averageAttempts retries failed timedOut totalMs runs since } }"""
    [first] = (await host.data(query))["bottlenecks"]
    assert (first["activityType"], first["share"], first["activities"]) == ("load", 0.75, 3)
    assert (await host.data(query, member("beta")))["bottlenecks"] == []


async def test_alerts_in_pages(host: Host) -> None:
    rule = Rule("late", AlertKind.RUN_OVERDUE, 2)
    findings = [
        Finding(str(number), f"w-{number}", "It is late", 3, "default", "acme", "default") for number in range(3)
    ]
    await Alerts(host.database).settle(rule, findings)
    query = """query ($after: Cursor) { alerts(filter: {open: true, kind: [RUN_OVERDUE]}, first: 2, after: $after) {
        totalCount pageInfo { hasNextPage endCursor }
        nodes { id rule kind severity name message value threshold raisedAt resolvedAt tenant
            execution { status } } } }"""
    page = (await host.data(query, member("acme")))["alerts"]
    assert (page["totalCount"], len(page["nodes"]), page["pageInfo"]["hasNextPage"]) == (3, 2, True)
    rest = (await host.data(query, member("acme"), after=page["pageInfo"]["endCursor"]))["alerts"]
    assert len(rest["nodes"]) == 1
    assert {each["name"] for each in (*page["nodes"], *rest["nodes"])} == {"w-0", "w-1", "w-2"}
    assert (await host.data(query, member("beta")))["alerts"]["nodes"] == []


async def put_profile(host: Host, workflow_type: str, seconds: float) -> None:
    await host.database.execute(
        "insert into profiles (namespace, tenant, environment, workflow_type, runs, p50, p90, activities)"
        " values ('default', 'default', 'default', $1, 20, $2, $2, 0)",
        workflow_type,
        seconds,
    )


async def test_a_run_that_publishes_nothing_is_told_by_its_profile(
    host: Host, temporal: TemporalServer, task_queue: str
) -> None:
    workflow_type = f"Quiet-{uuid.uuid4().hex[:6]}"
    await put_profile(host, workflow_type, 20)
    handles = [
        await temporal.client.start_workflow(workflow_type, id=f"{workflow_type}-{number}", task_queue=task_queue)
        for number in range(3)
    ]
    query = """query ($refs: [WorkflowRef!]!) { workflowBatch(refs: $refs) {
        progress { percent etaSeconds source } blockers { kind message } } }"""
    refs = [{"workflowId": handle.id} for handle in handles]

    async def told() -> list[dict[str, Any]]:
        return list((await host.data(query, refs=refs))["workflowBatch"])

    found = await eventually(
        told, lambda runs: all(run["blockers"] for run in runs) and runs[0]["progress"]["percent"] > 0
    )
    for each in found:
        progress, blockers = each["progress"], each["blockers"]
        assert progress["source"] == "PROFILE"
        assert 0 <= progress["percent"] < 99
        assert progress["etaSeconds"] == pytest.approx(20 - progress["percent"] / 5, abs=0.5)
        message = f"No worker polls task queue {task_queue} for its workflow tasks"
        assert {"kind": "NO_WORKERS", "message": message} in blockers
    for handle in handles:
        await handle.terminate()


async def test_a_stream_moves_with_the_clock(host: Host, temporal: TemporalServer, task_queue: str) -> None:
    workflow_type = f"Quiet-{uuid.uuid4().hex[:6]}"
    handle = await temporal.client.start_workflow(workflow_type, id=workflow_type, task_queue=task_queue)
    assert handle.first_execution_run_id
    ref = ExecutionRef("default", handle.id, handle.first_execution_run_id)
    profile = Profile("default", "default", "default", workflow_type, 20, 30.0, 30.0, 0)

    async def known(_: object) -> Profile:
        return profile

    percents: list[float] = []
    stream = progresses(host.gateway.watching._hub, ref, None, None, None, known)
    async with asyncio.timeout(15):
        async for step in stream:
            assert step.progress.source is ProgressSource.PROFILE
            percents.append(step.progress.percent or 0.0)
            if len(percents) == 3:
                break
    await stream.aclose()
    assert percents == sorted(set(percents))
    await handle.terminate()


async def test_what_is_asked_together_is_loaded_together() -> None:
    loads: list[list[int]] = []

    async def load(keys: list[int]) -> dict[int, str]:
        loads.append(keys)
        if 13 in keys:
            raise LookupError("13")
        return {key: str(key) for key in keys if key < 100}

    cache = Cache[int, str](load, 60)
    assert await asyncio.gather(*(cache.get(key) for key in (1, 2, 1, 100))) == ["1", "2", "1", None]
    assert await cache.get(2) == "2"
    assert loads == [[1, 2, 100]]
    for _ in range(2):
        with pytest.raises(LookupError):
            await cache.get(13)
    assert loads[1:] == [[13], [13]]
    brief = Cache[int, str](load, -1)
    await brief.get(1)
    await brief.get(1)
    assert loads[3:] == [[1], [1]]
