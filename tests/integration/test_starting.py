"""Starts with all their options, and what is awaited of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.history.v1 import WorkflowExecutionStartedEventAttributes as Attributes
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from app.access import Identity, Role
from app.errors import BadUserInput, DeadlineExceeded
from app.gateway.acting.consistency import Consistency, token_of
from app.gateway.starting import starting
from app.model import Execution, ExecutionRef, Json
from app.store.executions import Executions
from app.temporal import reads
from tests.conftest import TemporalServer
from tests.integration.chains import Chain
from tests.integration.gateways import ANYBODY, Host, hosted, member
from tests.integration.live import listening

PAYLOAD = """
    created consistencyToken
    execution { workflowId runId firstRunId status result failure { message } searchAttributes summary details }
    userErrors { code path message }
"""
START = f"mutation ($input: StartWorkflowInput!) {{ done: startWorkflow(input: $input) {{ {PAYLOAD} }} }}"
SIGNAL = START.replace("StartWorkflow", "SignalWithStartWorkflow").replace("startWorkflow", "signalWithStartWorkflow")
UPDATE = """
mutation ($input: UpdateWithStartWorkflowInput!) {
  done: updateWithStartWorkflow(input: $input) {
    created consistencyToken execution { runId } update { updateId stage result failure { message } }
    userErrors { code path message }
  }
}
"""
RESET = """
mutation ($input: ResetWorkflowInput!) {
  done: resetWorkflow(input: $input) { consistencyToken execution { runId } userErrors { message } }
}
"""
LIST = """
query ($id: String!, $token: String) {
  workflows(filter: {workflowId: {equals: $id}}, consistencyToken: $token) { nodes { status } }
}
"""


@workflow.defn
class Adder:
    """Adds what it is sent, up to ten."""

    def __init__(self) -> None:
        self._sum = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._sum >= 10)
        return self._sum

    @workflow.signal
    def more(self, number: int) -> None:
        self._sum += number

    @workflow.update
    def add(self, number: int) -> int:
        self._sum += number
        return self._sum

    @add.validator
    def check(self, number: int) -> None:
        if number < 0:
            raise ValueError("only upwards")


@workflow.defn
class Failing:
    @workflow.run
    async def run(self) -> None:
        raise ValueError("it broke")


@pytest.fixture
async def worker(temporal: TemporalServer, task_queue: str) -> AsyncIterator[str]:
    """The task queue of a worker for the workflows here."""
    async with Worker(
        temporal.client,
        task_queue=task_queue,
        workflows=[Adder, Chain, Failing],
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_failure_exception_types=[ValueError],
    ):
        yield task_queue


def an_id() -> str:
    return f"start-{uuid.uuid4().hex[:10]}"


def given(**fields: Json) -> dict[str, Json]:
    return {"workflowType": "Nothing", "taskQueue": "nobody", **fields}


async def done(host: Host, mutation: str, input_: dict[str, Json], identity: Identity = ANYBODY) -> Any:
    return (await host.data(mutation, identity, input=input_))["done"]


async def begun(temporal: TemporalServer, workflow_id: str) -> Attributes:
    """What Temporal recorded of a start."""
    history = await temporal.client.get_workflow_handle(workflow_id).fetch_history()
    return history.events[0].workflow_execution_started_event_attributes


async def test_every_option_reaches_temporal(host: Host, temporal: TemporalServer) -> None:
    names = {"Customer": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, "Amount": IndexedValueType.INDEXED_VALUE_TYPE_INT}
    await temporal.client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace="default", search_attributes=names)
    )
    input_ = given(
        workflowId=an_id(),
        executionTimeoutSeconds=100,
        runTimeoutSeconds=50.5,
        taskTimeoutSeconds=5,
        startDelaySeconds=3,
        retryPolicy={
            "initialIntervalSeconds": 2,
            "backoffCoefficient": 3,
            "maximumIntervalSeconds": 60,
            "maximumAttempts": 4,
            "nonRetryableErrorTypes": ["Fatal"],
        },
        priority={"key": 2, "fairnessKey": "acme", "fairnessWeight": 2.5},
        versioningOverride={"autoUpgrade": True},
        searchAttributes={"Customer": "c-1", "Amount": 7},
        summary="One line",
        details="More *lines*",
    )
    answer = await done(host, START, input_)
    assert answer["userErrors"] == []
    run = answer["execution"]
    assert (run["summary"], run["details"]) == ("One line", "More *lines*")
    assert {"Customer": "c-1", "Amount": 7}.items() <= run["searchAttributes"].items()
    started = await begun(temporal, run["workflowId"])
    assert started.workflow_execution_timeout.seconds == 100
    assert started.workflow_run_timeout.ToMilliseconds() == 50_500
    assert started.workflow_task_timeout.seconds == 5
    assert started.first_workflow_task_backoff.seconds == 3
    policy = started.retry_policy
    assert (policy.initial_interval.seconds, policy.backoff_coefficient) == (2, 3)
    assert (policy.maximum_interval.seconds, policy.maximum_attempts) == (60, 4)
    assert list(policy.non_retryable_error_types) == ["Fatal"]
    priority = started.priority
    assert (priority.priority_key, priority.fairness_key, priority.fairness_weight) == (2, "acme", 2.5)
    assert started.versioning_override.auto_upgrade


@pytest.mark.parametrize("mutation", [START, SIGNAL])
@pytest.mark.parametrize("delay", [None, 3.5])
async def test_a_new_run_is_indexed_as_temporal_describes_it(host: Host, mutation: str, delay: float | None) -> None:
    """Though nobody has described it: its id tells when it was started, and all else was given to it."""
    told_of_itself: dict[str, Json] = {"memo": {"plan": [1, None]}, "metadata": {"customer": "c-1"}, "summary": "One"}
    input_ = given(workflowId=an_id(), details="More", startDelaySeconds=delay, **told_of_itself)
    if mutation is SIGNAL:
        input_["signalName"] = "more"
    run = (await done(host, mutation, input_))["execution"]
    await host.gateway.consistency.rows.settled(ANYBODY.scope)
    kept = await Executions(host.database).get(ExecutionRef("default", run["workflowId"], run["runId"]))
    told = (await reads.describe(host.temporal, "default", run["workflowId"])).execution
    assert kept is not None
    roughly = ("history_length", "history_size_bytes")
    assert replace(kept, **{name: getattr(told, name) for name in roughly}) == told


async def test_a_repeated_start_is_answered_with_the_same_payload(host: Host) -> None:
    mutation = START.replace("firstRunId", "firstRunId startTime executionTime createdBy memo metadata historyLength")
    input_ = given(metadata={"customer": "c-1"}, idempotencyKey=uuid.uuid4().hex)
    first, second = [await done(host, mutation, input_) for _ in range(2)]
    assert (first["created"], second["created"]) == (True, False)
    assert first["execution"] == second["execution"]
    await host.gateway.consistency.rows.settled(ANYBODY.scope)
    read = "query ($id: String!) { workflow(workflowId: $id) { startTime executionTime } }"
    id_ = first["execution"]["workflowId"]
    found = (await host.data(read, id=id_))["workflow"]
    assert found.items() <= first["execution"].items()
    async with listening(host, read.replace("query", "subscription"), id=id_) as ear:
        assert await ear.next() == found
    signal = 'mutation ($id: String!) { done: signalWorkflow(input: {workflowId: $id, signalName: "more"}) {'
    told = (await host.data(signal + " execution { startTime executionTime } } }", id=id_))["done"]["execution"]
    assert told == found


async def test_those_who_start_the_same_run_at_once_are_told_the_same(host: Host) -> None:
    mutation = START.replace("firstRunId", "startTime executionTime")
    input_ = given(idempotencyKey=uuid.uuid4().hex)
    told = await asyncio.gather(*(done(host, mutation, input_) for _ in range(12)))
    assert [each["created"] for each in told].count(True) == 1
    assert all(each["execution"] == told[0]["execution"] for each in told)


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"executionTimeoutSeconds": 0}, ["executionTimeoutSeconds"]),
        ({"startDelaySeconds": 1e11}, ["startDelaySeconds"]),
        ({"waitForResultSeconds": 61}, ["waitForResultSeconds"]),
        ({"waitForResultSeconds": -1}, ["waitForResultSeconds"]),
        ({"retryPolicy": {"initialIntervalSeconds": 0}}, ["retryPolicy", "initialIntervalSeconds"]),
        ({"retryPolicy": {"backoffCoefficient": 0.5}}, ["retryPolicy", "backoffCoefficient"]),
        ({"retryPolicy": {"maximumIntervalSeconds": 0.5}}, ["retryPolicy", "maximumIntervalSeconds"]),
        ({"retryPolicy": {"maximumAttempts": 0}}, ["retryPolicy", "maximumAttempts"]),
        ({"priority": {"key": 6}}, ["priority", "key"]),
        ({"priority": {"fairnessKey": "x" * 65}}, ["priority", "fairnessKey"]),
        ({"priority": {"fairnessWeight": 0}}, ["priority", "fairnessWeight"]),
        ({"versioningOverride": {}}, ["versioningOverride"]),
        ({"searchAttributes": {"NoSuch": 1}}, ["searchAttributes", "NoSuch"]),
        ({"searchAttributes": {"TenantId": "acme"}}, ["searchAttributes", "TenantId"]),
        ({"searchAttributes": [1]}, ["searchAttributes"]),
        ({"memo": {"requestId": "x"}}, ["memo", "requestId"]),
        ({"memo": {"large": 10**30}}, ["memo"]),
        ({"idReusePolicy": "REJECT_DUPLICATE", "idConflictPolicy": "TERMINATE_EXISTING"}, ["idConflictPolicy"]),
    ],
)
async def test_a_wrong_value_is_told_at_its_path(host: Host, wrong: dict[str, Json], path: list[str]) -> None:
    answer = await done(host, START, given(**wrong))
    assert [(each["code"], each["path"]) for each in answer["userErrors"]] == [("INVALID_INPUT", path)]
    assert answer["execution"] is None
    assert answer["consistencyToken"] is None


@pytest.mark.parametrize("seconds", [1e9, 60.5, -5])
@pytest.mark.parametrize(("mutation", "more"), [(START, {}), (SIGNAL, {"signalName": "more"})])
async def test_a_wrong_wait_is_refused_for_a_known_key_too(
    host: Host, mutation: str, more: dict[str, Json], seconds: float
) -> None:
    input_ = given(idempotencyKey=uuid.uuid4().hex, **more)
    assert (await done(host, mutation, input_))["created"]
    answer = await done(host, mutation, {**input_, "waitForResultSeconds": seconds})
    refused = [(each["code"], each["path"]) for each in answer["userErrors"]]
    assert refused == [("INVALID_INPUT", ["waitForResultSeconds"])]
    assert (await done(host, mutation, input_))["userErrors"] == []


@pytest.mark.parametrize(
    ("mutation", "more", "path"),
    [
        (SIGNAL, {"signalName": ""}, ["signalName"]),
        (UPDATE, {"updateName": ""}, ["updateName"]),
        (UPDATE, {"updateName": "add", "startDelaySeconds": 3}, ["startDelaySeconds"]),
    ],
)
async def test_what_is_sent_with_a_start_is_told_at_its_path(
    host: Host, mutation: str, more: dict[str, Json], path: list[str]
) -> None:
    answer = await done(host, mutation, given(**more))
    assert [(each["code"], each["path"]) for each in answer["userErrors"]] == [("INVALID_INPUT", path)]
    assert answer["execution"] is None


@pytest.mark.parametrize("policy", ["FAIL", "USE_EXISTING", "TERMINATE_EXISTING"])
async def test_a_made_up_id_has_no_conflict(host: Host, worker: str, policy: str) -> None:
    input_ = given(idConflictPolicy=policy, idempotencyKey=uuid.uuid4().hex)
    answers = await asyncio.gather(*(done(host, START, input_) for _ in range(5)))
    assert [each["userErrors"] for each in answers] == [[]] * 5
    assert (sum(each["created"] for each in answers), len({each["execution"]["runId"] for each in answers})) == (1, 1)
    if policy != "FAIL":
        input_ = given(
            workflowType="Adder", taskQueue=worker, updateName="add", updateArgs=[4], idConflictPolicy=policy
        )
        assert (await done(host, UPDATE, input_))["update"]["result"] == 4


async def test_what_tideline_starts_itself_is_started_by_nobody_else(host: Host) -> None:
    [error] = (await done(host, START, {"workflowType": "TidelineBatch", "input": [{"job_id": "1"}]}))["userErrors"]
    assert (error["code"], error["path"]) == ("NOT_ALLOWED", ["workflowType"])
    offered = {each["name"] for each in (await host.data("{ workflowTypes { name } }"))["workflowTypes"]}
    assert "PriceSyncWorkflow" in offered
    assert "TidelineBatch" not in offered


async def test_a_version_that_no_worker_has_is_told_at_its_path(host: Host) -> None:
    pinned = {"pinned": {"deploymentName": "prices", "buildId": "b1"}}
    [error] = (await done(host, START, given(versioningOverride=pinned)))["userErrors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["versioningOverride"])


async def test_an_integer_of_any_size_is_an_input(host: Host, temporal: TemporalServer) -> None:
    run = (await done(host, START, given(input=[10**30])))["execution"]
    assert (await begun(temporal, run["workflowId"])).input.payloads[0].data == b"1" + b"0" * 30


async def test_the_run_in_the_way_is_named_to_who_may_see_it(host: Host) -> None:
    input_ = given(workflowId=an_id())
    run = (await done(host, START, input_, member("acme")))["execution"]
    [mine] = (await done(host, START, input_, member("acme")))["userErrors"]
    [foreign] = (await done(host, START, input_, member("other")))["userErrors"]
    assert (mine["code"], foreign["code"]) == ("ALREADY_STARTED", "ALREADY_STARTED")
    assert run["runId"] in mine["message"]
    assert run["runId"] not in foreign["message"]


@pytest.mark.parametrize(
    ("policy", "is_same", "created"), [("USE_EXISTING", True, False), ("TERMINATE_EXISTING", False, True)]
)
async def test_the_conflict_policy_says_what_an_open_run_means(
    host: Host, policy: str, is_same: bool, created: bool
) -> None:
    input_ = given(workflowId=an_id())
    run = (await done(host, START, input_))["execution"]
    again = await done(host, START, {**input_, "idConflictPolicy": policy, "idempotencyKey": "1"})
    assert ((again["execution"]["runId"] == run["runId"]), again["created"]) == (is_same, created)


async def test_a_run_that_was_used_is_told_again_after_it_has_closed(host: Host, temporal: TemporalServer) -> None:
    input_ = given(workflowId=an_id())
    run = (await done(host, START, input_))["execution"]
    using = {**input_, "idConflictPolicy": "USE_EXISTING", "idempotencyKey": uuid.uuid4().hex}
    assert (await done(host, START, using))["execution"]["runId"] == run["runId"]
    await temporal.client.get_workflow_handle(run["workflowId"]).terminate()
    assert (await done(host, START, using))["execution"]["runId"] == run["runId"]


@pytest.mark.parametrize("policy", ["USE_EXISTING", "TERMINATE_EXISTING"])
async def test_another_tenants_open_run_is_neither_used_nor_closed(host: Host, policy: str) -> None:
    input_ = given(workflowId=an_id())
    run = (await done(host, START, input_, member("acme")))["execution"]
    foreign = await done(host, START, {**input_, "idConflictPolicy": policy}, member("other"))
    assert [each["code"] for each in foreign["userErrors"]] == ["ALREADY_STARTED"]
    signalled = await done(host, SIGNAL, {**input_, "signalName": "go"}, member("other"))
    assert [each["code"] for each in signalled["userErrors"]] == ["ALREADY_STARTED"]
    now = await host.gateway.reading.execution(ANYBODY, None, run["workflowId"], None)
    assert now is not None
    assert (now.run_id, now.status, now.history_length) == (run["runId"], "RUNNING", 2)


async def test_the_reuse_policy_says_what_a_closed_run_means(host: Host, temporal: TemporalServer) -> None:
    input_ = given(workflowId=an_id())
    run = (await done(host, START, input_))["execution"]
    await temporal.client.get_workflow_handle(run["workflowId"]).terminate()
    [refused] = (await done(host, START, {**input_, "idReusePolicy": "REJECT_DUPLICATE"}))["userErrors"]
    assert (refused["code"], refused["path"]) == ("ALREADY_STARTED", ["workflowId"])
    assert "REJECT_DUPLICATE" in refused["message"]
    assert (await done(host, START, {**input_, "idReusePolicy": "ALLOW_DUPLICATE_FAILED_ONLY"}))["created"]


async def test_a_starter_can_neither_signal_nor_terminate_by_a_start(host: Host) -> None:
    starter = member("acme", Role.STARTER)
    closing = await done(host, START, given(workflowId=an_id(), idConflictPolicy="TERMINATE_EXISTING"), starter)
    signal = await done(host, SIGNAL, given(workflowId=an_id(), signalName="go"), starter)
    for answer in (closing, signal):
        assert [each["code"] for each in answer["userErrors"]] == ["NOT_ALLOWED"]


async def test_a_result_comes_with_the_answer(host: Host, worker: str) -> None:
    input_ = given(workflowType="Chain", taskQueue=worker, input=[0], waitForResultSeconds=20)
    answer = await done(host, START, input_)
    assert (answer["execution"]["status"], answer["execution"]["result"]) == ("COMPLETED", "done")
    listed = await host.data(LIST, id=answer["execution"]["workflowId"], token=answer["consistencyToken"])
    assert listed["workflows"]["nodes"] == [{"status": "COMPLETED"}]


async def test_a_failure_comes_with_the_answer(host: Host, worker: str) -> None:
    answer = await done(host, START, given(workflowType="Failing", taskQueue=worker, waitForResultSeconds=20))
    assert (answer["execution"]["status"], answer["execution"]["failure"]) == ("FAILED", {"message": "it broke"})


async def test_a_result_is_that_of_the_last_run(host: Host, worker: str) -> None:
    key = uuid.uuid4().hex
    input_ = given(workflowType="Chain", taskQueue=worker, input=[3], waitForResultSeconds=20, idempotencyKey=key)
    for created in (True, False):
        answer = await done(host, START, input_)
        run = answer["execution"]
        assert (run["status"], run["result"], answer["created"]) == ("COMPLETED", "done", created)
        assert run["runId"] != run["firstRunId"]


async def test_a_run_that_stays_open_is_answered_when_the_time_is_over(host: Host) -> None:
    answer = await done(host, START, given(waitForResultSeconds=0.3))
    assert (answer["execution"]["status"], answer["execution"]["result"]) == ("RUNNING", None)


async def test_waiting_may_take_longer_than_an_operation(temporal: TemporalServer, database: str, worker: str) -> None:
    async with hosted(temporal.address, database) as host:
        host.engine._timeout = 0.5
        input_ = given(workflowType="Adder", taskQueue=worker, workflowId=an_id(), waitForResultSeconds=20)
        asking = asyncio.create_task(done(host, START, input_))
        ended, _ = await asyncio.wait([asking], timeout=0.8)  # longer than an operation may take without waiting
        assert not ended
        await temporal.client.get_workflow_handle(str(input_["workflowId"])).signal("more", 10)
        assert (await asking)["execution"]["result"] == 10


async def test_signal_with_start_starts_once_and_then_signals(host: Host, worker: str) -> None:
    base = given(workflowType="Adder", taskQueue=worker, workflowId=an_id(), signalName="more", signalArgs=[4])
    first = await done(host, SIGNAL, {**base, "idempotencyKey": "a" + base["workflowId"]})
    assert first["created"]
    again = await done(host, SIGNAL, {**base, "idempotencyKey": "a" + base["workflowId"]})
    assert (again["created"], again["execution"]["runId"]) == (False, first["execution"]["runId"])
    last = await done(host, SIGNAL, {**base, "signalArgs": [6], "waitForResultSeconds": 20})
    assert (last["created"], last["execution"]["result"]) == (False, 10)


async def test_update_with_start_answers_with_the_outcome(host: Host, worker: str) -> None:
    base = given(workflowType="Adder", taskQueue=worker, workflowId=an_id(), updateName="add", updateArgs=[4])
    key = {"idempotencyKey": uuid.uuid4().hex}
    first = await done(host, UPDATE, {**base, **key})
    assert (first["created"], first["update"]["stage"], first["update"]["result"]) == (True, "COMPLETED", 4)
    again = await done(host, UPDATE, {**base, **key})
    assert (again["created"], again["update"]) == (False, first["update"])
    more = await done(host, UPDATE, base)
    assert (more["created"], more["update"]["result"]) == (False, 8)
    rejected = await done(host, UPDATE, {**base, "updateArgs": [-1]})
    assert [(each["code"], each["path"]) for each in rejected["userErrors"]] == [("UPDATE_REJECTED", ["updateName"])]
    assert rejected["execution"]["runId"] == first["execution"]["runId"]


@pytest.mark.parametrize("is_known", [True, False])
async def test_an_update_that_no_worker_takes_in_time_is_told_with_its_run(
    host: Host, worker: str, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    monkeypatch.setattr(starting, "UPDATE_SECONDS", 1.5)
    how = {"taskQueue": "nobody"} if is_known else {"workflowType": "Unheard", "taskQueue": worker}
    input_ = given(workflowId=an_id(), updateName="add", idempotencyKey=uuid.uuid4().hex) | how
    for is_first in (True, False):
        answer = await done(host, UPDATE, input_)
        assert (answer["created"], answer["userErrors"]) == (is_first, [])
        assert (answer["execution"]["runId"] is not None, answer["update"]["stage"]) == (True, "ADMITTED")
    another = await done(host, UPDATE, {**input_, "idempotencyKey": uuid.uuid4().hex})
    assert (another["created"], another["update"]["stage"]) == (False, "ADMITTED")
    assert another["execution"] == answer["execution"]


async def described(host: Host) -> Execution:
    run = (await done(host, START, given()))["execution"]
    row = await host.gateway.reading.execution(ANYBODY, None, run["workflowId"], None)
    assert row is not None
    await host.gateway.consistency.rows.settled(ANYBODY.scope)
    return row


async def test_a_list_with_the_token_has_a_run_that_the_index_did_not_take(host: Host) -> None:
    row = await described(host)
    await Executions(host.database).delete(row.ref)
    nothing = await host.data(LIST, id=row.workflow_id, token=None)
    assert nothing["workflows"]["nodes"] == []
    token = token_of(row)
    assert len((await host.data(LIST, id=row.workflow_id, token=token))["workflows"]["nodes"]) == 1


async def test_an_answer_does_not_wait_for_the_index_and_a_list_does(
    host: Host, temporal: TemporalServer, database: str, owner: Any
) -> None:
    async with hosted(temporal.address, database) as other:
        async with owner.transaction():
            await owner.execute("lock table executions in share row exclusive mode")  # which lets others read
            answer = await done(host, START, given(workflowId=an_id()))
            asked = {"id": answer["execution"]["workflowId"], "token": answer["consistencyToken"]}
            here = asyncio.create_task(host.data(LIST, **{**asked, "token": None}))
            elsewhere = asyncio.create_task(other.data(LIST, **asked))
            assert not (await asyncio.wait([here, elsewhere], timeout=0.3))[0]
        for each in (here, elsewhere):
            assert len((await each)["workflows"]["nodes"]) == 1


@pytest.mark.parametrize("mutation", ["start", "update", "reset"])
async def test_a_list_with_the_token_has_the_run_that_was_replaced(
    host: Host, temporal: TemporalServer, database: str, worker: str, mutation: str
) -> None:
    input_ = given(workflowType="Adder", taskQueue=worker, workflowId=an_id())
    old = (await done(host, UPDATE, {**input_, "updateName": "add", "updateArgs": [1]}))["execution"]
    await host.gateway.consistency.rows.settled(ANYBODY.scope)
    input_["idConflictPolicy"] = "TERMINATE_EXISTING"
    documents = {
        "start": (START, input_),
        "update": (UPDATE, {**input_, "updateName": "add", "updateArgs": [1]}),
        "reset": (RESET, {"workflowId": input_["workflowId"], "to": "LAST_WORKFLOW_TASK"}),
    }
    async with hosted(temporal.address, database) as other:
        answer = await done(host, *documents[mutation])
        id_, token = input_["workflowId"], answer["consistencyToken"]
        listed = [await host.data(LIST, id=id_, token=token), await host.data(LIST, id=id_, token=None)]
        # Elsewhere the token must do, though the index was told nothing.
        ref = ExecutionRef("default", str(id_), answer["execution"]["runId"])
        await Executions(host.database).delete(ref)
        await host.database.execute(
            "update executions set status = 'RUNNING', close_time = null where run_id = $1", old["runId"]
        )
        listed.append(await other.data(LIST, id=id_, token=token))
    for each in listed:
        assert {node["status"] for node in each["workflows"]["nodes"]} == {"RUNNING", "TERMINATED"}


async def test_a_token_of_what_is_gone_holds_no_list_up(host: Host, temporal: TemporalServer) -> None:
    answer = await done(host, START, given(workflowId=an_id()))
    id_ = answer["execution"]["workflowId"]
    erase = "mutation ($id: String!) { done: deleteWorkflow(input: {workflowId: $id}) { userErrors { code } } }"
    assert await host.data(erase, id=id_) == {"done": {"userErrors": []}}
    listed = await host.data(LIST, id=id_, token=answer["consistencyToken"])
    assert listed == {"workflows": {"nodes": []}}


async def test_a_list_waits_no_longer_than_it_says(host: Host, temporal: TemporalServer) -> None:
    row = await described(host)
    await Executions(host.database).delete(row.ref)
    async with hosted("127.0.0.1:1", "postgresql://nobody@127.0.0.1:1/nothing") as away:
        consistency = Consistency(away.temporal, Executions(host.database), away.gateway.consistency.rows, wait=0.3)
        with pytest.raises(DeadlineExceeded, match="Ask again"):
            await consistency.reached(ANYBODY, token_of(row))


@pytest.mark.parametrize("token", ["", "nonsense", "f8pRu"])
async def test_another_text_is_no_token(host: Host, token: str) -> None:
    with pytest.raises(BadUserInput, match="consistencyToken"):
        await host.gateway.consistency.reached(ANYBODY, token)
