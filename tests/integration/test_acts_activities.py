"""Every action on an activity in each state, against the real server."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from app.access import Role
from tests.integration.gateways import ANYBODY, Host, member
from tests.integration.states import TOKENS, Handle, Stage
from tests.waiting import eventually

ACTIVITY = "activity { activityId status attempt result taskQueue failure { message type } heartbeat { details } }"
ERRORS = "userErrors { code message path }"
ACTIONS: Mapping[str, str] = {
    "pause": f'pauseActivity(input: {{TARGET reason: "wait"}}) {{ {ACTIVITY} {ERRORS} }}',
    "unpause": f"unpauseActivity(input: {{TARGET jitterSeconds: 60}}) {{ {ACTIVITY} {ERRORS} }}",
    "reset": f"resetActivity(input: {{TARGET resetHeartbeat: true, jitterSeconds: 60}}) {{ {ACTIVITY} {ERRORS} }}",
    "options": (
        "updateActivityOptions(input: {TARGET startToCloseTimeoutSeconds: 33, retryPolicy: {maximumAttempts: 3}})"
        f" {{ {ACTIVITY} {ERRORS} }}"
    ),
    "complete": f'completeActivity(input: {{TARGET result: {{done: "here"}}}}) {{ {ACTIVITY} {ERRORS} }}',
    "fail": (
        'failActivity(input: {TARGET message: "broken", type: "Broken", nonRetryable: true, details: [1]})'
        f" {{ {ACTIVITY} {ERRORS} }}"
    ),
    "heartbeat": (
        f"heartbeatActivity(input: {{TARGET details: [7]}}) {{ cancelRequested paused reset {ACTIVITY} {ERRORS} }}"
    ),
}
DONE = {
    # state of the activity before: what each action makes of its status, or the code of its refusal
    "retrying": {
        "pause": "PAUSED", "unpause": "RETRYING", "reset": "SCHEDULED", "options": "RETRYING", "complete": "COMPLETED",
        "fail": "NOT_FOUND", "heartbeat": "NOT_FOUND",
    },
    "running": {
        "pause": "RUNNING", "unpause": "RUNNING", "reset": "RUNNING", "options": "RUNNING", "complete": "COMPLETED",
        "fail": "FAILED", "heartbeat": "RUNNING",
    },
    "paused": {
        "pause": "ALREADY_PAUSED", "unpause": "RETRYING", "reset": "SCHEDULED", "options": "PAUSED",
        "complete": "COMPLETED", "fail": "NOT_FOUND", "heartbeat": "NOT_FOUND",
    },
    "closed": dict.fromkeys(ACTIONS, "ALREADY_CLOSED"),
    "unknown": dict.fromkeys(ACTIONS, "NOT_FOUND"),
}  # fmt: skip


async def in_state(host: Host, stage: Stage, state: str, tenant: str = "default") -> Handle:
    """A run whose activity `a` is in that state."""
    if state == "unknown":
        return await stage.running()
    run = await stage.start("elsewhere" if state == "running" else "refusing", tenant)

    async def pending() -> list[Any]:
        return list((await run.describe()).raw_description.pending_activities)

    if state == "running":
        await eventually(lambda: _is_there(TOKENS, run.id))
        await eventually(pending, lambda found: bool(found) and found[0].HasField("last_started_time"))
    else:
        await eventually(pending, lambda found: bool(found) and found[0].attempt == 2)
    if state == "paused":
        assert status(await act(host, "pause", named(run))) == "PAUSED"
    elif state == "closed":
        await run.terminate()
    return run


async def _is_there(held: Mapping[str, bytes], key: str) -> bool:
    return key in held


def named(run: Handle) -> str:
    return f'workflowId: "{run.id}", runId: "{run.run_id}", activityId: "a",'


def token(run: Handle) -> str:
    return f'taskToken: "{base64.b64encode(TOKENS[run.id]).decode()}",'


async def act(host: Host, action: str, target: str, identity: Any = ANYBODY) -> Any:
    return (await host.data(f"mutation {{ done: {ACTIONS[action].replace('TARGET', target)} }}", identity))["done"]


def status(payload: Any) -> str:
    """Of the activity afterwards, or the code of the refusal."""
    if payload["userErrors"]:
        [error] = payload["userErrors"]
        assert payload["activity"] is None
        return str(error["code"])
    return str(payload["activity"]["status"])


@pytest.mark.parametrize("state", DONE)
@pytest.mark.parametrize("action", ACTIONS)
async def test_each_action_on_an_activity_in_each_state(host: Host, stage: Stage, action: str, state: str) -> None:
    run = await in_state(host, stage, state)
    done = await act(host, action, named(run))
    assert status(done) == DONE[state][action], done
    if state == "unknown" or DONE[state][action] == "ALREADY_PAUSED":
        assert done["userErrors"][0]["path"] == ["activityId"]
    elif action == "complete" and state != "closed":
        assert done["activity"]["result"] == {"done": "here"}
        assert await run.result() == {"done": "here"}
    elif action == "fail" and state == "running":
        assert done["activity"]["failure"] == {"message": "broken", "type": "Broken"}
    elif action == "reset" and state in {"retrying", "paused"}:
        assert done["activity"]["attempt"] == 1
    elif action == "heartbeat" and state == "running":
        assert done["activity"]["heartbeat"] == {"details": 7}
        assert (done["cancelRequested"], done["paused"], done["reset"]) == (False, False, False)


@pytest.mark.parametrize("action", ACTIONS)
async def test_each_action_by_task_token(host: Host, stage: Stage, action: str) -> None:
    run = await in_state(host, stage, "running")
    assert status(await act(host, action, token(run))) == DONE["running"][action]
    if action in {"complete", "fail"}:
        assert status(await act(host, action, token(run))) in {"NOT_FOUND", "ALREADY_CLOSED"}


@pytest.mark.parametrize("action", ACTIONS)
async def test_another_tenants_activity_is_unknown_in_the_same_words(host: Host, stage: Stage, action: str) -> None:
    run = await in_state(host, stage, "running", "acme")
    for target in (named(run), token(run)):
        hidden = await act(host, action, target, member("other"))
        [error] = hidden["userErrors"]
        assert (error["code"], error["message"]) == ("NOT_FOUND", f"There is no workflow {run.id!r}.")
        refused = await act(host, action, target, member("acme", Role.VIEWER))
        assert [each["code"] for each in refused["userErrors"]] == ["NOT_ALLOWED"]
    assert status(await act(host, action, named(run), member("acme", Role.OPERATOR))) == DONE["running"][action]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ('taskToken: "garbage",', "taskToken"),
        (f'taskToken: "{base64.b64encode(b"x").decode()}",', "taskToken"),
        ('taskToken: "",', "taskToken"),
        ('taskToken: "eA==", workflowId: "x",', "taskToken"),
        ('workflowId: "x",', "activityId"),
        ('activityId: "x",', "workflowId"),
    ],
)
async def test_an_activity_that_is_not_named(host: Host, target: str, path: str) -> None:
    for action in ACTIONS:
        [error] = (await act(host, action, target))["userErrors"]
        assert (error["code"], error["path"]) == ("INVALID_INPUT", [path])


async def test_a_beat_says_what_the_attempt_should_do(host: Host, stage: Stage) -> None:
    run = await in_state(host, stage, "running")
    await act(host, "pause", named(run))
    assert (await act(host, "heartbeat", named(run)))["paused"]


OPTIONS = """mutation ($input: UpdateActivityOptionsInput!) {
  updateActivityOptions(input: $input) { activity { status } userErrors { code path } } }"""


async def test_options_are_changed_and_restored(host: Host, stage: Stage) -> None:
    run = await in_state(host, stage, "retrying")

    async def options() -> Any:
        [pending] = (await run.describe()).raw_description.pending_activities
        return pending.activity_options

    async def change(**given: Any) -> list[Any]:
        named = {"workflowId": run.id, "activityId": "a", **given}
        errors: list[Any] = (await host.data(OPTIONS, input=named))["updateActivityOptions"]["userErrors"]
        return errors

    before = await options()
    given = {
        "taskQueue": "elsewhere", "scheduleToCloseTimeoutSeconds": 500, "scheduleToStartTimeoutSeconds": 400,
        "startToCloseTimeoutSeconds": 33.5, "heartbeatTimeoutSeconds": 12, "priority": 2,
        "retryPolicy": {
            "initialIntervalSeconds": 7, "backoffCoefficient": 1.5, "maximumIntervalSeconds": 70, "maximumAttempts": 4,
        },
    }  # fmt: skip
    assert await change(**given) == []
    now = await options()
    assert now.task_queue.name == "elsewhere"
    assert now.start_to_close_timeout.ToTimedelta().total_seconds() == 33.5
    assert [
        span.seconds for span in (now.schedule_to_close_timeout, now.schedule_to_start_timeout, now.heartbeat_timeout)
    ] == [500, 400, 12]
    policy = now.retry_policy
    assert (policy.initial_interval.seconds, policy.maximum_interval.seconds) == (7, 70)
    assert (policy.backoff_coefficient, policy.maximum_attempts, now.priority.priority_key) == (1.5, 4, 2)
    assert await change(restoreOriginal=True) == []
    restored = await options()
    assert (restored.start_to_close_timeout, restored.task_queue.name) == (
        before.start_to_close_timeout,
        before.task_queue.name,
    )
    for wrong, path in (
        ({}, []),
        ({"restoreOriginal": True, "priority": 1}, ["restoreOriginal"]),
        ({"startToCloseTimeoutSeconds": -1}, ["startToCloseTimeoutSeconds"]),
        ({"startToCloseTimeoutSeconds": 1e300}, ["startToCloseTimeoutSeconds"]),
        ({"taskQueue": ""}, ["taskQueue"]),
        ({"taskQueue": "a\0b"}, ["taskQueue"]),
        ({"taskQueue": "x" * 1001}, ["taskQueue"]),
        ({"priority": -1}, ["priority"]),
        ({"retryPolicy": {"initialIntervalSeconds": -1}}, ["retryPolicy", "initialIntervalSeconds"]),
        ({"retryPolicy": {"maximumIntervalSeconds": 1e300}}, ["retryPolicy", "maximumIntervalSeconds"]),
        ({"retryPolicy": {"backoffCoefficient": 0.5}}, ["retryPolicy", "backoffCoefficient"]),
        ({"retryPolicy": {"maximumAttempts": -1}}, ["retryPolicy", "maximumAttempts"]),
    ):
        assert await change(**wrong) == [{"code": "INVALID_INPUT", "path": path}], wrong
    every = {"priority": -1, "taskQueue": "", "retryPolicy": {"backoffCoefficient": 0, "maximumAttempts": -1}}
    assert [each["path"][-1] for each in await change(**every)] == [
        "taskQueue",
        "backoffCoefficient",
        "maximumAttempts",
        "priority",
    ]


async def test_a_refused_change_leaves_its_key_free(host: Host, stage: Stage) -> None:
    run = await in_state(host, stage, "retrying")
    given = {"workflowId": run.id, "activityId": "a", "idempotencyKey": run.id}
    for wrong, refused in ((1e300, ["startToCloseTimeoutSeconds"]), (30, None)):
        change = {**given, "startToCloseTimeoutSeconds": wrong}
        errors = (await host.data(OPTIONS, input=change))["updateActivityOptions"]["userErrors"]
        assert [each["path"] for each in errors] == ([refused] if refused else [])
