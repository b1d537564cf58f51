"""Cursors of what a run holds: good for the next pages of their own query, refused by every other."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.worker import Worker

from app.model import ExecutionRef
from app.store import Archive, Executions
from tests.conftest import TemporalServer
from tests.integration.chains import Waiting
from tests.integration.gateways import Host, hosted
from tests.integration.recorded import put

RUNS = {"a": "sync", "b": "sync", "parent": "children"}


@pytest.fixture
async def runs(host: Host) -> Host:
    """Two archived runs with the same history, and parents with two children each."""
    for name, history in RUNS.items():
        await put(
            Executions(host.database), Archive(host.database), ExecutionRef("default", name, f"{name}-run"), history
        )
    for parent in ("a", "b"):
        for number in (1, 2):
            await put(
                Executions(host.database), Archive(host.database),
                ExecutionRef("default", f"{parent}-{number}", f"{parent}-{number}-run"), "sync",
                parent_workflow_id=parent, parent_run_id=f"{parent}-run",
            )  # fmt: skip
    return host


async def page(host: Host, run: str, field: str, after: str | None = None, given: str = "first: 1") -> Any:
    selected = f"{field}({given}, after: $after) {{ nodes {{ __typename }} pageInfo {{ endCursor }} }}"
    query = f"query ($id: String!, $after: Cursor) {{ workflow(workflowId: $id) {{ {selected} }} }}"
    return await host.ask(query, id=run, after=after)


def end_of(answer: Any) -> str:
    [found] = answer["data"]["workflow"].values()
    cursor: str = found["pageInfo"]["endCursor"]
    assert found["nodes"]
    return cursor


@pytest.mark.parametrize(
    ("field", "given", "run", "asked"),
    [
        ("events", "first: 1", "b", "first: 1"),
        ("events", "first: 1", "a", "first: 1, reverse: true"),
        ("events", "first: 1, reverse: true", "a", "first: 1"),
        ("events", "first: 1", "a", 'first: 1, types: ["TimerFired"]'),
        ("activities", "first: 1", "b", "first: 1"),
        ("activities", "first: 1", "a", "first: 1, status: [COMPLETED]"),
        ("activities", "first: 1", "a", 'first: 1, activityType: "fetch"'),
        ("timeline", "first: 1", "b", "first: 1"),
        ("timeline", "first: 1", "a", "first: 1, kinds: [SIGNAL]"),
        ("children", "first: 1", "b", "first: 1"),
    ],
)
async def test_a_cursor_of_another_query_is_refused(runs: Host, field: str, given: str, run: str, asked: str) -> None:
    cursor = end_of(await page(runs, "a", field, given=given))
    [error] = (await page(runs, run, field, cursor, asked))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["argument"] == ["after"]


@pytest.mark.parametrize(
    ("field", "given", "asked"),
    [
        ("events", "first: 1", "first: 3"),
        ("events", "first: 1, reverse: true", "first: 3, reverse: true"),
        ("events", 'first: 1, types: ["TimerFired", "TimerStarted"]', 'types: ["TimerStarted", "TimerFired"]'),
        ("activities", "first: 1", "first: 3"),
        ("activities", "first: 1, status: []", "first: 3"),
        ("timeline", "first: 1, kinds: [TIMER, ACTIVITY]", "first: 3, kinds: [ACTIVITY, TIMER]"),
        ("children", "first: 1", "first: 3"),
    ],
)
async def test_its_own_query_goes_on_behind_it_on_any_gateway(
    temporal: TemporalServer, runs: Host, database: str, field: str, given: str, asked: str
) -> None:
    cursor = end_of(await page(runs, "a", field, given=given))
    async with hosted(temporal.address, database) as other:
        for host in (runs, other):
            answer = await page(host, "a", field, cursor, asked)
            assert "errors" not in answer, answer
            assert cursor != end_of(answer)


async def test_the_cursors_of_an_open_run_hold_while_it_goes_on(
    temporal: TemporalServer, host: Host, task_queue: str
) -> None:
    async with Worker(temporal.client, task_queue=task_queue, workflows=[Waiting]):
        handle = await temporal.client.start_workflow(Waiting.run, id=f"open-{task_queue}", task_queue=task_queue)
        await handle.signal(Waiting.add)
        fields = ("events", "timeline")
        cursors = [end_of(await page(host, handle.id, field)) for field in fields]
        await handle.signal(Waiting.finish)
        await handle.result()
        for field, cursor in zip(fields, cursors, strict=True):
            assert end_of(await page(host, handle.id, field, cursor)) != cursor
