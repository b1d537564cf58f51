"""The test cycle through GraphQL alone, with a worker of its own, a language model and a mail server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.client import ask, data, subscribe
from tests.acceptance.process import Start, Tideline
from tests.conftest import free_port
from tests.cycles import MailServer, ModelServer, mail_server, model_server
from tests.integration.worker_process import worker_process
from tests.waiting import eventually

TIDELINE = "import sys; from app.cli import main; sys.exit(main())"
START = """
mutation ($input: TestCycleInput!, $id: String!) {
  startTestCycle(input: $input, options: {workflowId: $id}) { created userErrors { code message path } }
}
"""
UPDATE = """
mutation ($id: String!, $name: String!, $decision: JSON!) {
  updateWithStartWorkflow(input: {
    workflowType: "TestCycleWorkflow", workflowId: $id, updateName: $name, updateArgs: [$decision],
    input: [{cycle_id: 1, report_ids: [1], connection: "demo", skip_phases: ["planning"]}]
  }) { created update { stage result failure { message } } userErrors { code message } }
}
"""
SIGNAL = """
mutation ($id: String!, $decision: JSON!) {
  signalWorkflow(input: {workflowId: $id, signalName: "approve", args: [$decision]}) { userErrors { code message } }
}
"""
PROGRESS = """
subscription ($id: String!) { workflowProgress(workflowId: $id) { status progress { percent step message } } }
"""
RUN = """
query ($id: String!) {
  workflow(workflowId: $id) {
    status result failure { message type } memo version { buildId deployment patches }
    phases { name status parallelGroup startTime closeTime durationMs }
    activities(first: 200) { nodes { activityType attempt status attempts { failure { message } } } }
    timeline(first: 500, kinds: [PHASE, UPDATE, SIGNAL, TIMER]) { nodes { kind name } }
    compensations { name status }
  }
}
"""
CYCLE = {
    "cycleId": 123,
    "reportIds": [1, 2, 3],
    "connection": "demo",
    "skipPhases": [],
    "languageModel": {"connection": "llm", "model": "planner-1"},
    "mail": {"connection": "mail", "sender": "cycles@bank.example"},
}


class Place:
    """A `tideline dev` with a worker that reaches the model and the mail."""

    def __init__(self, tideline: Tideline, model: ModelServer, mail: MailServer, metrics: str) -> None:
        self.tideline = tideline
        self.model = model
        self.mail = mail
        self.metrics = metrics

    async def ask(self, query: str, **variables: Any) -> Any:
        return await data(self.tideline.http, query, **variables)

    async def start(self, workflow_id: str, **changes: Any) -> None:
        answer = (await self.ask(START, input={**CYCLE, **changes}, id=workflow_id))["startTestCycle"]
        assert answer == {"created": True, "userErrors": []}

    async def waits(self, workflow_id: str, step: str) -> None:
        query = 'query ($id: String!) { workflow(workflowId: $id) { query(name: "state") } }'

        async def steps() -> Any:
            answer = await ask(self.tideline.http, query, id=workflow_id)
            return ((answer["data"]["workflow"] or {}).get("query") or {}).get("waiting", [])

        await eventually(steps, lambda found: step in found, within=40)

    async def decide(self, workflow_id: str, name: str, **decision: str) -> Any:
        decision = {"by": "maria", **decision}
        return (await self.ask(UPDATE, id=workflow_id, name=name, decision=decision))["updateWithStartWorkflow"]

    async def run(self, workflow_id: str) -> Any:
        return (await self.ask(RUN, id=workflow_id))["workflow"]


@asynccontextmanager
async def worker(tideline: Tideline, connections: str, metrics: str, log: Path) -> AsyncIterator[None]:
    """A worker that polls already."""
    options = ("--queues", "test-cycle:activities=8:workflows=4", "--worker-metrics", metrics, "--build-id", "build-7")
    settings = {"TEMPORAL_ADDRESS": tideline.temporal, "TIDELINE_CONNECTIONS": connections}
    async with worker_process(log, "worker", "--demo", *options, program=TIDELINE, **settings) as process:

        async def is_up() -> bool:
            assert process.returncode is None, f"the worker ended: {log}"
            with suppress(httpx.TransportError):
                async with httpx.AsyncClient() as client:
                    return (await client.get(f"http://{metrics}/metrics")).is_success
            return False

        await eventually(is_up, within=40, every=0.1)
        yield
        process.terminate()
        async with asyncio.timeout(15):
            assert await process.wait() == 0


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory, start_dev: Start) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("cycle")
    async with start_dev(folder / "data", "--no-worker") as tideline, model_server() as model, mail_server() as mail:
        connections = f"demo={tideline.database_url},llm={model.url},mail={mail.url}"
        metrics = f"127.0.0.1:{free_port()}"
        async with worker(tideline, connections, metrics, folder / "worker.log"):
            yield Place(tideline, model, mail, metrics)


async def test_a_cycle_is_started_watched_approved_and_read(place: Place) -> None:
    await place.start("cycle-123")
    watched = asyncio.create_task(subscribe(place.tideline.ws, PROGRESS, id="cycle-123"))

    await place.waits("cycle-123", "scoping")
    of_those_waiting = """{ workflows(filter: {workflowType: ["TestCycleWorkflow"], status: [RUNNING],
        memoAt: {path: ["waiting"], contains: "scoping"}}) { nodes { workflowId } } }"""

    async def listed() -> Any:
        return (await place.ask(of_those_waiting))["workflows"]["nodes"]

    await eventually(listed, lambda found: found == [{"workflowId": "cycle-123"}], within=10)
    early = await place.decide("cycle-123", "approve", step="test_execution")
    assert "not waiting for a decision" in str(early), early
    unsaid = await place.decide("cycle-123", "reject", step="scoping", reason="")
    assert "Say in `reason`" in str(unsaid), unsaid
    taken = await place.decide("cycle-123", "approve", step="scoping")
    assert (taken["created"], taken["update"]["result"]["approved"]) == (False, True)

    for step in ("request_for_information", "observation_management"):
        await place.waits("cycle-123", step)
        answer = await place.ask(SIGNAL, id="cycle-123", decision={"step": step, "by": "maria"})
        assert answer["signalWorkflow"]["userErrors"] == []

    updates = [each["workflowProgress"] for each in await watched]
    assert updates[-1]["status"] == "COMPLETED"
    assert updates[-1]["progress"] == {"percent": 100.0, "step": "done", "message": "8 of 8 phases, 3 reports"}

    run = await place.run("cycle-123")
    assert (run["result"]["status"], run["result"]["cycle_id"]) == ("completed", 123)
    assert [each["tests"] for each in run["result"]["reports"]] == [100, 75, 50]
    assert {each["status"] for each in run["phases"]} == {"COMPLETED"}
    side_by_side = [each["name"] for each in run["phases"] if each["parallelGroup"]]
    assert side_by_side == ["sample_selection", "data_owner_identification"]
    assert all(each["durationMs"] is not None for each in run["phases"])
    assert run["version"] == {
        "buildId": "build-7", "deployment": "tideline", "patches": ["tell-the-manager-at-the-end"],
    }  # fmt: skip
    assert {each["kind"] for each in run["timeline"]["nodes"]} == {"PHASE", "UPDATE", "SIGNAL", "TIMER"}
    assert "manager@bank.example" in place.mail.recipients


async def test_what_went_wrong_is_read_run_by_run_and_over_many(place: Place) -> None:
    asked = len(place.model.asked)

    async def once(_: dict[str, Any]) -> Any:
        return place.model.says("nonsense") if len(place.model.asked) == asked + 1 else None

    place.model.answer = once
    await place.start("cycle-rejected", approvals=["SCOPING"])
    await place.waits("cycle-rejected", "scoping")
    taken = await place.decide("cycle-rejected", "reject", step="scoping", reason="too wide")
    assert taken["update"]["result"]["reason"] == "too wide"
    await subscribe(place.tideline.ws, PROGRESS, id="cycle-rejected")

    run = await place.run("cycle-rejected")
    assert (run["status"], run["failure"]["type"]) == ("FAILED", "RejectedError")
    assert "maria rejected scoping: too wide" in run["failure"]["message"]
    names = [each["name"] for each in run["compensations"]]
    assert names == [f"compensate {phase} of report {n}" for phase in ("scoping", "planning") for n in (1, 2, 3)]
    assert {each["status"] for each in run["compensations"]} == {"COMPLETED"}
    retried = [each for each in run["activities"]["nodes"] if each["attempt"] > 1]
    assert [(each["activityType"], each["attempt"]) for each in retried] == [("draft_attributes", 2)]
    assert "does not fit" in str(retried[0]["attempts"])

    found = """{
      bottlenecks(workflowType: "TestCycleWorkflow", first: 50) {
        activityType runs retries failed averageMs p95Ms share
      }
      workflowStats(filter: {workflowType: ["TestCycleWorkflow"]}, groupBy: [TYPE]) { statusCounts { status count } }
    }"""

    async def many() -> Any:
        return await place.ask(found)

    def is_archived(answer: Any) -> bool:
        return "undo_phase" in {each["activityType"] for each in answer["bottlenecks"]}

    answer = await eventually(many, is_archived, within=30)
    by_type = {each["activityType"]: each for each in answer["bottlenecks"]}
    assert by_type["draft_attributes"]["retries"] == 1
    assert by_type["undo_phase"]["runs"] == 1
    statuses = {each["status"]: each["count"] for each in answer["workflowStats"][0]["statusCounts"]}
    assert statuses["FAILED"] == 1


async def test_a_wrong_input_is_refused_by_the_names_of_graphql(place: Place) -> None:
    given = {**CYCLE, "reportIds": [1, 1], "languageModel": None, "sampleSize": 0}
    answer = (await place.ask(START, input=given, id="never"))["startTestCycle"]
    assert {tuple(each["path"]) for each in answer["userErrors"]} == {
        ("input", "reportIds"), ("input", "languageModel"), ("input", "sampleSize"),
    }  # fmt: skip


async def test_the_worker_tells_prometheus(place: Place) -> None:
    async with httpx.AsyncClient() as client:
        said = (await client.get(f"http://{place.metrics}/metrics")).text
    assert 'temporal_workflow_completed_total{namespace="default"' in said
    assert 'task_queue="test-cycle"' in said
