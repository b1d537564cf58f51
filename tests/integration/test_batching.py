"""Acting on all that a filter finds: exactly what matched, each once, at a rate, though workers end in between."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from app.access import Role
from app.workflows.batches.workflow import TASK_QUEUE
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, member
from tests.integration.worker_process import worker_process
from tests.waiting import eventually

START = """
mutation ($input: StartWorkflowInput!) {
  startWorkflow(input: $input) { execution { workflowId runId } userErrors { code message } }
}
"""
BATCH = """
  jobId state operation total completed failed skipped reason identity problem workflowId closeTime
  failedItems { workflowId runId code message }
"""
READ = f"query ($id: ID!) {{ batchOperation(jobId: $id) {{ {BATCH} }} }}"
LIST = f"{{ batchOperations {{ totalCount nodes {{ {BATCH} }} }} }}"
STOP = f"""
mutation ($input: StopBatchOperationInput!) {{
  stopBatchOperation(input: $input) {{ batch {{ {BATCH} }} userErrors {{ code path }} }}
}}
"""


def mutation(field: str) -> str:
    return f"""
    mutation ($input: {field[0].upper()}{field[1:]}Input!) {{
      done: {field}(input: $input) {{
        batch {{ {BATCH} }} matched firstMatched {{ workflowId }} consistencyToken userErrors {{ code path message }}
      }}
    }}
    """


@asynccontextmanager
async def worker(temporal: TemporalServer, database: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker of batches."""
    settings = {"DATABASE_URL": database, "TIDELINE_QUEUES": TASK_QUEUE, "TIDELINE_SHUTDOWN_GRACE": "3"}
    async with worker_process(log, TEMPORAL_ADDRESS=temporal.address, **settings) as started:
        yield started


async def runs(host: Host, count: int, identity: Any = ANYBODY, kind: str | None = None) -> tuple[str, list[Any]]:
    """So many open runs of a type of their own, and that type."""
    kind = kind or f"Batched-{uuid.uuid4().hex[:8]}"
    turns = asyncio.Semaphore(20)

    async def one() -> Any:
        async with turns:
            input_ = {"workflowType": kind, "taskQueue": "nobody"}
            return (await host.data(START, identity, input=input_))["startWorkflow"]["execution"]

    return kind, await asyncio.gather(*(one() for _ in range(count)))


async def act(host: Host, field: str, input_: Mapping[str, Any], identity: Any = ANYBODY) -> Any:
    return (await host.data(mutation(field), identity, input=input_))["done"]


def of(kind: str) -> dict[str, Any]:
    return {"filter": {"workflowType": [kind]}}


async def until(host: Host, job_id: str, condition: Any, identity: Any = ANYBODY) -> Any:
    async def read() -> Any:
        return (await host.data(READ, identity, id=job_id))["batchOperation"]

    return await eventually(read, condition, within=60, every=0.1)


def has_ended(batch: Any) -> bool:
    return bool(batch["state"] != "RUNNING")


async def events_of(temporal: TemporalServer, run: Any, kind: EventType.ValueType) -> int:
    handle = temporal.client.get_workflow_handle(run["workflowId"], run_id=run["runId"])
    return [each.event_type async for each in handle.fetch_history_events()].count(kind)


async def test_each_run_is_acted_on_once_though_the_worker_is_killed(
    host: Host, temporal: TemporalServer, database: str, tmp_path: Path
) -> None:
    kind, made = await runs(host, 240)
    begun = await act(
        host, "signalWorkflows", {**of(kind), "signalName": "go", "args": ["secret"], "ratePerSecond": 40}
    )
    assert begun["userErrors"] == []
    batch = begun["batch"]
    assert (batch["state"], batch["total"], batch["operation"]) == ("RUNNING", 240, "SIGNAL_WORKFLOW")
    _, late = await runs(host, 1, kind=kind)
    async with worker(temporal, database, tmp_path / "first.log") as first:
        await until(host, batch["jobId"], lambda each: each["completed"] >= 60)
        first.send_signal(signal.SIGKILL)
        await first.wait()
    left = await until(host, batch["jobId"], lambda _: True)
    assert 60 <= left["completed"] < 240
    async with worker(temporal, database, tmp_path / "second.log"):
        done = await until(host, batch["jobId"], has_ended)
    assert (done["state"], done["completed"], done["failed"], done["skipped"]) == ("COMPLETED", 240, 0, 0)
    signalled = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    assert [await events_of(temporal, run, signalled) for run in made] == [1] * 240
    assert await events_of(temporal, late[0], signalled) == 0, "it matched only after the batch had begun"
    rows = await host.database.fetch(
        "select action, outcome, count(distinct workflow_id) as runs from audit"
        " where detail ->> 'batch' = $1 and outcome = 'OK' group by 1, 2 order by 3",
        batch["jobId"],
    )
    # What was told to Temporal by the worker that died is concluded by the other one.
    assert [tuple(row) for row in rows] == [("signalWorkflows", "OK", 1), ("signalWorkflow", "OK", 240)]
    assert not await host.database.fetchval("select exists (select from audit where detail::text like '%secret%')")


async def test_what_no_longer_matches_is_left_alone_and_what_fails_is_shown(
    host: Host, temporal: TemporalServer, database: str, tmp_path: Path
) -> None:
    kind, made = await runs(host, 4)
    begun = (await act(host, "terminateWorkflows", {**of(kind), "reason": "over"}))["batch"]
    assert (begun["total"], begun["reason"], begun["identity"]) == (4, "over", "anybody")
    one = {"workflowId": made[0]["workflowId"], "runId": made[0]["runId"]}
    await host.data(
        "mutation ($i: TerminateWorkflowInput!) { terminateWorkflow(input: $i) { userErrors { code } } }", i=one
    )
    await temporal.client.get_workflow_handle(made[1]["workflowId"]).terminate()
    async with worker(temporal, database, tmp_path / "worker.log"):
        done = await until(host, begun["jobId"], has_ended)
        assert (done["completed"], done["failed"], done["skipped"]) == (2, 0, 2)
        assert done["closeTime"] is not None
        impossible = (await act(host, "resetWorkflows", {**of(kind), "to": "LAST_WORKFLOW_TASK"}))["batch"]
        failed = await until(host, impossible["jobId"], has_ended)
    assert (failed["state"], failed["failed"], failed["total"]) == ("COMPLETED", 4, 4)
    assert {each["runId"] for each in failed["failedItems"]} == {each["runId"] for each in made}
    assert {each["code"] for each in failed["failedItems"]} == {"INVALID_INPUT"}
    shown = await host.data("query ($id: String!) { workflow(workflowId: $id) { status } }", id=made[2]["workflowId"])
    assert shown["workflow"]["status"] == "TERMINATED"


async def test_a_batch_can_be_stopped(host: Host, temporal: TemporalServer, database: str, tmp_path: Path) -> None:
    kind, made = await runs(host, 60)
    batch = (await act(host, "cancelWorkflows", {**of(kind), "ratePerSecond": 10}))["batch"]
    async with worker(temporal, database, tmp_path / "worker.log"):
        await until(host, batch["jobId"], lambda each: each["completed"] >= 5)
        stopped = (await host.data(STOP, input={"jobId": batch["jobId"]}))["stopBatchOperation"]
        assert stopped["userErrors"] == []
        done = await until(host, batch["jobId"], has_ended)
    assert done["state"] == "CANCELED"
    assert 5 <= done["completed"] < 60
    asked = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
    assert sum([await events_of(temporal, run, asked) for run in made]) == done["completed"]
    again = (await host.data(STOP, input={"jobId": batch["jobId"]}))["stopBatchOperation"]
    assert again["userErrors"] == [{"code": "ALREADY_CLOSED", "path": ["jobId"]}]


async def test_a_batch_whose_run_is_terminated_has_ended(host: Host) -> None:
    kind, _ = await runs(host, 1)
    batch = (await act(host, "cancelWorkflows", of(kind)))["batch"]
    one = {"workflowId": batch["workflowId"]}
    await host.data(
        "mutation ($i: TerminateWorkflowInput!) { terminateWorkflow(input: $i) { userErrors { code } } }", i=one
    )
    assert (await until(host, batch["jobId"], has_ended))["state"] == "FAILED"


async def test_a_dry_run_tells_how_many_and_does_nothing(host: Host) -> None:
    kind, made = await runs(host, 23)
    told = await act(host, "terminateWorkflows", {**of(kind), "dryRun": True})
    assert (told["matched"], len(told["firstMatched"]), told["batch"], told["userErrors"]) == (23, 20, None, [])
    listed = await host.data(
        "query ($k: [String!]) { workflows(filter: {workflowType: $k}, first: 20) { nodes { workflowId } } }", k=[kind]
    )
    assert told["firstMatched"] == listed["workflows"]["nodes"]
    assert (await act(host, "unpauseWorkflows", {**of(kind), "dryRun": True}))["matched"] == 0, "none is paused"
    refs = [{"workflowId": made[0]["workflowId"]}, {"workflowId": "never-was"}]
    named = await act(host, "cancelWorkflows", {"refs": refs, "dryRun": True})
    assert (named["matched"], named["firstMatched"]) == (1, [{"workflowId": made[0]["workflowId"]}])
    assert await host.database.fetchval("select count(*) from batches") == 0


async def test_a_tenant_acts_on_its_own_alone_and_sees_its_own_alone(
    host: Host, temporal: TemporalServer, database: str, tmp_path: Path
) -> None:
    acme, other = member("acme"), member("other")
    kind, mine = await runs(host, 3, acme)
    _, theirs = await runs(host, 2, other, kind)
    assert (await act(host, "terminateWorkflows", {**of(kind), "dryRun": True}, acme))["matched"] == 3
    batch = (await act(host, "terminateWorkflows", of(kind), acme))["batch"]
    assert batch["total"] == 3
    wide = (await act(host, "cancelWorkflows", of(kind)))["batch"]
    for identity, seen in ((acme, {batch["jobId"]}), (other, set()), (ANYBODY, {batch["jobId"], wide["jobId"]})):
        found = (await host.data(LIST, identity))["batchOperations"]
        assert {each["jobId"] for each in found["nodes"]} == seen
        assert found["totalCount"] == len(seen)
        one = (await host.data(READ, identity, id=batch["jobId"]))["batchOperation"]
        assert (one is not None) == (batch["jobId"] in seen)
    refused = (await host.data(STOP, other, input={"jobId": batch["jobId"]}))["stopBatchOperation"]
    assert refused["userErrors"] == [{"code": "NOT_FOUND", "path": ["jobId"]}]
    noted = "select outcome from audit where action = 'stopBatchOperation' and outcome <> 'REQUESTED'"
    assert await host.database.fetchval(noted) == "NOT_FOUND"
    async with worker(temporal, database, tmp_path / "worker.log"):
        done = await until(host, batch["jobId"], has_ended, acme)
    assert (done["completed"], done["identity"]) == (3, "member of acme")
    ended = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED
    assert [await events_of(temporal, run, ended) for run in (*mine, *theirs)] == [1, 1, 1, 0, 0]


async def test_rights_that_were_taken_away_end_it(
    host: Host, temporal: TemporalServer, database: str, tmp_path: Path
) -> None:
    acme = member("acme", Role.OPERATOR)
    kind, made = await runs(host, 2, member("acme"))
    batch = (await act(host, "terminateWorkflows", of(kind), acme))["batch"]
    await host.database.execute("update batches set requester = requester || $1", {"roles": ["VIEWER"]})
    async with worker(temporal, database, tmp_path / "worker.log"):
        done = await until(host, batch["jobId"], has_ended, acme)
    assert (done["state"], done["completed"]) == ("FAILED", 0)
    assert done["problem"] == "member of acme may not terminate workflows any more."
    ended = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED
    assert [await events_of(temporal, run, ended) for run in made] == [0, 0]


async def test_the_list_goes_on_behind_a_cursor(host: Host) -> None:
    kind, _ = await runs(host, 1)
    made = [(await act(host, "cancelWorkflows", of(kind)))["batch"]["jobId"] for _ in range(3)]
    query = """query ($after: Cursor) {
      batchOperations(first: 1, after: $after) { nodes { jobId operation } pageInfo { hasNextPage endCursor } }
    }"""
    own = (await host.data(LIST, member("default")))["batchOperations"]["nodes"]
    assert own == [], "what is confined to no tenant is for overseers"
    seen: list[str] = []
    after = None
    while len(seen) < 3:
        page = (await host.data(query, after=after))["batchOperations"]
        seen += [each["jobId"] for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("field", "input_", "code", "path"),
    [
        ("cancelWorkflows", {}, "INVALID_INPUT", ["filter"]),
        ("cancelWorkflows", {"filter": {}}, "INVALID_INPUT", ["filter"]),
        ("cancelWorkflows", {"filter": {}, "dryRun": True}, "INVALID_INPUT", ["filter"]),
        ("cancelWorkflows", {"refs": [], "filter": {"workflowType": ["A"]}}, "INVALID_INPUT", ["filter"]),
        ("cancelWorkflows", {"refs": [], "ratePerSecond": 3}, "INVALID_INPUT", ["ratePerSecond"]),
        ("cancelWorkflows", {**of("A"), "ratePerSecond": 0}, "INVALID_INPUT", ["ratePerSecond"]),
        ("cancelWorkflows", {**of("A"), "ratePerSecond": 501}, "INVALID_INPUT", ["ratePerSecond"]),
        ("cancelWorkflows", {"filter": {"namespace": ["no"]}}, "INVALID_INPUT", ["filter", "namespace"]),
        ("deleteWorkflows", of("A"), "NOT_ALLOWED", []),
        ("deleteWorkflows", {**of("A"), "dryRun": True}, "NOT_ALLOWED", []),
    ],
)
async def test_what_is_refused(host: Host, field: str, input_: Mapping[str, Any], code: str, path: list[str]) -> None:
    refused = await act(host, field, input_, member("acme", Role.OPERATOR))
    assert [(each["code"], each["path"]) for each in refused["userErrors"]] == [(code, path)]
    assert (refused["batch"], refused["matched"]) == (None, None)
    assert await host.database.fetchval("select count(*) from batches") == 0


WRONG = [
    ("signalWorkflows", {"signalName": ""}, ["signalName"]),
    ("resetWorkflows", {}, ["to"]),
    ("resetWorkflows", {"to": "FIRST_WORKFLOW_TASK", "eventId": 4}, ["to"]),
    ("resetWorkflows", {"eventId": -1}, ["eventId"]),
    ("resetWorkflows", {"buildId": ""}, ["buildId"]),
]


@pytest.mark.parametrize("runs", [of("A"), {"refs": [{"workflowId": "never-was"}]}])
@pytest.mark.parametrize(("field", "wrong", "path"), WRONG)
async def test_what_is_wrong_whatever_the_runs_are_is_told_once(
    host: Host, field: str, wrong: Mapping[str, Any], path: list[str], runs: Mapping[str, Any]
) -> None:
    refused = await act(host, field, {**wrong, **runs})
    assert [(each["code"], each["path"]) for each in refused["userErrors"]] == [("INVALID_INPUT", path)]
    assert await act(host, field, {**wrong, **runs, "dryRun": True}) == refused
    assert await host.database.fetchval("select count(*) from batches") == 0
    if "refs" in runs:
        one = f"{field[0].upper()}{field[1:-1]}Input"
        document = (
            f"mutation ($input: {one}!) {{ done: {field[:-1]}(input: $input) {{ userErrors {{ path message }} }} }}"
        )
        [error] = (await host.data(document, input={**wrong, **runs["refs"][0]}))["done"]["userErrors"]
        assert error.items() <= refused["userErrors"][0].items(), "one run is refused in the same words"


@pytest.mark.parametrize("rate", [0, 501])
async def test_a_dry_run_has_a_rate_too(host: Host, rate: float) -> None:
    refused = await act(host, "cancelWorkflows", {**of("A"), "ratePerSecond": rate, "dryRun": True})
    assert [each["path"] for each in refused["userErrors"]] == [["ratePerSecond"]]
