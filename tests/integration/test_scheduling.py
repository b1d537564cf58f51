"""Making, changing and driving schedules of a real server through the engine."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import ScheduleHandle

from app.access import Identity, Role
from app.cluster.schedule_change import ScheduleChange
from app.gateway import Caller
from app.gateway.schedules.schedule_names import ScheduleName
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, member
from tests.waiting import eventually

SHOWN = """schedule { scheduleId tenant environment paused notes remainingStarts nextTimes memo searchAttributes
    spec { calendars { text comment } intervals { everySeconds offsetSeconds } excluded { text } startTime endTime
      jitterSeconds timeZone }
    policies { overlap catchUpWindowSeconds pauseOnFailure keepOriginalWorkflowId }
    action { workflowType workflowId taskQueue input memo searchAttributes summary details executionTimeoutSeconds
      runTimeoutSeconds taskTimeoutSeconds retryPolicy { maximumAttempts } } }
  userErrors { code path message }"""


def mutation(name: str) -> str:
    kind = f"{name[0].upper()}{name[1:]}Input"
    shown = "deleted userErrors { code path message }" if name == "deleteSchedule" else SHOWN
    return f"mutation ($input: {kind}!) {{ done: {name}(input: $input) {{ {shown} }} }}"


async def done(host: Host, name: str, given: dict[str, Any], identity: Identity = ANYBODY) -> Any:
    """The payload of a mutation that is not refused."""
    payload = (await host.data(mutation(name), identity, input=given))["done"]
    assert payload["userErrors"] == []
    return payload.get("schedule")


async def refused(host: Host, name: str, given: dict[str, Any], identity: Identity = ANYBODY) -> dict[Any, str]:
    """The paths of the refusals with their codes."""
    payload = (await host.data(mutation(name), identity, input=given))["done"]
    assert payload.get("schedule") is None
    return {tuple(each["path"]): each["code"] for each in payload["userErrors"]}


def plain(**changes: Any) -> dict[str, Any]:
    return {
        "scheduleId": f"made-{uuid.uuid4().hex[:10]}",
        "spec": {"intervals": [{"everySeconds": 3600}]},
        "action": {"workflowType": "Nightly", "taskQueue": "nobody"},
        **changes,
    }


async def made(host: Host, identity: Identity = ANYBODY, **changes: Any) -> str:
    found = await done(host, "createSchedule", plain(**changes), identity)
    schedule_id: str = found["scheduleId"]
    return schedule_id


async def test_everything_that_can_be_said(host: Host) -> None:
    given = plain(
        spec={
            "calendars": [{"hour": [{"start": 8, "end": 18, "step": 2}], "comment": "office hours"}],
            "cron": ["30 9 * * MON-FRI"],
            "intervals": [{"everySeconds": 3600, "offsetSeconds": 300}],
            "excluded": [{"month": [{"start": 12}], "dayOfMonth": [{"start": 24, "end": 26}]}],
            "startTime": "2026-01-01T00:00:00Z",
            "endTime": "2999-01-01T00:00:00Z",
            "jitterSeconds": 3,
            "timeZone": "Europe/Berlin",
        },
        action={
            "workflowType": "Nightly",
            "workflowId": "night",
            "taskQueue": "nobody",
            "input": [{"plan": "pro"}, 2],
            "metadata": {"order": 7},
            "memo": {"team": "billing"},
            "summary": "Night shift",
            "details": "**all** of it",
            "executionTimeoutSeconds": 3600,
            "runTimeoutSeconds": 60,
            "taskTimeoutSeconds": 5,
            "retryPolicy": {"maximumAttempts": 3},
        },
        policies={"overlap": "BUFFER_ONE", "catchUpWindowSeconds": 600, "pauseOnFailure": True},
        notes="made by a test",
        remainingStarts=7,
        memo={"owner": "billing"},
    )
    found = await done(host, "createSchedule", given, member("acme"))
    assert (found["tenant"], found["environment"], found["notes"]) == ("acme", "default", "made by a test")
    assert (found["paused"], found["remainingStarts"], len(found["nextTimes"])) == (False, 7, 7)
    assert found["memo"]["owner"] == "billing"
    assert found["searchAttributes"] == {"TenantId": "acme", "EnvironmentId": "default"}
    spec = found["spec"]
    assert {each["text"] for each in spec["calendars"]} == {"09:30 on Mon-Fri", "hour 8-18/2, minute 0"}
    assert spec["intervals"] == [{"everySeconds": 3600, "offsetSeconds": 300}]
    assert [each["text"] for each in spec["excluded"]] == ["00:00 on day 24-26 in Dec"]
    assert (spec["jitterSeconds"], spec["timeZone"]) == (3, "Europe/Berlin")
    assert (spec["startTime"][:10], spec["endTime"][:10]) == ("2026-01-01", "2999-01-01")
    assert found["policies"] == {
        "overlap": "BUFFER_ONE",
        "catchUpWindowSeconds": 600,
        "pauseOnFailure": True,
        "keepOriginalWorkflowId": False,
    }
    assert found["action"] == {
        "workflowType": "Nightly",
        "workflowId": "night",
        "taskQueue": "nobody",
        "input": [{"plan": "pro"}, 2],
        "memo": {
            "team": "billing",
            "metadata": {"order": 7},
            "createdBy": "member of acme",
            "tenant": "acme",
            "environment": "default",
        },
        "searchAttributes": {"TenantId": "acme", "EnvironmentId": "default"},
        "summary": "Night shift",
        "details": "**all** of it",
        "executionTimeoutSeconds": 3600,
        "runTimeoutSeconds": 60,
        "taskTimeoutSeconds": 5,
        "retryPolicy": {"maximumAttempts": 3},
    }


async def test_every_wrong_value_is_told_at_its_path(host: Host) -> None:
    given = plain(
        spec={
            "calendars": [{"hour": [{"start": 9, "end": 5}]}],
            "cron": ["nonsense"],
            "intervals": [{"everySeconds": 0}],
            "timeZone": "Nowhere/Else",
            "startTime": "2026-01-02T00:00:00Z",
            "endTime": "2026-01-01T00:00:00Z",
        },
        action={
            "workflowType": "PriceSyncWorkflow",
            "input": [{"plan_id": 3}],
            "runTimeoutSeconds": -1,
            "memo": {"tenant": "x"},
            "searchAttributes": {"TenantId": "x"},
        },
        remainingStarts=-1,
        memo={"createdBy": "x"},
        searchAttributes={"EnvironmentId": "x"},
    )
    assert await refused(host, "createSchedule", given) == dict.fromkeys(
        [
            ("spec", "calendars", "0", "hour", "0"),
            ("spec", "cron", "0"),
            ("spec", "intervals", "0", "everySeconds"),
            ("spec", "timeZone"),
            ("spec", "endTime"),
            ("remainingStarts",),
            ("memo", "createdBy"),
            ("searchAttributes", "EnvironmentId"),
            ("action", "searchAttributes", "TenantId"),
            ("action", "memo", "tenant"),
            ("action", "runTimeoutSeconds"),
            ("action", "input", "0", "plan_id"),
            ("action", "input", "0", "tenant_id"),
            ("action", "input", "0", "environment_id"),
            ("action", "input", "0", "source"),
            ("action", "input", "0", "destination"),
        ],
        "INVALID_INPUT",
    )
    assert await refused(host, "createSchedule", plain(scheduleId="")) == {("scheduleId",): "INVALID_INPUT"}
    assert await refused(host, "createSchedule", plain(action={"memo": 3})) == {("action", "memo"): "INVALID_INPUT"}
    assert await refused(host, "createSchedule", plain(action={})) == {("action", "workflowType"): "INVALID_INPUT"}
    unknown = plain(action={"workflowType": "Elsewhere"})
    assert await refused(host, "createSchedule", unknown) == {("action", "taskQueue"): "INVALID_INPUT"}


@pytest.mark.parametrize(
    ("cron", "path", "said"),
    [
        (["0/4000000000 * * * *"], ("spec", "cron", "0"), "invalid Step"),
        (["0 9 * * *", "TZ=Europe/Berlin 0 9 * * *"], ("spec", "cron"), "conflicting timezone"),
    ],
)
async def test_what_only_the_server_knows_of_cron(
    host: Host, cron: list[str], path: tuple[str, ...], said: str
) -> None:
    payload = (await host.data(mutation("createSchedule"), input=plain(spec={"cron": cron})))["done"]
    (error,) = payload["userErrors"]
    assert (error["code"], tuple(error["path"])) == ("INVALID_INPUT", path)
    assert said in error["message"]


async def test_an_id_in_use_is_refused(host: Host) -> None:
    schedule_id = await made(host)
    assert await refused(host, "createSchedule", plain(scheduleId=schedule_id)) == {("scheduleId",): "ALREADY_EXISTS"}


async def test_the_same_request_is_one_schedule(host: Host) -> None:
    caller, name, request = Caller(ANYBODY, "r"), ScheduleName(f"made-{uuid.uuid4().hex[:10]}"), str(uuid.uuid4())
    change = ScheduleChange(action={"workflow_type": "Nightly", "task_queue": "nobody"})
    for _ in range(2):
        outcome = await host.gateway.scheduling.create(caller, name, change, key=request)
        assert outcome.schedule is not None
    for _ in range(2):
        outcome = await host.gateway.scheduling.trigger(caller, name, None, key=f"{request} now")

    async def runs() -> Any:
        found = await host.gateway.operating.schedule(ANYBODY, None, name.schedule_id)
        return found.counts.started if found else 0

    assert await eventually(runs, lambda count: count > 0) == 1


async def test_its_runs_belong_to_its_tenant(host: Host, temporal: TemporalServer) -> None:
    schedule_id = await made(host, member("acme"), triggerNow=True)
    (run,) = await started(temporal, schedule_id, 1)
    seen = await host.data(
        "query ($id: String!) { workflow(workflowId: $id) { tenant environment createdBy } }", member("acme"), id=run
    )
    assert seen["workflow"] == {"tenant": "acme", "environment": "default", "createdBy": "member of acme"}


async def started(temporal: TemporalServer, schedule_id: str, count: int) -> list[str]:
    """The workflow ids of the runs that a schedule has started, once there are so many."""
    handle: ScheduleHandle = temporal.client.get_schedule_handle(schedule_id)

    async def ask() -> list[str]:
        actions = (await handle.describe()).info.recent_actions
        return [each.action.workflow_id for each in actions]  # type: ignore[attr-defined]

    found: list[str] = await eventually(ask, lambda ids: len(ids) >= count)
    assert len(found) == count
    return found


async def test_the_registry_knows_the_queue(host: Host) -> None:
    end = {"kind": "postgres", "connection": "demo", "table": "demo.prices", "subscriptions": "demo.subscriptions"}
    sent = {"plan_id": "p", "tenant_id": "acme", "environment_id": "default", "source": end, "destination": end}
    sent["source"] = {"kind": "postgres", "connection": "demo", "table": "demo.prices"}
    given = plain(action={"workflowType": "PriceSyncWorkflow", "input": [sent]})
    found = await done(host, "createSchedule", given, member("acme"))
    assert found["action"]["taskQueue"] == "price-sync"
    name = {"scheduleId": found["scheduleId"]}

    wrong = {**name, "action": {"input": [{**sent, "page_size": 0}]}}
    assert await refused(host, "updateSchedule", wrong) == {("action", "input", "0", "page_size"): "INVALID_INPUT"}
    other = {**name, "action": {"input": [{**sent, "tenant_id": "other"}]}}
    assert await refused(host, "updateSchedule", other) == {("action", "input", "0", "tenant_id"): "INVALID_INPUT"}
    assert await refused(host, "createSchedule", {**given, "scheduleId": "x"}, member("other")) == {(): "NOT_ALLOWED"}


async def test_an_update_changes_only_what_is_given(host: Host) -> None:
    given = plain(
        spec={"cron": ["30 9 * * *"], "intervals": [{"everySeconds": 60}], "endTime": "2999-01-01T00:00:00Z"},
        action={
            "workflowType": "Nightly",
            "taskQueue": "nobody",
            "input": [1],
            "summary": "Night",
            "memo": {"team": "billing"},
            "metadata": {"order": 7},
            "runTimeoutSeconds": 60,
        },
        policies={"overlap": "ALLOW_ALL"},
        notes="first",
    )
    before = await done(host, "createSchedule", given, member("acme"))
    name = {"scheduleId": before["scheduleId"]}

    after = await done(host, "updateSchedule", {**name, "notes": "second"}, member("acme"))
    assert after == {**before, "notes": "second"}

    change = {
        **name,
        "spec": {"calendars": [{"hour": [{"start": 7}]}], "jitterSeconds": 2},
        "action": {"input": [2], "memo": {"team": "ops"}, "runTimeoutSeconds": None, "details": "more"},
        "policies": {"pauseOnFailure": True},
        "remainingStarts": 3,
    }
    after = await done(host, "updateSchedule", change, member("acme"))
    assert [each["text"] for each in after["spec"]["calendars"]] == ["07:00"]
    assert after["spec"]["intervals"] == before["spec"]["intervals"]
    assert (after["spec"]["endTime"], after["spec"]["jitterSeconds"]) == (before["spec"]["endTime"], 2)
    assert after["policies"] == {**before["policies"], "pauseOnFailure": True}
    assert (after["remainingStarts"], after["notes"], after["tenant"]) == (3, "second", "acme")
    assert after["action"] == {
        **before["action"],
        "input": [2],
        "memo": {**before["action"]["memo"], "team": "ops"},
        "runTimeoutSeconds": None,
        "details": "more",
    }

    after = await done(host, "updateSchedule", {**name, "spec": {"endTime": None, "cron": []}, "remainingStarts": None})
    assert (after["spec"]["endTime"], after["spec"]["calendars"], after["remainingStarts"]) == (None, [], None)


async def test_an_update_can_be_wrong_together_with_what_is_there(host: Host) -> None:
    schedule_id = await made(host, spec={"startTime": "2026-01-02T00:00:00Z"})
    early = {"scheduleId": schedule_id, "spec": {"endTime": "2026-01-01T00:00:00Z"}}
    assert await refused(host, "updateSchedule", early) == {("spec", "endTime"): "INVALID_INPUT"}
    memo = {"scheduleId": schedule_id, "memo": {"owner": "ops"}}
    assert await refused(host, "updateSchedule", memo) == {("memo",): "NOT_SUPPORTED"}


async def test_concurrent_updates_are_both_done(host: Host) -> None:
    schedule_id = await made(host)
    name = {"scheduleId": schedule_id}
    changes: list[dict[str, Any]] = [
        {"notes": "changed"},
        {"spec": {"jitterSeconds": 5}},
        {"policies": {"overlap": "ALLOW_ALL"}},
        {"action": {"summary": "Changed"}},
    ]
    await asyncio.gather(*(done(host, "updateSchedule", {**name, **each}) for each in changes))
    found = await done(host, "updateSchedule", {**name, "remainingStarts": 9})
    assert (found["notes"], found["spec"]["jitterSeconds"], found["policies"]["overlap"]) == ("changed", 5, "ALLOW_ALL")
    assert (found["action"]["summary"], found["remainingStarts"]) == ("Changed", 9)


async def test_a_repeated_update_does_not_undo_what_came_after(host: Host) -> None:
    caller, request = Caller(ANYBODY, "r"), str(uuid.uuid4())
    name = ScheduleName(await made(host))
    first = ScheduleChange(state={"notes": "first"})
    await host.gateway.scheduling.update(caller, name, first, request)
    await done(host, "pauseSchedule", {"scheduleId": name.schedule_id, "notes": "second"})
    outcome = await host.gateway.scheduling.update(caller, name, first, request)
    assert outcome.schedule is not None
    assert outcome.schedule.schedule.notes == "second"


async def test_pause_and_unpause_say_why(host: Host) -> None:
    name = {"scheduleId": await made(host)}
    paused = await done(host, "pauseSchedule", {**name, "notes": "the source is down"})
    assert (paused["paused"], paused["notes"]) == (True, "the source is down")
    again = await done(host, "unpauseSchedule", name)
    assert (again["paused"], again["notes"]) == (False, "Unpaused by tideline:anybody")


async def test_a_trigger_starts_one_now(host: Host, temporal: TemporalServer) -> None:
    schedule_id = await made(host, paused=True)
    await done(host, "triggerSchedule", {"scheduleId": schedule_id})
    (first,) = await started(temporal, schedule_id, 1)
    assert first.startswith(f"{schedule_id}-")
    begun = datetime.fromisoformat(first.removeprefix(f"{schedule_id}-"))
    await eventually(_now, lambda now: now >= begun + timedelta(seconds=1))
    await done(host, "triggerSchedule", {"scheduleId": schedule_id, "overlap": "ALLOW_ALL"})
    assert first in await started(temporal, schedule_id, 2)


async def _now() -> datetime:
    return datetime.now(UTC)


async def test_a_backfill_starts_what_was_due(host: Host, temporal: TemporalServer) -> None:
    schedule_id = await made(host)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    span = {"startTime": (hour - timedelta(hours=3)).isoformat(), "endTime": (hour - timedelta(hours=1)).isoformat()}
    await done(host, "backfillSchedule", {"scheduleId": schedule_id, "overlap": "ALLOW_ALL", **span})
    found = await started(temporal, schedule_id, 3)
    due = {(hour - timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ") for number in (1, 2, 3)}
    assert {each.removeprefix(f"{schedule_id}-") for each in found} == due

    turned = {"scheduleId": schedule_id, "startTime": span["endTime"], "endTime": span["startTime"]}
    assert await refused(host, "backfillSchedule", turned) == {("endTime",): "INVALID_INPUT"}


async def test_a_backfill_overlaps_as_it_is_told(host: Host, temporal: TemporalServer) -> None:
    schedule_id = await made(host)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    span = {"startTime": (hour - timedelta(hours=3)).isoformat(), "endTime": (hour - timedelta(hours=1)).isoformat()}
    await done(host, "backfillSchedule", {"scheduleId": schedule_id, "overlap": "BUFFER_ALL", **span})
    await started(temporal, schedule_id, 1)
    counts = "query ($id: String!) { schedule(scheduleId: $id) { counts { started buffered } } }"
    assert (await host.data(counts, id=schedule_id))["schedule"]["counts"] == {"started": 1, "buffered": 2}


async def test_a_deleted_schedule_is_gone(host: Host) -> None:
    name = {"scheduleId": await made(host)}
    assert (await host.data(mutation("deleteSchedule"), input=name))["done"]["deleted"] is True
    for act in ("deleteSchedule", "pauseSchedule", "updateSchedule"):
        assert await refused(host, act, name) == {("scheduleId",): "NOT_FOUND"}


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("updateSchedule", {"notes": "x"}),
    ("pauseSchedule", {}),
    ("unpauseSchedule", {}),
    ("triggerSchedule", {}),
    ("backfillSchedule", {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-01T00:00:00Z"}),
    ("deleteSchedule", {}),
]


async def test_another_tenants_schedule_is_unknown_in_the_same_words(host: Host) -> None:
    schedule_id = await made(host, member("acme"))
    for name, given in OTHERS:
        answers = [
            (await host.data(mutation(name), member("other"), input={"scheduleId": each, **given}))["done"]
            for each in (schedule_id, "never-was")
        ]
        hidden, unknown = (each["userErrors"] for each in answers)
        assert [each["code"] for each in hidden] == ["NOT_FOUND"]
        assert [each["message"].replace(schedule_id, "never-was") for each in hidden] == [
            each["message"] for each in unknown
        ]
    assert (await done(host, "updateSchedule", {"scheduleId": schedule_id}, member("acme")))["notes"] is None


@pytest.mark.parametrize(("role", "may"), [(Role.VIEWER, False), (Role.STARTER, False), (Role.OPERATOR, True)])
async def test_only_operators_and_above_may(host: Host, role: Role, may: bool) -> None:
    schedule_id = await made(host, member("acme"))
    expected = {} if may else {(): "NOT_ALLOWED"}
    for name, given in [("createSchedule", plain()), *OTHERS]:
        payload = await host.data(mutation(name), member("acme", role), input={"scheduleId": schedule_id, **given})
        errors = {tuple(each["path"]): each["code"] for each in payload["done"]["userErrors"]}
        assert errors == expected, name


async def test_every_act_is_written_down_before_and_after(host: Host) -> None:
    schedule_id = await made(host, member("acme"))
    await refused(host, "deleteSchedule", {"scheduleId": "never-was"}, member("acme"))
    rows = await host.database.fetch("select action, outcome, detail->>'scheduleId' as id from audit order by position")
    assert [tuple(row.values()) for row in rows] == [
        ("createSchedule", "REQUESTED", schedule_id),
        ("createSchedule", "OK", schedule_id),
        ("deleteSchedule", "REQUESTED", "never-was"),
        ("deleteSchedule", "NOT_FOUND", "never-was"),
    ]
