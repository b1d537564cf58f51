"""One key, one act: at once, again, elsewhere, and after a crash at every point."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest

from app.access import Role
from app.errors import DatabaseUnavailable
from app.gateway import Caller
from app.gateway.starting.starting import Beginning
from app.gateway.starting.wanted import StartWanted
from app.model import Json
from app.store.idempotency import Idempotency
from app.temporal import starts
from app.temporal.earlier import REQUEST_MEMO
from app.temporal.starts import Start, Started
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, hosted, member
from tests.waiting import eventually

START = """
mutation ($input: StartWorkflowInput!) {
  startWorkflow(input: $input) {
    created execution { workflowId runId status } userErrors { code path message } consistencyToken
  }
}
"""
SIGNAL = """
mutation ($input: SignalWorkflowInput!) {
  signalWorkflow(input: $input) { execution { runId status } userErrors { code path } }
}
"""
CANCEL = """
mutation ($input: CancelWorkflowInput!) {
  cancelWorkflow(input: $input) { execution { runId status } userErrors { code path } }
}
"""


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
async def other(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    """A second gateway over the same servers."""
    async with hosted(temporal.address, database) as made:
        yield made


def given(**fields: Json) -> dict[str, Json]:
    return {"workflowType": "Nothing", "taskQueue": "nobody", "idempotencyKey": uuid.uuid4().hex, **fields}


def an_id() -> str:
    return f"once-{uuid.uuid4().hex[:10]}"


async def start(host: Host, input_: Mapping[str, Json], identity: Any = ANYBODY) -> Any:
    return (await host.data(START, identity, input=input_))["startWorkflow"]


async def runs_of(temporal: TemporalServer, workflow_id: str, expected: int) -> list[str]:
    """The runs of an id, once visibility has them."""

    async def listed() -> list[str]:
        found = temporal.client.list_workflows(f"WorkflowId = '{workflow_id}'")
        return [each.run_id async for each in found]

    return await eventually(listed, lambda found: len(found) >= expected)


async def crashed(host: Host, input_: Mapping[str, Json], *, told: bool) -> None:
    """A gateway that dies with a start in hand: before or after it has told Temporal."""

    async def send(start: Start) -> tuple[Started, Mapping[str, Json]]:
        if told:
            await starts.start(host.temporal, start)
        raise Crash

    wanted = StartWanted(
        workflow_type=str(input_["workflowType"]),
        workflow_id=input_.get("workflowId"),
        task_queue=str(input_["taskQueue"]),
        input=[],
    )
    begin = Beginning("startWorkflow", send, 0.1, {})
    with pytest.raises(Crash):
        await host.gateway.starting.perform(Caller(ANYBODY, "request-0"), wanted, input_["idempotencyKey"], begin)


async def test_the_same_request_again_is_one_execution(host: Host, other: Host, temporal: TemporalServer) -> None:
    for fields in ({}, {"workflowId": an_id()}):
        input_ = given(**fields)
        first = await start(host, input_)
        assert first["created"]
        for gateway in (host, other):
            again = await start(gateway, input_)
            assert again["execution"] == first["execution"]
            assert not again["created"]
        run = first["execution"]
        await temporal.client.get_workflow_handle(run["workflowId"]).terminate()
        closed = await start(other, input_)
        assert closed["execution"] == {**run, "status": "TERMINATED"}
        assert await runs_of(temporal, run["workflowId"], 1) == [run["runId"]]


async def test_at_once_through_two_gateways_is_one_execution(host: Host, other: Host, temporal: TemporalServer) -> None:
    for fields in ({}, {"workflowId": an_id()}):
        input_ = given(**fields)
        answers = await asyncio.gather(*(start(gateway, input_) for gateway in (host, other) * 5))
        assert [each["userErrors"] for each in answers] == [[]] * 10
        [run] = {each["execution"]["runId"] for each in answers}
        assert sum(each["created"] for each in answers) == 1
        assert await runs_of(temporal, answers[0]["execution"]["workflowId"], 1) == [run]


async def test_a_key_is_of_its_tenant_and_environment(host: Host) -> None:
    input_ = given()
    people = (member("acme"), member("other"), member("acme", environment="test"))
    answers = [await start(host, input_, each) for each in people]
    assert len({each["execution"]["runId"] for each in answers}) == 3
    assert all(each["created"] for each in answers)


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({}, True),
        ({"waitForResultSeconds": 0}, True),
        ({"input": [1]}, False),
        ({"workflowId": "another"}, False),
        ({"memo": {"a": 1}}, False),
        ({"startDelaySeconds": 5}, False),
        ({"idConflictPolicy": "USE_EXISTING"}, False),
    ],
)
async def test_another_input_is_a_mismatch(host: Host, change: dict[str, Json], is_same: bool) -> None:
    input_ = given()
    first = await start(host, input_)
    again = await start(host, {**input_, **change})
    if is_same:
        assert again["execution"] == first["execution"]
    else:
        assert again["execution"] is None
        assert [(each["code"], each["path"]) for each in again["userErrors"]] == [
            ("IDEMPOTENCY_MISMATCH", ["idempotencyKey"])
        ]


async def test_the_order_of_fields_makes_no_other_input(host: Host) -> None:
    input_ = given(metadata={"a": 1, "b": {"c": [1, 2], "d": None}})
    first = await start(host, input_)
    assert (await start(host, {**input_, "metadata": {"b": {"d": None, "c": [1, 2]}, "a": 1}}))["execution"] == first[
        "execution"
    ]


async def test_another_mutation_with_the_key_is_a_mismatch(host: Host) -> None:
    input_ = given()
    run = (await start(host, input_))["execution"]
    signal = {"workflowId": run["workflowId"], "signalName": "go", "idempotencyKey": input_["idempotencyKey"]}
    answer = (await host.data(SIGNAL, input=signal))["signalWorkflow"]
    assert [each["code"] for each in answer["userErrors"]] == ["IDEMPOTENCY_MISMATCH"]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "a\0b"])
async def test_a_key_that_cannot_be_is_refused(host: Host, key: str) -> None:
    answer = await start(host, given(idempotencyKey=key))
    assert [(each["code"], each["path"]) for each in answer["userErrors"]] == [("INVALID_INPUT", ["idempotencyKey"])]


async def test_a_refusal_does_not_burn_the_key(host: Host) -> None:
    input_ = given(runTimeoutSeconds=-1)
    assert (await start(host, input_))["userErrors"]
    assert (await start(host, {**input_, "runTimeoutSeconds": 60}))["created"]
    taken = (await start(host, given(workflowId=an_id())))["execution"]["workflowId"]
    refused = given(workflowId=taken)
    assert [each["code"] for each in (await start(host, refused))["userErrors"]] == ["ALREADY_STARTED"]
    assert (await start(host, {**refused, "workflowId": an_id()}))["created"]


async def test_who_may_not_learns_nothing_of_a_key(host: Host) -> None:
    input_ = given()
    await start(host, input_, member("acme"))
    answer = await start(host, input_, member("acme", Role.VIEWER))
    assert [each["code"] for each in answer["userErrors"]] == ["NOT_ALLOWED"]


@pytest.mark.parametrize("made_up", [True, False])
async def test_after_a_crash_before_temporal_it_is_started_once(
    host: Host, other: Host, temporal: TemporalServer, made_up: bool
) -> None:
    input_ = given(**({} if made_up else {"workflowId": an_id()}))
    await crashed(host, input_, told=False)
    again = await start(other, input_)
    assert again["created"], "nobody had started it"
    assert not (await start(host, input_))["created"]
    run = again["execution"]
    assert await runs_of(temporal, run["workflowId"], 1) == [run["runId"]]


@pytest.mark.parametrize("made_up", [True, False])
async def test_after_a_crash_behind_temporal_the_run_is_found(
    host: Host, other: Host, temporal: TemporalServer, made_up: bool
) -> None:
    input_ = given(**({} if made_up else {"workflowId": an_id()}))
    await crashed(host, input_, told=True)
    again = await start(other, input_)
    run = again["execution"]
    assert not again["created"]
    assert await runs_of(temporal, run["workflowId"], 1) == [run["runId"]]


async def test_after_a_crash_a_run_that_has_closed_and_was_followed_is_found(
    host: Host, other: Host, temporal: TemporalServer
) -> None:
    """Temporal knows the request id of the newest run only: a start that is simply repeated would be a second run."""
    workflow_id = an_id()
    input_ = given(workflowId=workflow_id)
    await crashed(host, input_, told=True)
    handle = temporal.client.get_workflow_handle(workflow_id)
    first = (await handle.describe()).run_id
    await handle.terminate()
    await temporal.client.start_workflow("Other", id=workflow_id, task_queue="nobody")
    await handle.terminate()
    assert len(await runs_of(temporal, workflow_id, 2)) == 2
    again = await start(other, input_)
    assert (again["execution"]["runId"], again["created"]) == (first, False)
    assert len(await runs_of(temporal, workflow_id, 2)) == 2


async def test_after_a_crash_a_run_that_temporal_forgot_is_found_in_the_index(
    host: Host, other: Host, temporal: TemporalServer
) -> None:
    workflow_id = an_id()
    input_ = given(workflowId=workflow_id)
    await crashed(host, input_, told=True)
    run = await host.gateway.reading.execution(ANYBODY, None, workflow_id, None)
    assert run is not None
    await host.gateway.consistency.rows.write([run])
    await temporal.client.workflow_service.delete_workflow_execution(_deletion(workflow_id))

    async def is_gone() -> bool:
        return not [each async for each in temporal.client.list_workflows(f"WorkflowId = '{workflow_id}'")]

    await eventually(is_gone)
    again = await start(other, input_)
    assert (again["execution"]["runId"], again["created"]) == (run.run_id, False)


def _deletion(workflow_id: str) -> Any:
    return DeleteWorkflowExecutionRequest(
        namespace="default", workflow_execution=WorkflowExecution(workflow_id=workflow_id)
    )


async def test_a_run_remembers_the_request_that_started_it(host: Host) -> None:
    run = (await start(host, given()))["execution"]
    row = await host.gateway.reading.execution(ANYBODY, None, run["workflowId"], None)
    assert row is not None
    assert run["workflowId"] == f"Nothing-{row.memo[REQUEST_MEMO]}"


async def test_a_signal_is_sent_once_and_told_after_the_run_has_closed(
    host: Host, other: Host, temporal: TemporalServer
) -> None:
    run = (await start(host, given()))["execution"]
    input_ = {"workflowId": run["workflowId"], "signalName": "go", "idempotencyKey": uuid.uuid4().hex}
    answers = await asyncio.gather(*(gateway.data(SIGNAL, input=input_) for gateway in (host, other) * 3))
    assert all(each["signalWorkflow"]["userErrors"] == [] for each in answers)
    handle = temporal.client.get_workflow_handle(run["workflowId"])
    events = [each async for each in handle.fetch_history_events()]
    assert sum(each.HasField("workflow_execution_signaled_event_attributes") for each in events) == 1
    await handle.terminate()
    late = (await other.data(SIGNAL, input=input_))["signalWorkflow"]
    assert late == {"execution": {"runId": run["runId"], "status": "TERMINATED"}, "userErrors": []}


async def test_a_cancel_is_told_after_the_run_has_closed(host: Host, temporal: TemporalServer) -> None:
    run = (await start(host, given()))["execution"]
    input_ = {"workflowId": run["workflowId"], "idempotencyKey": uuid.uuid4().hex}
    assert (await host.data(CANCEL, input=input_))["cancelWorkflow"]["userErrors"] == []
    await temporal.client.get_workflow_handle(run["workflowId"]).terminate()
    assert (await host.data(CANCEL, input=input_))["cancelWorkflow"]["userErrors"] == []
    fresh = {**input_, "idempotencyKey": uuid.uuid4().hex}
    refused = (await host.data(CANCEL, input=fresh))["cancelWorkflow"]
    assert [each["code"] for each in refused["userErrors"]] == ["ALREADY_CLOSED"]


async def test_a_caller_who_goes_away_does_not_stop_it(host: Host) -> None:
    input_ = given(workflowId=an_id())
    asking = asyncio.create_task(host.ask(START, input=input_))

    async def is_claimed() -> bool:
        return bool(await host.database.fetchval("select exists (select from idempotency)"))

    await eventually(is_claimed, every=0.0005)
    asking.cancel()
    again = await start(host, input_)
    assert again["execution"]["workflowId"] == input_["workflowId"]
    assert again["userErrors"] == []


async def test_without_postgres_nothing_happens(host: Host, temporal: TemporalServer, database: str) -> None:
    workflow_id = an_id()
    await host.database.close()
    answer = await host.ask(START, input=given(workflowId=workflow_id))
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "DATABASE_UNAVAILABLE"
    assert error["extensions"]["mayHaveHappened"] is False
    assert "Nothing was done" in error["message"]
    assert [each async for each in temporal.client.list_workflows(f"WorkflowId = '{workflow_id}'")] == []
    with pytest.raises(DatabaseUnavailable):
        await host.database.check()
    await host.database.connect()
    assert (await start(host, given(workflowId=workflow_id)))["created"]


async def test_without_temporal_the_answer_says_what_may_have_happened(database: str, temporal: TemporalServer) -> None:
    async with hosted("127.0.0.1:1", database) as host:
        [error] = (await host.ask(START, input=given()))["errors"]
    assert error["extensions"]["code"] == "TEMPORAL_UNAVAILABLE"
    assert error["extensions"]["mayHaveHappened"] is False


async def test_keys_are_forgotten_but_not_while_their_run_is_open(host: Host, temporal: TemporalServer) -> None:
    keys = Idempotency(host.database)
    input_, other_ = given(), given()
    run = (await start(host, input_))["execution"]
    closing = (await start(host, other_))["execution"]
    await temporal.client.get_workflow_handle(closing["workflowId"]).terminate()
    assert await keys.prune(7.0) == 0
    await host.database.execute("update idempotency set claimed_at = now() - interval '8 days', leased_until = now()")
    row = await host.gateway.reading.execution(ANYBODY, None, closing["workflowId"], None)
    assert row is not None
    await host.gateway.consistency.rows.write([row])
    assert await keys.prune(9.0) == 0
    assert await keys.prune(7.0) == 1
    left = await host.database.fetchval("select workflow_id from idempotency")
    assert left == run["workflowId"]
