"""Values that are legal in GraphQL, JSON or Temporal and that few think of: shown, taken, or refused by name."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted

NUL = "nobody\0knows"
EARLY, LATE = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
ERRORS = "userErrors { code path message }"


@workflow.defn(sandboxed=False)
class Echo:
    @workflow.run
    async def run(self, *given: Any) -> Any:
        return given


@pytest.fixture
async def host(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as started:
        yield started


def codes(answer: Any) -> list[str]:
    return [each["extensions"]["code"] for each in answer.get("errors", [])]


async def test_null_is_an_argument_like_any_other(host: Host, temporal: TemporalServer, task_queue: str) -> None:
    client: Client = temporal.client
    async with Worker(client, task_queue=task_queue, workflows=[Echo], workflow_runner=UnsandboxedWorkflowRunner()):
        start = f"mutation ($input: StartWorkflowInput!) {{ startWorkflow(input: $input) {{ {ERRORS} execution {{"
        start += " workflowId input result } } }"
        given = {
            "workflowType": "Echo", "taskQueue": task_queue, "input": [None, 3, None], "waitForResultSeconds": 20,
        }  # fmt: skip
        run = (await host.data(start, input=given))["startWorkflow"]["execution"]
        assert (run["input"], run["result"]) == ([None, 3, None], [None, 3, None])


READS = [
    "workflow(workflowId: $text) { status }",
    'workflow(workflowId: "a", runId: $text) { status }',
    "workflowBatch(refs: [{workflowId: $text}]) { execution { status } error { code } }",
    "bottlenecks(workflowType: $text) { activityType }",
    "bottlenecks(tenant: $text) { activityType }",
    "workflowUpdates(workflowId: $text) { cursor }",
]


@pytest.mark.parametrize("field", READS)
async def test_no_name_with_a_character_that_postgres_lacks_is_an_error_of_ours(host: Host, field: str) -> None:
    answer = await host.ask(f"query ($text: String!) {{ {field} }}", text=NUL)
    assert set(codes(answer)) <= {"NOT_FOUND", "BAD_USER_INPUT"}, answer


ACTS = {
    "signalWorkflow": 'signalName: "s"',
    "updateWorkflow": 'updateName: "u"',
    "cancelWorkflow": 'reason: "r"',
    "terminateWorkflow": 'reason: "r"',
    "resetWorkflow": 'reason: "r", to: FIRST_WORKFLOW_TASK',
    "pauseWorkflow": 'reason: "r"',
    "deleteWorkflow": "",
    "pauseActivity": 'activityId: "1"',
    "completeActivity": 'activityId: "1"',
}


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("key", [None, "key"])
async def test_what_has_such_a_name_is_not_there(host: Host, name: str, key: str | None) -> None:
    mutation = f"""mutation ($id: String!, $key: String) {{ done: {name}(input: {{
        workflowId: $id, idempotencyKey: $key, {ACTS[name]} }}) {{ {ERRORS} }} }}"""
    [error] = (await host.data(mutation, id=NUL, key=key and uuid.uuid4().hex))["done"]["userErrors"]
    assert error["code"] == "NOT_FOUND"
    audited = await host.data("{ audit(first: 1) { nodes { action workflowId outcome } } }")
    [entry] = audited["audit"]["nodes"]
    assert entry == {"action": name, "workflowId": "nobody\ufffdknows", "outcome": "NOT_FOUND"}


@pytest.mark.parametrize("key", [None, "key"])
async def test_no_run_begins_under_such_a_name(host: Host, key: str | None) -> None:
    mutation = f"mutation ($input: StartWorkflowInput!) {{ startWorkflow(input: $input) {{ {ERRORS} }} }}"
    given = {"workflowType": NUL, "workflowId": NUL, "taskQueue": "/_sys/x", "idempotencyKey": key and uuid.uuid4().hex}
    told = (await host.data(mutation, input=given))["startWorkflow"]["userErrors"]
    assert sorted((each["code"], each["path"]) for each in told) == [
        ("INVALID_INPUT", ["taskQueue"]),
        ("INVALID_INPUT", ["workflowId"]),
        ("INVALID_INPUT", ["workflowType"]),
    ]
    audited = await host.data("{ audit(first: 1) { nodes { action outcome } } }")
    assert audited["audit"]["nodes"] == [{"action": "startWorkflow", "outcome": "INVALID_INPUT"}]


async def test_all_that_is_wrong_with_a_start_is_told_at_once(host: Host) -> None:
    mutation = f"mutation ($input: StartWorkflowInput!) {{ startWorkflow(input: $input) {{ {ERRORS} }} }}"
    given = {
        "workflowType": "Echo",
        "taskQueue": "q" * 1001,
        "memo": "text",
        "metadata": [1],
        "searchAttributes": 4,
        "runTimeoutSeconds": -1,
        "priority": {"key": 9},
        "versioningOverride": {},
    }
    told = (await host.data(mutation, input=given))["startWorkflow"]["userErrors"]
    assert {each["code"] for each in told} == {"INVALID_INPUT"}
    assert sorted(each["path"] for each in told) == [
        ["memo"],
        ["metadata"],
        ["priority", "key"],
        ["runTimeoutSeconds"],
        ["searchAttributes"],
        ["taskQueue"],
        ["versioningOverride"],
    ]
    audited = await host.data("{ audit(first: 1) { nodes { action outcome } } }")
    assert audited["audit"]["nodes"] == [{"action": "startWorkflow", "outcome": "INVALID_INPUT"}]


UNREADABLE = {
    "terminateWorkflows": "",
    "signalWorkflows": 'signalName: "s", refs: [{workflowId: "a"}], filter: {}',
    "cancelWorkflows": 'refs: [{workflowId: "a"}], ratePerSecond: 3',
    "createSchedule": 'scheduleId: "s", spec: {}, memo: 1, action: {workflowType: "Echo", taskQueue: "q"}',
    "updateSchedule": 'scheduleId: "s", action: {memo: 1}',
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_meant_is_audited_all_the_same(host: Host, name: str) -> None:
    answer = await host.data(f"mutation {{ done: {name}(input: {{ {UNREADABLE[name]} }}) {{ {ERRORS} }} }}")
    assert [each["code"] for each in answer["done"]["userErrors"]] == ["INVALID_INPUT"]
    audited = await host.data("{ audit(first: 1) { nodes { action outcome } } }")
    assert audited["audit"]["nodes"] == [{"action": name, "outcome": "INVALID_INPUT"}]


TIMES = [
    "workflows(filter: {startTime: {%s: $time}}) { totalCount }",
    "workflows(filter: {closeTime: {%s: $time}}) { totalCount }",
    "workflows(filter: {executionTime: {%s: $time}}) { totalCount }",
    "workflowStats(filter: {startTime: {%s: $time}}, bucket: DAY) { bucketStart }",
    'bottlenecks(workflowType: "a", time: {%s: $time}) { activityType }',
]


@pytest.mark.parametrize("field", TIMES)
@pytest.mark.parametrize("side", ["from", "before"])
async def test_times_at_the_ends_of_the_calendar(host: Host, field: str, side: str) -> None:
    question = f"query ($time: DateTime!) {{ {field % side} }}"
    for time in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00", "9999-12-31T23:59:59"):
        await host.data(question, time=time)
    for time in (EARLY, LATE):
        answer = await host.ask(question, time=time)
        assert codes(answer) == ["BAD_USER_INPUT"]
        assert "years 1 to 9999" in answer["errors"][0]["message"]


@pytest.mark.parametrize("literal", ["1e999", "-1e999", "[{deep: 1e400}]", "123456789012345678901234567890"])
async def test_no_literal_becomes_another_value(host: Host, literal: str) -> None:
    wanted = f'{{path: ["a"], equals: {literal}}}'
    answer = await host.ask(f"{{ workflows(filter: {{metadataAt: [{wanted}]}}) {{ totalCount }} }}")
    assert codes(answer) == ["BAD_USER_INPUT"]
    answer = await host.ask(f'{{ workflow(workflowId: "a") {{ query(name: "q", args: [{literal}]) }} }}')
    assert codes(answer) == ["BAD_USER_INPUT"]
