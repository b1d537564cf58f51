"""Resets: to which point, and what comes to the new run again."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.conftest import TemporalServer
from tests.integration.gateways import Host
from tests.integration.states import Acted, Handle, Stage
from tests.scenarios import until_event

RESET = """
mutation ($input: ResetWorkflowInput!) {
  resetWorkflow(input: $input) { execution { runId status } userErrors { code message path } }
}
"""


async def reset(host: Host, run: Handle, **more: Any) -> Any:
    given = {"workflowId": run.id, "runId": run.run_id, **more}
    return (await host.data(RESET, input=given))["resetWorkflow"]


async def resulting(client: Client, run: Handle, answer: Any) -> Any:
    """What the run that the reset made comes to."""
    assert answer["userErrors"] == [], answer
    made = client.get_workflow_handle(run.id, run_id=answer["execution"]["runId"])
    await made.signal(Acted.finish)
    return await made.result(follow_runs=False)


async def noted(stage: Stage) -> Handle:
    """A run that took a signal and an update, each in a workflow task of its own, behind the first."""
    run = await stage.running()
    await run.signal(Acted.note, "signalled")
    await run.query(Acted.notes)
    await run.execute_update(Acted.add, "updated")
    return run


@pytest.mark.parametrize(
    ("exclude", "notes"),
    [
        ([], ["signalled", "updated"]),
        (["SIGNAL"], ["updated"]),
        (["UPDATE"], ["signalled"]),
        (["SIGNAL", "UPDATE"], []),
    ],
)
async def test_what_comes_to_the_new_run_again(host: Host, stage: Stage, exclude: list[str], notes: list[str]) -> None:
    run = await noted(stage)
    answer = await reset(host, run, to="FIRST_WORKFLOW_TASK", exclude=exclude)
    assert await resulting(stage.client, run, answer) == notes


async def test_the_last_task_and_an_event_id_leave_what_was_before_them(host: Host, stage: Stage) -> None:
    run = await noted(stage)
    answer = await reset(host, run, to="LAST_WORKFLOW_TASK", exclude=["SIGNAL", "UPDATE"])
    assert (await resulting(stage.client, run, answer))[0] == "signalled"
    run = await noted(stage)
    first = await until_event(run, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    answer = await reset(host, run, eventId=first, exclude=["SIGNAL", "UPDATE"])
    assert await resulting(stage.client, run, answer) == []


async def test_to_the_first_task_of_a_build(host: Host, temporal: TemporalServer, task_queue: str) -> None:
    client = temporal.client
    kind = {"task_queue": task_queue, "workflows": [Acted], "workflow_runner": UnsandboxedWorkflowRunner()}
    stage = Stage(client, task_queue)
    async with Worker(client, build_id="one", **kind):  # type: ignore[arg-type]
        run = await stage.running()
        await run.signal(Acted.note, "at one")
        assert await run.query(Acted.notes) == ["at one"]
    async with Worker(client, build_id="two", max_cached_workflows=0, **kind):  # type: ignore[arg-type]
        await run.signal(Acted.note, "at two")
        assert await run.query(Acted.notes) == ["at one", "at two"]
        [error] = (await reset(host, run, buildId="three"))["userErrors"]
        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["buildId"])
        assert "one, two" in error["message"]
        answer = await reset(host, run, buildId="two", exclude=["SIGNAL"])
        assert (await resulting(client, run, answer))[0] == "at one"


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({}, ["to"]),
        ({"to": "FIRST_WORKFLOW_TASK", "eventId": 4}, ["to"]),
        ({"eventId": 1}, ["eventId"]),
        ({"eventId": 99}, ["eventId"]),
    ],
)
async def test_a_point_that_cannot_be(host: Host, stage: Stage, more: dict[str, Any], path: list[str]) -> None:
    [error] = (await reset(host, await stage.running(), **more))["userErrors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", path)


async def test_a_run_that_did_nothing_yet_has_no_point(host: Host, stage: Stage) -> None:
    run = await stage.start("wait", queue="nobody-polls-here")
    for to in ("FIRST_WORKFLOW_TASK", "LAST_WORKFLOW_TASK"):
        [error] = (await reset(host, run, to=to))["userErrors"]
        assert error["code"] == "INVALID_INPUT"
        assert "has not completed a workflow task" in error["message"]
