"""What cannot be meant of a schedule is refused at its path before Temporal hears of it, and leaves the key free."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.access import Identity
from app.settings import Settings
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, hosted, member
from tests.integration.test_scheduling import OTHERS, done, made, mutation, plain, refused

EPOCH = "1970-01-01T00:00:00Z"
EARLY, LATE = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
HUGE: dict[str, dict[str, Any]] = {
    "everySeconds": {"spec": {"intervals": [{"everySeconds": 1e308}]}},
    "a fraction": {"spec": {"intervals": [{"everySeconds": 2.9, "offsetSeconds": 0.5}]}},
    "offsetSeconds": {"spec": {"intervals": [{"everySeconds": 60, "offsetSeconds": 1e308}]}},
    "jitterSeconds": {"spec": {"jitterSeconds": 1e308}},
    "catchUpWindowSeconds": {"policies": {"catchUpWindowSeconds": 1e308}},
    "timeouts": {
        "action": {
            "executionTimeoutSeconds": 1e308,
            "runTimeoutSeconds": 1e308,
            "taskTimeoutSeconds": 1e308,
            "retryPolicy": {"initialIntervalSeconds": 1e308},
        }
    },
    "cron": {"spec": {"cron": ["99 * * * *", "nonsense"], "jitterSeconds": -1}},
}
PATHS: dict[str, set[tuple[str, ...]]] = {
    "everySeconds": {("spec", "intervals", "0", "everySeconds")},
    "a fraction": {("spec", "intervals", "0", "everySeconds"), ("spec", "intervals", "0", "offsetSeconds")},
    "offsetSeconds": {("spec", "intervals", "0", "offsetSeconds")},
    "jitterSeconds": {("spec", "jitterSeconds")},
    "catchUpWindowSeconds": {("policies", "catchUpWindowSeconds")},
    "timeouts": {
        ("action", "executionTimeoutSeconds"),
        ("action", "runTimeoutSeconds"),
        ("action", "taskTimeoutSeconds"),
        ("action", "retryPolicy", "initialIntervalSeconds"),
    },
    "cron": {("spec", "cron", "0"), ("spec", "cron", "1"), ("spec", "jitterSeconds")},
}


@pytest.mark.parametrize("wrong", HUGE)
async def test_what_no_clock_can_count_is_refused_and_leaves_the_key_free(host: Host, wrong: str) -> None:
    expected = dict.fromkeys(PATHS[wrong], "INVALID_INPUT")
    good = plain(idempotencyKey=uuid.uuid4().hex)
    bad = {**good, **HUGE[wrong], "action": {**good["action"], **HUGE[wrong].get("action", {})}}
    assert await refused(host, "createSchedule", bad) == expected
    await done(host, "createSchedule", good)

    change = {"scheduleId": good["scheduleId"], "idempotencyKey": uuid.uuid4().hex}
    assert await refused(host, "updateSchedule", {**change, **HUGE[wrong]}) == expected
    await done(host, "updateSchedule", {**change, "notes": "mended"})


async def test_a_day_that_is_none_in_utc_is_refused_and_leaves_the_key_free(host: Host) -> None:
    name = {"scheduleId": await made(host)}
    span = {"startTime": EARLY, "endTime": LATE}
    for act, given, good in (
        ("createSchedule", plain(spec=span), plain()),
        ("updateSchedule", {**name, "spec": span}, {**name, "notes": "x"}),
        ("backfillSchedule", {**name, **span}, {**name, "startTime": EPOCH, "endTime": EPOCH}),
    ):
        key = {"idempotencyKey": uuid.uuid4().hex}
        answer = await host.ask(mutation(act), input={**given, **key})
        assert {each["extensions"]["code"] for each in answer["errors"]} == {"BAD_USER_INPUT"}
        assert all(name in str(answer["errors"]) for name in span)
        await done(host, act, {**good, **key})


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"scheduleId": "x" * 978}, ("scheduleId",)),
        ({"scheduleId": "ü" * 489}, ("scheduleId",)),
        ({"scheduleId": "a\0b"}, ("scheduleId",)),
        ({"action": {"workflowId": "x" * 980}}, ("action", "workflowId")),
        ({"action": {"workflowId": "x" * 2000}}, ("action", "workflowId")),
        ({"action": {"workflowId": ""}}, ("action", "workflowId")),
        ({"action": {"workflowId": "a\0b"}}, ("action", "workflowId")),
        ({"action": {"workflowType": "a\0b"}}, ("action", "workflowType")),
        ({"action": {"workflowType": "x" * 1001}}, ("action", "workflowType")),
        ({"action": {"taskQueue": "/_sys/mine"}}, ("action", "taskQueue")),
        ({"action": {"taskQueue": "a\0b"}}, ("action", "taskQueue")),
        ({"action": {"taskQueue": "x" * 1001}}, ("action", "taskQueue")),
        ({"searchAttributes": {"Nothing": "x"}}, ("searchAttributes", "Nothing")),
        ({"action": {"searchAttributes": {"Nothing": "x"}}}, ("action", "searchAttributes", "Nothing")),
    ],
    ids=str,
)
async def test_a_name_that_temporal_does_not_take(host: Host, wrong: dict[str, Any], path: tuple[str, ...]) -> None:
    given = plain()
    bad = {**given, **wrong, "action": {**given["action"], **wrong.get("action", {})}}
    assert await refused(host, "createSchedule", bad) == {path: "INVALID_INPUT"}
    if path != ("scheduleId",):
        changed = {"scheduleId": await made(host), **wrong}
        assert await refused(host, "updateSchedule", changed) == {path: "INVALID_INPUT"}


async def test_the_longest_names_are_taken(host: Host) -> None:
    unique = uuid.uuid4().hex
    given = plain(scheduleId=unique + "x" * 945)
    given["action"]["workflowId"] = unique + "x" * 947
    await done(host, "createSchedule", given)


@pytest.fixture
async def apart(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database, settings=Settings(workflow_ids="tenant")) as host:
        yield host


async def test_what_stands_before_a_tenants_ids_counts(apart: Host) -> None:
    unique = uuid.uuid4().hex
    taken = len(f"acme/default/{unique}")
    given = plain(scheduleId=unique + "x" * (977 - taken))
    given["action"]["workflowId"] = unique + "x" * (979 - taken)
    acme = member("acme")
    longer = {**given, "scheduleId": given["scheduleId"] + "x"}
    longer["action"] = {**given["action"], "workflowId": given["action"]["workflowId"] + "x"}
    assert await refused(apart, "createSchedule", longer, acme) == dict.fromkeys(
        [("scheduleId",), ("action", "workflowId")], "INVALID_INPUT"
    )
    await done(apart, "createSchedule", given, acme)


@pytest.mark.parametrize("schedule_id", ["", "a\0b", "x" * 2000], ids=["empty", "with a zero", "endless"])
@pytest.mark.parametrize("identity", [ANYBODY, member("acme")], ids=["platform", "tenant"])
async def test_no_schedule_has_such_an_id(host: Host, identity: Identity, schedule_id: str) -> None:
    for name, given in OTHERS:
        found = await refused(host, name, {"scheduleId": schedule_id, **given}, identity)
        assert found == {("scheduleId",): "NOT_FOUND"}, name
    query = "query ($id: String!) { schedule(scheduleId: $id) { scheduleId } }"
    assert (await host.data(query, identity, id=schedule_id))["schedule"] is None


@pytest.mark.parametrize("act", ["pauseSchedule", "unpauseSchedule"])
async def test_notes_have_a_bound(host: Host, act: str) -> None:
    name = {"scheduleId": await made(host)}
    await done(host, act, {**name, "notes": "ü" * 500})
    payload = (await host.data(mutation(act), input={**name, "notes": "ü" * 501}))["done"]
    (error,) = payload["userErrors"]
    assert (error["path"], error["message"]) == (["notes"], "notes has at most 1000 bytes; this one has 1002.")
