"""The main job, as a front end and an integrator do it: start, list, watch, resume, cancel."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.worker import Worker

from tests.acceptance.client import ask, connected, data, subscribe
from tests.acceptance.process import Tideline
from tests.acceptance.strangers import Greeting, greet, wave
from tests.waiting import eventually

START = """
mutation ($input: StartWorkflowInput!) {
  startWorkflow(input: $input) { created execution { workflowId status tenant metadata } userErrors { code path } }
}
"""
EVENTS = """
subscription ($id: String!, $after: Cursor) {
  workflowEvents(workflowId: $id, after: $after) { cursor runId event { eventId eventType summary } }
}
"""
PROGRESS = """
subscription ($id: String!, $after: Cursor) {
  workflowProgress(workflowId: $id, after: $after) { cursor status progress { percent step source } }
}
"""
RUN = """
query ($id: String!) {
  workflow(workflowId: $id) {
    status result input durationMs failure { message type kind }
    progress { percent source }
    phases { name status }
    activities { totalCount nodes { activityType status attempt input result failure { message } } }
    timeline { nodes { kind name status lane startTime endTime eventIds } }
  }
}
"""


def price_sync(workflow_id: str, **fields: Any) -> dict[str, Any]:
    given = {
        "plan_id": "plan-pro",
        "tenant_id": "default",
        "environment_id": "default",
        "source": {"kind": "postgres", "connection": "demo", "table": "demo.plan_prices"},
        "destination": {
            "kind": "postgres",
            "connection": "demo",
            "table": "demo.subscription_prices",
            "subscriptions": "demo.subscriptions",
        },
    }
    return {"workflowType": "PriceSyncWorkflow", "workflowId": workflow_id, "input": [{**given, **fields}]}


async def start(tideline: Tideline, **fields: Any) -> str:
    workflow_id = f"sync-{uuid.uuid4().hex[:8]}"
    given = {**price_sync(workflow_id, **fields), "metadata": {"batch": workflow_id}}
    answer = (await data(tideline.http, START, input=given))["startWorkflow"]
    assert answer["created"]
    assert answer["userErrors"] == []
    return workflow_id


async def test_a_started_run_is_listed_watched_to_its_end_and_read_whole(tideline: Tideline) -> None:
    workflow_id = await start(tideline)

    mine = "query ($m: JSON!) { workflows(filter: {metadata: $m}) { totalCount nodes { workflowId status tenant } } }"
    listed = (await data(tideline.http, mine, m={"batch": workflow_id}))["workflows"]
    assert listed["totalCount"] == 1, "its own write is in the list at once"
    assert listed["nodes"][0]["workflowId"] == workflow_id

    updates = [each["workflowProgress"] for each in await subscribe(tideline.ws, PROGRESS, id=workflow_id)]
    assert updates[-1]["status"] == "COMPLETED"
    assert updates[-1]["progress"]["percent"] == 100

    run = (await data(tideline.http, RUN, id=workflow_id))["workflow"]
    assert run["status"] == "COMPLETED"
    assert run["result"]["prices"] == 120
    assert run["input"][0]["plan_id"] == "plan-pro"
    assert run["failure"] is None
    assert [phase["name"] for phase in run["phases"]] == ["validate", "count", "sync", "verify"]
    assert {phase["status"] for phase in run["phases"]} == {"COMPLETED"}
    activities = run["activities"]["nodes"]
    assert [each["activityType"] for each in activities][:2] == ["count_prices", "sync_prices"]
    assert {each["status"] for each in activities} == {"COMPLETED"}
    assert {item["kind"] for item in run["timeline"]["nodes"]} >= {"ACTIVITY", "PHASE", "WORKFLOW_TASK"}

    async def status() -> str:
        listed = await data(tideline.http, mine, m={"batch": workflow_id})
        return str(listed["workflows"]["nodes"][0]["status"])

    await eventually(status, lambda said: said == "COMPLETED", within=1.5)


async def test_a_dropped_socket_resumes_behind_its_cursor_with_nothing_lost_or_doubled(tideline: Tideline) -> None:
    workflow_id = await start(tideline, rate_limit=60)
    received: list[dict[str, Any]] = []
    after = None
    while True:
        async with connected(tideline.ws) as socket:
            some = len(received) + 5
            async for update in socket.subscribe(EVENTS, id=workflow_id, after=after):
                received.append(update["workflowEvents"])
                after = received[-1]["cursor"]
                if len(received) == some:
                    socket.cut()
                    break
            else:
                break
    ids = [each["event"]["eventId"] for each in received]
    assert ids == list(range(1, len(ids) + 1))
    assert received[0]["event"]["eventType"] == "WorkflowExecutionStarted"
    assert received[-1]["event"]["eventType"] == "WorkflowExecutionCompleted"


async def test_progress_resumes_behind_its_cursor(tideline: Tideline) -> None:
    workflow_id = await start(tideline, rate_limit=60)
    async with connected(tideline.ws) as socket:
        updates = socket.subscribe(PROGRESS, id=workflow_id, after=None)
        first = (await anext(updates))["workflowProgress"]
    rest = [
        each["workflowProgress"]
        for each in await subscribe(tideline.ws, PROGRESS, id=workflow_id, after=first["cursor"])
    ]
    assert rest[-1]["status"] == "COMPLETED"
    assert first["cursor"] not in {each["cursor"] for each in rest}
    assert await subscribe(tideline.ws, PROGRESS, id=workflow_id, after=rest[-1]["cursor"]) == []


async def test_events_arrive_over_server_sent_events(tideline: Tideline) -> None:
    workflow_id = await start(tideline)
    body = {"query": EVENTS, "variables": {"id": workflow_id}}
    async with (
        httpx.AsyncClient(timeout=40) as client,
        client.stream("POST", tideline.http, json=body, headers={"Accept": "text/event-stream"}) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        said = [line.removeprefix("data: ") async for line in response.aiter_lines() if line.startswith("data: {")]
    events = [json.loads(each)["data"]["workflowEvents"]["event"]["eventType"] for each in said]
    assert events[0] == "WorkflowExecutionStarted"
    assert events[-1] == "WorkflowExecutionCompleted"


async def test_cancel_ends_a_run_and_a_second_one_is_refused(tideline: Tideline) -> None:
    workflow_id = await start(tideline, rate_limit=20)
    cancel = """
    mutation ($id: String!) {
      cancelWorkflow(input: {workflowId: $id, reason: "wrong plan"}) {
        execution { status } userErrors { code message path }
      }
    }
    """
    async with connected(tideline.ws) as socket:
        updates = socket.subscribe(PROGRESS, id=workflow_id)
        await anext(updates)
        assert (await data(tideline.http, cancel, id=workflow_id))["cancelWorkflow"]["userErrors"] == []
        last = [each["workflowProgress"] async for each in updates][-1]
    assert last["status"] == "CANCELED"
    again = (await data(tideline.http, cancel, id=workflow_id))["cancelWorkflow"]
    assert [each["code"] for each in again["userErrors"]] == ["ALREADY_CLOSED"]
    assert again["execution"] is None
    unknown = (await data(tideline.http, cancel, id="nobody"))["cancelWorkflow"]
    assert [(each["code"], each["path"]) for each in unknown["userErrors"]] == [("NOT_FOUND", ["workflowId"])]


async def test_a_wrong_input_is_refused_value_by_value(tideline: Tideline) -> None:
    given = price_sync("never", plan_id=7, colour="red")
    errors = (await data(tideline.http, START, input=given))["startWorkflow"]["userErrors"]
    assert {(each["code"], tuple(each["path"])) for each in errors} == {
        ("INVALID_INPUT", ("input", "0", "plan_id")),
        ("INVALID_INPUT", ("input", "0", "colour")),
    }


async def test_a_run_of_strangers_shows_up_whole(tideline: Tideline) -> None:
    """Started by the `temporal` command line, on a worker that knows nothing of us."""
    client = await Client.connect(tideline.temporal)
    workflow_id, queue = f"hello-{uuid.uuid4().hex[:8]}", f"strangers-{uuid.uuid4().hex[:8]}"
    async with Worker(client, task_queue=queue, workflows=[Greeting], activities=[greet, wave]):
        command = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).parent / "temporal"), "workflow", "start", "--address", tideline.temporal),
            *("--type", "Greeting", "--task-queue", queue, "--workflow-id", workflow_id, "--input", '"you"'),
            *("--memo", 'tenant="acme"'),
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await command.wait() == 0
        find = """
        query ($id: String!) {
          workflows(filter: {workflowId: {equals: $id}}) { nodes { status tenant taskQueue } }
        }
        """

        async def listed() -> list[Any]:
            return list((await data(tideline.http, find, id=workflow_id))["workflows"]["nodes"])

        assert await eventually(listed, within=1.5) == [{"status": "RUNNING", "tenant": "acme", "taskQueue": queue}]
        watching = asyncio.create_task(subscribe(tideline.ws, EVENTS, id=workflow_id))
        signal = """
        mutation ($id: String!) {
          signalWorkflow(input: {workflowId: $id, signalName: "go", args: ["now"]}) { userErrors { code message } }
        }
        """
        assert (await data(tideline.http, signal, id=workflow_id))["signalWorkflow"]["userErrors"] == []
        events = [each["workflowEvents"]["event"]["eventType"] for each in await watching]
    assert events[-1] == "WorkflowExecutionCompleted"
    assert "WorkflowExecutionSignaled" in events
    run = (await data(tideline.http, RUN, id=workflow_id))["workflow"]
    assert run["result"] == "Hello, you! now"
    assert [(each["activityType"], each["attempt"]) for each in run["activities"]["nodes"]] == [
        ("greet", 2),
        ("wave", 1),
    ]
    assert "SIGNAL" in {item["kind"] for item in run["timeline"]["nodes"]}


async def test_wrong_questions_get_a_code_and_a_sentence(tideline: Tideline) -> None:
    cases = [
        ("{ workflows(first: 101) { nodes { id } } }", "BAD_USER_INPUT", "at most 100"),
        ("{ workflows(first: -1) { nodes { id } } }", "BAD_USER_INPUT", "cannot be -1"),
        ('{ workflows(after: "nonsense") { nodes { id } } }', "BAD_USER_INPUT", "not a cursor"),
        ('{ workflow(workflowId: "a", namespace: "elsewhere") { id } }', "BAD_USER_INPUT", "elsewhere"),
        ('{ node(id: "nonsense") { id } }', "BAD_USER_INPUT", "not an id"),
        ("{ nothing }", "BAD_USER_INPUT", "nothing"),
        ('subscription { workflowEvents(workflowId: "a") { cursor } }', "BAD_USER_INPUT", "WebSocket"),
    ]
    for query, code, words in cases:
        errors = (await ask(tideline.http, query))["errors"]
        assert [each["extensions"]["code"] for each in errors] == [code], query
        assert words in errors[0]["message"]
        assert errors[0]["extensions"]["requestId"]


async def test_a_browsers_reconnect_goes_on_behind_its_last_event(tideline: Tideline) -> None:
    """EventSource sends the id of the last event that it got."""
    workflow_id = await start(tideline)
    await subscribe(tideline.ws, EVENTS, id=workflow_id)
    parameters = {"query": EVENTS, "variables": json.dumps({"id": workflow_id})}
    events: list[int] = []
    last: dict[str, str] = {}
    async with httpx.AsyncClient(timeout=40) as client:
        for some in (3, 4, None):
            headers = {"Accept": "text/event-stream", **last}
            async with client.stream("GET", tideline.http, params=parameters, headers=headers) as response:
                got = 0
                async for line in response.aiter_lines():
                    if line.startswith("id: "):
                        last = {"Last-Event-ID": line.removeprefix("id: ")}
                    elif line.startswith("data: {"):
                        update = json.loads(line.removeprefix("data: "))["data"]["workflowEvents"]
                        assert update["cursor"] == last["Last-Event-ID"]
                        events.append(update["event"]["eventId"])
                        got += 1
                        if got == some:
                            break
    assert events == list(range(1, len(events) + 1))


async def test_a_live_query_is_sent_when_what_is_selected_has_changed(tideline: Tideline) -> None:
    workflow_id = await start(tideline, rate_limit=60)
    query = "subscription ($id: String!) { workflow(workflowId: $id) { workflowId status phases { name status } } }"
    states = [each["workflow"] for each in await subscribe(tideline.ws, query, id=workflow_id)]
    assert all(one != following for one, following in itertools.pairwise(states))
    assert states[-1]["status"] == "COMPLETED"
    assert {phase["status"] for phase in states[-1]["phases"]} == {"COMPLETED"}
    steady = "subscription ($id: String!) { workflow(workflowId: $id) { workflowType } }"
    assert len(await subscribe(tideline.ws, steady, id=await start(tideline, rate_limit=60))) == 1


async def test_those_who_ask_the_same_share_and_each_gets_all(tideline: Tideline) -> None:
    workflow_id = await start(tideline, rate_limit=60)
    everybody = await asyncio.gather(*(subscribe(tideline.ws, EVENTS, id=workflow_id) for _ in range(20)))
    ids = [[each["workflowEvents"]["event"]["eventId"] for each in one] for one in everybody]
    assert ids[0] == list(range(1, len(ids[0]) + 1))
    assert all(one == ids[0] for one in ids)
