"""Updates: how far they come, what is rejected, and how they are asked for again."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted
from tests.integration.states import Acted, Handle, Stage
from tests.waiting import eventually

UPDATE = """
mutation ($input: UpdateWorkflowInput!) {
  updateWorkflow(input: $input) {
    update { updateId stage result failure { message } } userErrors { code message path }
  }
}
"""
ASK = """
query ($id: String!, $update: String!, $wait: Float!) {
  workflow(workflowId: $id) { update(updateId: $update, waitSeconds: $wait) { stage result failure { message } } }
}
"""


async def update(host: Host, run: Handle, text: str, **more: Any) -> Any:
    given = {"workflowId": run.id, "updateName": "add", "args": [text], **more}
    return (await host.data(UPDATE, input=given))["updateWorkflow"]


async def test_a_result_a_failure_and_a_rejection(host: Host, stage: Stage) -> None:
    run = await stage.running()
    done = await update(host, run, "x", updateId="u1")
    assert done["update"] == {"updateId": "u1", "stage": "COMPLETED", "result": ["x"], "failure": None}
    failed = await update(host, run, "impossible")
    assert failed["userErrors"] == []
    assert failed["update"]["failure"] == {"message": "cannot be added"}
    for text, name, words in (("", "add", "nothing to add"), ("x", "unheard", "unheard")):
        rejected = await update(host, run, text, updateName=name)
        assert rejected["update"] is None
        [error] = rejected["userErrors"]
        assert (error["code"], error["path"]) == ("UPDATE_REJECTED", ["updateName"])
        assert words in error["message"]


async def test_a_rejection_is_one_to_all_that_send_it_at_once(
    host: Host, stage: Stage, temporal: TemporalServer, database: str
) -> None:
    run, key = await stage.running(), uuid.uuid4().hex
    async with hosted(temporal.address, database) as other:
        sent = [update(each, run, "", idempotencyKey=key) for each in (host, other) * 10]
        for answer in await asyncio.gather(*sent):
            assert answer["update"] is None
            assert [each["code"] for each in answer["userErrors"]] == ["UPDATE_REJECTED"]
    assert not await host.database.fetchval("select exists (select from idempotency)"), "the key is free again"
    failed = [update(host, run, "impossible", idempotencyKey=key) for _ in range(5)]
    for answer in await asyncio.gather(*failed):
        assert (answer["update"]["stage"], answer["userErrors"]) == ("COMPLETED", [])
        assert answer["update"]["failure"] == {"message": "cannot be added"}


async def test_one_that_is_not_through_in_time_is_asked_for_again(host: Host, stage: Stage) -> None:
    run = await stage.running()
    waiting = await update(host, run, "later", updateId="u2", waitSeconds=0.5)
    assert (waiting["update"]["stage"], waiting["update"]["result"]) == ("ACCEPTED", None)
    accepted = await update(host, run, "later", updateId="u2", waitFor="ACCEPTED")
    assert accepted["update"]["stage"] == "ACCEPTED"

    async def ask(update_id: str, wait: float) -> Any:
        return (await host.data(ASK, id=run.id, update=update_id, wait=wait))["workflow"]["update"]

    assert (await ask("u2", 0))["stage"] == "ACCEPTED"
    assert (await ask("u2", 0.3))["stage"] == "ACCEPTED"
    assert await ask("never", 0) is None
    await run.signal(Acted.finish)
    assert await ask("u2", 10) == {"stage": "COMPLETED", "result": ["later"], "failure": None}


async def test_without_a_worker_an_update_is_admitted(host: Host, stage: Stage) -> None:
    run = await stage.start("wait", queue="nobody-polls-here")
    waiting = await update(host, run, "x", waitSeconds=0.5)
    assert waiting["userErrors"] == []
    assert waiting["update"]["stage"] == "ADMITTED"


async def test_one_that_is_rejected_after_it_was_told_as_admitted(
    host: Host, stage: Stage, temporal: TemporalServer
) -> None:
    run = await stage.start("wait", queue=f"late-{uuid.uuid4().hex}")
    key = {"idempotencyKey": uuid.uuid4().hex, "waitSeconds": 0.5}
    assert (await update(host, run, "", **key))["update"]["stage"] == "ADMITTED"
    queue = (await run.describe()).task_queue
    async with Worker(
        temporal.client, task_queue=queue, workflows=[Acted], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        again = await eventually(lambda: update(host, run, "", **key), lambda each: each["update"] is None)
    assert [each["code"] for each in again["userErrors"]] == ["UPDATE_REJECTED"]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"waitSeconds": 0.0}, "waitSeconds"),
        ({"waitSeconds": 20.5}, "waitSeconds"),
        ({"waitFor": "ADMITTED"}, "waitFor"),
        ({"updateName": ""}, "updateName"),
    ],
)
async def test_a_wrong_value_is_told_at_its_path(host: Host, stage: Stage, more: dict[str, Any], path: str) -> None:
    [error] = (await update(host, await stage.start("wait"), "x", **more))["userErrors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", [path])
