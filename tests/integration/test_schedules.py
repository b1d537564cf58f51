"""Schedules of a real server through the engine."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted, member
from tests.waiting import eventually

TENANT = SearchAttributeKey.for_keyword("TenantId")
ENVIRONMENT = SearchAttributeKey.for_keyword("EnvironmentId")
WHOLE = """query ($id: String!) { schedule(scheduleId: $id) {
  scheduleId namespace workflowType paused notes tenant environment memo nextTimes createTime updateTime
  spec { calendars { second minute hour dayOfMonth month year dayOfWeek comment text } cron timeZone
    intervals { everySeconds offsetSeconds } jitterSeconds startTime endTime excluded { text } }
  policies { overlap catchUpWindowSeconds pauseOnFailure keepOriginalWorkflowId }
  action { workflowType workflowId taskQueue input memo summary executionTimeoutSeconds
    retryPolicy { maximumAttempts } }
  recentRuns { scheduleTime actualTime status workflowId runId execution { workflowId runId status } }
  runningWorkflows { workflowId status }
  counts { started missedCatchUpWindow overlapSkipped buffered } remainingStarts } }"""
LIST = """query ($query: String, $first: Int, $after: Cursor) { schedules(query: $query, first: $first, after: $after) {
  totalCount nodes { scheduleId tenant } edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as started:
        yield started


def action(name: str, task_queue: str) -> ScheduleActionStartWorkflow:
    return ScheduleActionStartWorkflow(
        "Nightly",
        {"plan": "pro"},
        id=f"run-of-{name}",
        task_queue=task_queue,
        memo={"tenant": "acme"},
        static_summary="Night shift",
        execution_timeout=timedelta(hours=1),
    )


def rich(name: str, task_queue: str) -> Schedule:
    """A schedule that uses everything that a specification can say."""
    return Schedule(
        action=action(name, task_queue),
        spec=ScheduleSpec(
            cron_expressions=["30 9 * * MON-FRI"],
            calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(8, 18, 2)], comment="office hours")],
            intervals=[ScheduleIntervalSpec(every=timedelta(hours=1), offset=timedelta(minutes=5))],
            skip=[ScheduleCalendarSpec(month=[ScheduleRange(12)], day_of_month=[ScheduleRange(24, 26)])],
            start_at=datetime(2026, 1, 1, tzinfo=UTC),
            end_at=datetime(2999, 1, 1, tzinfo=UTC),
            jitter=timedelta(seconds=3),
            time_zone_name="Europe/Berlin",
        ),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.BUFFER_ONE, catchup_window=timedelta(minutes=10), pause_on_failure=True
        ),
        state=ScheduleState(note="made by a test", limited_actions=True, remaining_actions=7),
    )


async def plain(client: Client, name: str, tenant: str | None = None, **options: Any) -> None:
    pairs = [SearchAttributePair(TENANT, tenant)] if tenant else []
    await client.create_schedule(
        name,
        Schedule(action=action(name, "nobody"), spec=ScheduleSpec(), state=ScheduleState(paused=True)),
        search_attributes=TypedSearchAttributes(pairs),
        **options,
    )


async def test_everything_of_a_schedule(host: Host, temporal: TemporalServer, task_queue: str) -> None:
    name = f"rich-{task_queue}"
    handle = await temporal.client.create_schedule(
        name, rich(name, task_queue), memo={"tenant": "acme", "owner": "billing"}
    )
    await handle.trigger()

    async def ask() -> Any:
        return (await host.data(WHOLE, id=name))["schedule"]

    found = await eventually(ask, lambda each: each["runningWorkflows"])
    assert (found["scheduleId"], found["namespace"], found["workflowType"]) == (name, "default", "Nightly")
    assert (found["tenant"], found["environment"]) == ("acme", "default")
    assert (found["paused"], found["notes"], found["remainingStarts"]) == (False, "made by a test", 7)
    assert found["memo"] == {"tenant": "acme", "owner": "billing"}

    spec = found["spec"]
    assert {each["text"] for each in spec["calendars"]} == {"09:30 on Mon-Fri", "hour 8-18/2, minute 0"}
    office = next(each for each in spec["calendars"] if each["comment"])
    assert (office["hour"], office["dayOfWeek"], office["month"], office["year"]) == ("8-18/2", "*", "*", "*")
    assert spec["intervals"] == [{"everySeconds": 3600, "offsetSeconds": 300}]
    assert [each["text"] for each in spec["excluded"]] == ["00:00 on day 24-26 in Dec"]
    assert (spec["jitterSeconds"], spec["timeZone"], spec["cron"]) == (3, "Europe/Berlin", [])
    assert spec["startTime"].startswith("2026-01-01T00:00:00")
    assert spec["endTime"].startswith("2999-01-01T00:00:00")

    assert found["policies"] == {
        "overlap": "BUFFER_ONE",
        "catchUpWindowSeconds": 600,
        "pauseOnFailure": True,
        "keepOriginalWorkflowId": False,
    }
    assert found["action"] == {
        "workflowType": "Nightly",
        "workflowId": f"run-of-{name}",
        "taskQueue": task_queue,
        "input": [{"plan": "pro"}],
        "memo": {"tenant": "acme"},
        "summary": "Night shift",
        "executionTimeoutSeconds": 3600,
        "retryPolicy": None,
    }
    assert len(found["nextTimes"]) == 7  # of the usual ten, as many as may still start
    assert found["nextTimes"] == sorted(found["nextTimes"])
    assert found["counts"] == {"started": 1, "missedCatchUpWindow": 0, "overlapSkipped": 0, "buffered": 0}
    assert found["createTime"] is not None
    assert found["updateTime"] is None

    (run,) = found["recentRuns"]
    assert run["workflowId"].startswith(f"run-of-{name}-")
    assert run["status"] == "RUNNING"
    assert run["execution"] == {"workflowId": run["workflowId"], "runId": run["runId"], "status": "RUNNING"}
    assert run["scheduleTime"] <= run["actualTime"]
    assert found["runningWorkflows"] == [{"workflowId": run["workflowId"], "status": "RUNNING"}]


async def test_paused_schedules_say_why(host: Host, temporal: TemporalServer, task_queue: str) -> None:
    name = f"paused-{task_queue}"
    handle = await temporal.client.create_schedule(name, Schedule(action=action(name, task_queue), spec=ScheduleSpec()))
    await handle.pause(note="the source is down")
    found = await host.data("query ($id: String!) { schedule(scheduleId: $id) { paused notes nextTimes } }", id=name)
    assert found["schedule"] == {"paused": True, "notes": "the source is down", "nextTimes": []}


async def listed(host: Host, count: int, **variables: Any) -> Any:
    """The list, once visibility has seen `count` of it."""

    async def ask() -> Any:
        return (await host.data(LIST, **variables))["schedules"]

    return await eventually(ask, lambda each: each["totalCount"] == count)


async def test_the_list_goes_on_behind_every_cursor(host: Host, temporal: TemporalServer) -> None:
    tenant = uuid.uuid4().hex
    names = {f"{tenant}-{number}" for number in range(5)}
    for name in names:
        await plain(temporal.client, name, tenant)
    query = f'TenantId = "{tenant}"'
    whole = await listed(host, 5, query=query)
    ids = [each["scheduleId"] for each in whole["nodes"]]
    assert set(ids) == names
    assert whole["pageInfo"]["hasNextPage"] is False

    for place, edge in enumerate(whole["edges"]):
        rest = (await host.data(LIST, query=query, after=edge["cursor"]))["schedules"]
        assert [each["scheduleId"] for each in rest["nodes"]] == ids[place + 1 :]
        assert rest["pageInfo"]["hasPreviousPage"] is True

    walked: list[str] = []
    after = None
    for _ in range(3):
        page = (await host.data(LIST, query=query, first=2, after=after))["schedules"]
        walked += [each["scheduleId"] for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["pageInfo"]["hasNextPage"] is (len(walked) < 5)
    assert walked == ids


async def test_lists_describe_what_is_selected(host: Host, temporal: TemporalServer) -> None:
    tenant = uuid.uuid4().hex
    for number in range(2):
        await plain(temporal.client, f"{tenant}-{number}", tenant)
    await listed(host, 2, query=f'TenantId = "{tenant}"')
    found = await host.data(
        """query ($query: String) { schedules(query: $query) { nodes {
             action { taskQueue input } policies { overlap catchUpWindowSeconds } counts { started } } } }""",
        query=f'TenantId = "{tenant}"',
    )
    assert (
        found["schedules"]["nodes"]
        == [
            {
                "action": {"taskQueue": "nobody", "input": [{"plan": "pro"}]},
                "policies": {"overlap": "SKIP", "catchUpWindowSeconds": 365 * 24 * 3600},
                "counts": {"started": 0},
            }
        ]
        * 2
    )


async def test_a_tenant_sees_its_own(host: Host, temporal: TemporalServer) -> None:
    mine, other = uuid.uuid4().hex, uuid.uuid4().hex
    for number in range(3):
        await plain(temporal.client, f"{mine}-{number}", mine)
        await plain(temporal.client, f"{other}-{number}", other)
    await plain(temporal.client, f"{mine}-memo", memo={"tenant": mine, "environment": "default"})
    await plain(temporal.client, f"{mine}-elsewhere", memo={"tenant": mine, "environment": "test"})
    await plain(temporal.client, f"{mine}-nobody")
    identity = member(mine)
    expected = [f"{mine}-memo", *(f"{mine}-{number}" for number in (2, 1, 0))]
    first = await listed(host, 4, identity=identity, first=3)
    assert [each["scheduleId"] for each in first["nodes"]] == expected[:3]
    assert first["pageInfo"]["hasNextPage"] is True
    rest = (await host.data(LIST, identity, after=first["pageInfo"]["endCursor"]))["schedules"]
    assert [each["scheduleId"] for each in rest["nodes"]] == expected[3:]
    assert rest["pageInfo"]["hasNextPage"] is False

    one = "query ($id: String!) { schedule(scheduleId: $id) { scheduleId } }"
    assert (await host.data(one, identity, id=f"{mine}-1"))["schedule"] == {"scheduleId": f"{mine}-1"}
    for name in (f"{other}-1", f"{mine}-nobody", f"{mine}-elsewhere", "unknown"):
        assert (await host.data(one, identity, id=name))["schedule"] is None


async def test_what_cannot_be_meant_is_refused(host: Host) -> None:
    for variables, argument in (
        ({"query": "not a query"}, "query"),
        ({"first": 101}, "first"),
        ({"after": "nonsense"}, "after"),
    ):
        (error,) = (await host.ask(LIST, **variables))["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT", variables
        assert error["extensions"]["argument"] == [argument], variables
    (error,) = (await host.ask('{ schedules(namespace: "elsewhere") { totalCount } }'))["errors"]
    assert "elsewhere" in error["message"]
