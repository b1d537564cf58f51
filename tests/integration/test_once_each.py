"""Every mutation, with one key: at once through two gateways, again, and with another input."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.service import RPCError

from app.registry import DEFINITIONS
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, hosted
from tests.integration.states import Handle, Stage
from tests.waiting import eventually

RUN = "execution { workflowId runId } consistencyToken userErrors { code path }"
UPDATE = f"update {{ updateId stage result }} {RUN}"
MANY = "results { execution { runId } consistencyToken userErrors { code } } userErrors { code path }"
TENANT = "tenant { id status displayName } userErrors { code path }"
API_KEY = "apiKey { id name prefix createdAt revokedAt } userErrors { code path }"
SCHEDULE = "schedule { scheduleId paused } userErrors { code path }"


@dataclass(frozen=True)
class Case:
    """`made` gives the input, `other` is what makes it another one. `event` must be in the run's history once."""

    made: Callable[[Host, Stage], Awaitable[Mapping[str, Any]]]
    other: Mapping[str, Any]
    select: str = RUN
    event: EventType.ValueType | None = None


def named(run: Handle) -> dict[str, Any]:
    return {"workflowId": run.id, "runId": run.run_id}


def run_in(state: str, **more: Any) -> Callable[[Host, Stage], Awaitable[Mapping[str, Any]]]:
    async def made(_: Host, stage: Stage) -> Mapping[str, Any]:
        return {**named(await stage.in_state(state)), **more}

    return made


def runs_in(state: str, **more: Any) -> Callable[[Host, Stage], Awaitable[Mapping[str, Any]]]:
    async def made(_: Host, stage: Stage) -> Mapping[str, Any]:
        return {"refs": [named(await stage.in_state(state)) for _ in range(2)], **more}

    return made


def activity_of(
    how: str, *, paused: bool = False, **more: Any
) -> Callable[[Host, Stage], Awaitable[Mapping[str, Any]]]:
    async def made(host: Host, stage: Stage) -> Mapping[str, Any]:
        run = await stage.start(how)
        pending = {"refusing": 1, "elsewhere": 0}[how]

        async def waits() -> bool:
            found = (await run.describe()).raw_description.pending_activities
            return bool(found) and (bool(found[0].last_failure.message) if pending else found[0].attempt == 1)

        await eventually(waits)
        input_ = {**named(run), "activityId": "a", **more}
        if paused:
            await call(host, "pauseActivity", {**named(run), "activityId": "a"}, RUN)
        return input_

    return made


def a_schedule(**more: Any) -> Callable[[Host, Stage], Awaitable[Mapping[str, Any]]]:
    async def made(host: Host, _: Stage) -> Mapping[str, Any]:
        schedule_id = f"each-{uuid.uuid4().hex[:10]}"
        made_of = {"scheduleId": schedule_id, "spec": {}, "action": {"workflowType": "Nightly", "taskQueue": "nobody"}}
        done = await call(host, "createSchedule", made_of, SCHEDULE)
        assert done["userErrors"] == []
        return {"scheduleId": schedule_id, **more}

    return made


async def a_new_schedule(_: Host, __: Stage) -> Mapping[str, Any]:
    action = {"workflowType": "Nightly", "taskQueue": "nobody"}
    return {"scheduleId": f"each-{uuid.uuid4().hex[:10]}", "spec": {}, "action": action}


async def a_start(_: Host, stage: Stage) -> Mapping[str, Any]:
    return {"workflowType": "Acted", "input": ["wait"], "taskQueue": stage.queue}


async def a_signalled_start(host: Host, stage: Stage) -> Mapping[str, Any]:
    return {
        **await a_start(host, stage),
        "workflowId": f"each-{uuid.uuid4().hex}",
        "signalName": "note",
        "signalArgs": ["x"],
    }


async def an_updated_start(host: Host, stage: Stage) -> Mapping[str, Any]:
    return {
        **await a_start(host, stage),
        "workflowId": f"each-{uuid.uuid4().hex}",
        "updateName": "add",
        "updateArgs": ["x"],
    }


async def a_batch(host: Host, stage: Stage) -> Mapping[str, Any]:
    started = await call(host, "startWorkflow", await a_start(host, stage), RUN)
    filter_ = {"workflowId": {"equals": started["execution"]["workflowId"]}}
    begun = await call(host, "cancelWorkflows", {"filter": filter_}, "batch { jobId } userErrors { code }")
    return {"jobId": begun["batch"]["jobId"]}


def a_tenant(*, suspended: bool = False, **more: Any) -> Callable[[Host, Stage], Awaitable[Mapping[str, Any]]]:
    async def made(host: Host, _: Stage) -> Mapping[str, Any]:
        await host.database.execute(
            "insert into tenants (tenant, status) values ('acme', $1)", "SUSPENDED" if suspended else "ACTIVE"
        )
        return {"tenant": "acme", **more}

    return made


async def a_key(_: Host, __: Stage) -> Mapping[str, Any]:
    return {"name": "deploy", "roles": ["VIEWER"], "tenant": "acme"}


async def a_key_to_revoke(host: Host, stage: Stage) -> Mapping[str, Any]:
    return {"id": (await call(host, "createApiKey", await a_key(host, stage), API_KEY))["apiKey"]["id"]}


NOTED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
ASKED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
UPDATED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
ENDED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED
GONE = "deletedId workflowId runId terminated consistencyToken userErrors { code path }"
ALL_GONE = "results { runId terminated userErrors { code } } userErrors { code path }"
SPAN = {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-01T00:00:01Z"}

CASES: Mapping[str, Case] = {
    "startWorkflow": Case(a_start, {"summary": "another"}),
    "signalWithStartWorkflow": Case(a_signalled_start, {"signalArgs": ["y"]}, event=NOTED),
    "updateWithStartWorkflow": Case(an_updated_start, {"updateArgs": ["y"]}, UPDATE, UPDATED),
    "signalWorkflow": Case(run_in("RUNNING", signalName="note", args=["x"]), {"args": ["y"]}, event=NOTED),
    "updateWorkflow": Case(run_in("RUNNING", updateName="add", args=["x"]), {"args": ["y"]}, UPDATE, UPDATED),
    "cancelWorkflow": Case(run_in("PAUSED"), {"reason": "another"}, event=ASKED),
    "terminateWorkflow": Case(run_in("RUNNING"), {"reason": "another"}, event=ENDED),
    "resetWorkflow": Case(run_in("COMPLETED", to="FIRST_WORKFLOW_TASK"), {"reason": "another"}),
    "pauseWorkflow": Case(run_in("RUNNING"), {"reason": "another"}),
    "unpauseWorkflow": Case(run_in("PAUSED"), {"reason": "another"}),
    "deleteWorkflow": Case(run_in("RUNNING"), {"workflowId": "another"}, GONE),
    "pauseActivity": Case(activity_of("refusing"), {"reason": "another"}),
    "unpauseActivity": Case(activity_of("refusing", paused=True), {"jitterSeconds": 1}),
    "resetActivity": Case(activity_of("refusing"), {"keepPaused": True}),
    "updateActivityOptions": Case(activity_of("refusing", startToCloseTimeoutSeconds=30), {"priority": 2}),
    "completeActivity": Case(activity_of("elsewhere", result=1), {"result": 2}),
    "failActivity": Case(activity_of("elsewhere", message="no"), {"message": "another"}),
    "heartbeatActivity": Case(activity_of("elsewhere", details=[1]), {"details": [2]}, f"cancelRequested {RUN}"),
    "signalWorkflows": Case(runs_in("RUNNING", signalName="note", args=["x"]), {"args": ["y"]}, MANY, NOTED),
    "cancelWorkflows": Case(runs_in("PAUSED"), {"reason": "another"}, MANY, ASKED),
    "terminateWorkflows": Case(runs_in("RUNNING"), {"reason": "another"}, MANY, ENDED),
    "resetWorkflows": Case(runs_in("COMPLETED", to="FIRST_WORKFLOW_TASK"), {"reason": "another"}, MANY),
    "pauseWorkflows": Case(runs_in("RUNNING"), {"reason": "another"}, MANY),
    "unpauseWorkflows": Case(runs_in("PAUSED"), {"reason": "another"}, MANY),
    "deleteWorkflows": Case(runs_in("RUNNING"), {"refs": []}, ALL_GONE),
    "stopBatchOperation": Case(a_batch, {"reason": "another"}, "batch { jobId } userErrors { code path }"),
    "createSchedule": Case(a_new_schedule, {"notes": "another"}, SCHEDULE),
    "updateSchedule": Case(a_schedule(notes="said"), {"notes": "another"}, SCHEDULE),
    "pauseSchedule": Case(a_schedule(), {"notes": "another"}, SCHEDULE),
    "unpauseSchedule": Case(a_schedule(), {"notes": "another"}, SCHEDULE),
    "triggerSchedule": Case(a_schedule(), {"overlap": "SKIP"}, SCHEDULE),
    "backfillSchedule": Case(a_schedule(**SPAN), {"overlap": "SKIP"}, SCHEDULE),
    "updateTenant": Case(a_tenant(displayName="Acme"), {"displayName": "another"}, TENANT),
    "suspendTenant": Case(a_tenant(reason="r"), {"reason": "another"}, TENANT),
    "resumeTenant": Case(a_tenant(suspended=True), {"tenant": "another"}, TENANT),
    "createApiKey": Case(a_key, {"name": "another"}, f"secret {API_KEY}"),
    "revokeApiKey": Case(a_key_to_revoke, {"id": "another"}, API_KEY),
    "deleteSchedule": Case(a_schedule(), {"scheduleId": "another"}, "deleted userErrors { code path }"),
}


@pytest.fixture
async def other(temporal: TemporalServer, database: str) -> AsyncIterator[Host]:
    async with hosted(temporal.address, database) as made:
        yield made


async def call(host: Host, mutation: str, input_: Mapping[str, Any], select: str) -> Any:
    kind = f"{mutation[0].upper()}{mutation[1:]}Input!"
    return (
        await host.data(f"mutation ($input: {kind}) {{ done: {mutation}(input: $input) {{ {select} }} }}", input=input_)
    )["done"]


async def test_the_table_has_every_mutation(host: Host) -> None:
    fields = (await host.data("{ __schema { mutationType { fields { name } } } }"))["__schema"]["mutationType"][
        "fields"
    ]
    # A typed start is startWorkflow with its input in another form. What is handed out for a moment is not kept, so
    # that there is nothing that a key could bring back.
    secrets = {"createWatchToken", "createStreamTicket", "claimApiKey"}
    typed = {each.mutation for each in DEFINITIONS if each.mutation}
    assert {each["name"] for each in fields} == {*CASES, *secrets, *typed}


@pytest.mark.parametrize("mutation", CASES)
async def test_one_key_is_one_act(
    host: Host, other: Host, stage: Stage, temporal: TemporalServer, mutation: str
) -> None:
    case = CASES[mutation]
    input_ = {**await case.made(host, stage), "idempotencyKey": uuid.uuid4().hex}
    at_once = await asyncio.gather(*(call(each, mutation, input_, case.select) for each in (host, other) * 2))
    again = await call(other, mutation, input_, case.select)
    told = [stripped(each) for each in (*at_once, again)]
    assert told[0]["userErrors"] == []
    assert all(result["userErrors"] == [] for result in told[0].get("results", ()))
    assert all(each == told[0] for each in told), told
    changed = await call(host, mutation, {**input_, **case.other}, case.select)
    assert changed["userErrors"] == [{"code": "IDEMPOTENCY_MISMATCH", "path": ["idempotencyKey"]}]
    await happened_once(temporal, case, input_, told[0])


@pytest.mark.parametrize("mutation", CASES)
async def test_what_nobody_heard_of_is_found_done(
    host: Host, other: Host, stage: Stage, temporal: TemporalServer, mutation: str
) -> None:
    """As after a crash between Temporal and the outcome: the key is claimed, and nobody knows what came of it."""
    case = CASES[mutation]
    input_ = {**await case.made(host, stage), "idempotencyKey": uuid.uuid4().hex}
    first = stripped(await call(host, mutation, input_, case.select))
    await host.database.execute("update idempotency set outcome = null, leased_until = now()")
    again = stripped(await call(other, mutation, input_, case.select))
    assert again == first
    assert again["userErrors"] == []
    assert all(result["userErrors"] == [] for result in again.get("results", ()))
    await happened_once(temporal, case, input_, first)


CLOSED_MEANWHILE = ("signalWorkflow", "cancelWorkflow", "terminateWorkflow", "updateWorkflow", "deleteWorkflow")


@pytest.mark.parametrize("mutation", CLOSED_MEANWHILE)
async def test_what_nobody_heard_of_is_found_done_though_the_run_has_closed(
    host: Host, other: Host, stage: Stage, temporal: TemporalServer, mutation: str
) -> None:
    case = CASES[mutation]
    input_ = {**await case.made(host, stage), "idempotencyKey": uuid.uuid4().hex}
    first = stripped(await call(host, mutation, input_, case.select))
    await host.database.execute("update idempotency set outcome = null, leased_until = now()")
    with contextlib.suppress(RPCError):
        await temporal.client.get_workflow_handle(input_["workflowId"]).terminate()
    assert stripped(await call(other, mutation, input_, case.select)) == first
    await happened_once(temporal, case, input_, first)


async def test_what_did_not_reach_temporal_is_refused_when_the_run_has_closed(
    host: Host, stage: Stage, temporal: TemporalServer
) -> None:
    for mutation in ("signalWorkflow", "cancelWorkflow", "terminateWorkflow"):
        case = CASES[mutation]
        input_ = {**await case.made(host, stage), "idempotencyKey": uuid.uuid4().hex}
        plan = {"namespace": "default", "workflowId": input_["workflowId"], "runId": input_["runId"]}
        await call(host, mutation, input_, case.select)
        # As after a crash before Temporal was told: another request id than any that it knows.
        other_run = named(await stage.in_state("COMPLETED"))
        await host.database.execute(
            "update idempotency set outcome = null, leased_until = now(), request_id = gen_random_uuid(), plan = $1",
            {**plan, **other_run},
        )
        refused = await call(host, mutation, input_, case.select)
        assert [each["code"] for each in refused["userErrors"]] == ["ALREADY_CLOSED"], mutation
        await host.database.execute("delete from idempotency")


async def test_a_batch_with_one_key_is_one_batch(host: Host, other: Host, stage: Stage) -> None:
    started = await call(host, "startWorkflow", await a_start(host, stage), RUN)
    await host.gateway.consistency.rows.settled(ANYBODY.scope)
    filter_ = {"workflowId": {"equals": started["execution"]["workflowId"]}}
    input_ = {"filter": filter_, "idempotencyKey": uuid.uuid4().hex}
    select = "batch { jobId total } userErrors { code path }"
    answers = await asyncio.gather(*(call(each, "cancelWorkflows", input_, select) for each in (host, other) * 2))
    assert all(each == answers[0] for each in answers)
    assert answers[0]["batch"]["total"] == 1
    changed = await call(host, "cancelWorkflows", {**input_, "ratePerSecond": 7}, select)
    assert changed["userErrors"] == [{"code": "IDEMPOTENCY_MISMATCH", "path": ["idempotencyKey"]}]
    assert await host.database.fetchval("select count(*) from batches") == 1


async def happened_once(temporal: TemporalServer, case: Case, input_: Mapping[str, Any], payload: Any) -> None:
    if case.event is None:
        return
    for run in input_.get("refs") or [payload["execution"]]:
        handle = temporal.client.get_workflow_handle(run["workflowId"], run_id=run["runId"])
        kinds = [each.event_type async for each in handle.fetch_history_events()]
        assert kinds.count(case.event) == 1


def stripped(payload: Any) -> Any:
    """The payload without tokens, which say how the run stood at the time."""
    if isinstance(payload, dict):
        return {name: stripped(value) for name, value in payload.items() if name != "consistencyToken"}
    return [stripped(each) for each in payload] if isinstance(payload, list) else payload
