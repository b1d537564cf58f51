"""What going on behind a cursor costs: what was missed, and not the length of the history. Counted, not timed."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from temporalio.client import WorkflowHandle

from app.api.engine import Operation
from app.api.types.update import sealed
from app.gateway import Caller
from app.metrics import REGISTRY
from app.model import Cursor, Execution, ExecutionRef, Projection, WorkflowStatus
from app.store import Archive, Executions
from app.temporal import reads
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host
from tests.integration.test_store_archive import signals

EVENTS = """
subscription ($id: String!, $after: Cursor) {
  workflowEvents(workflowId: $id, after: $after) { cursor isLast event { eventId } }
}
"""
MISSED = 10
LENGTHS = [100, 1500]


def calls(rpc: str) -> float:
    return REGISTRY.get_sample_value("tideline_temporal_call_seconds_count", {"rpc": rpc, "outcome": "OK"}) or 0.0


async def long_run(temporal: TemporalServer, length: int) -> tuple[WorkflowHandle[Any, Any], ExecutionRef]:
    """An open run with that many events."""
    handle = await temporal.client.start_workflow("Nothing", id=f"long-{uuid.uuid4().hex[:8]}", task_queue="nobody")
    for _ in range(0, length - 2, 100):
        await asyncio.gather(*(handle.signal("anything") for _ in range(min(100, length - 2))))
    assert handle.first_execution_run_id
    ref = ExecutionRef("default", handle.id, handle.first_execution_run_id)
    return handle, ref


async def behind(host: Host, ref: ExecutionRef, place: int, count: int) -> list[int]:
    """The ids of that many events behind a place, or of all until the end."""
    found: list[int] = []
    after = sealed(Cursor(ref.namespace, ref.workflow_id, ref.run_id, place))
    operation = Operation(EVENTS, {"id": ref.workflow_id, "after": after})
    async with asyncio.timeout(20), aclosing(host.engine.stream(operation, Caller(ANYBODY, "r"))) as answers:
        async for answer in answers:
            found.append(orjson.loads(answer.body)["data"]["workflowEvents"]["event"]["eventId"])
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize("length", LENGTHS)
async def test_of_an_open_run_the_end_is_read_backwards(host: Host, temporal: TemporalServer, length: int) -> None:
    handle, ref = await long_run(temporal, length)
    last = (await reads.describe(host.temporal, "default", ref.workflow_id, ref.run_id)).execution.history_length
    before = calls("get_workflow_execution_history_reverse")
    assert await behind(host, ref, last - MISSED, MISSED) == list(range(last - MISSED + 1, last + 1))
    assert calls("get_workflow_execution_history_reverse") - before == 1, "a page of 64"
    await handle.terminate()


@pytest.mark.parametrize("length", LENGTHS)
async def test_of_a_watched_run_nothing_is_read(host: Host, temporal: TemporalServer, length: int) -> None:
    handle, ref = await long_run(temporal, length)
    last = (await reads.describe(host.temporal, "default", ref.workflow_id, ref.run_id)).execution.history_length
    rpcs = ("get_workflow_execution_history_reverse", "get_workflow_execution_history")
    async with host.gateway.watching._hub.watch(ref) as watch:
        await watch.caught_up()
        before = [calls(rpc) for rpc in rpcs]
        assert await behind(host, ref, last - MISSED, MISSED) == list(range(last - MISSED + 1, last + 1))
        assert [calls(rpc) for rpc in rpcs] == before
    await handle.terminate()


@pytest.mark.parametrize("length", [2 * each for each in LENGTHS])
async def test_of_an_archived_run_one_piece_is_read_to_the_end_of_the_stream(
    host: Host, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = f"closed-{uuid.uuid4().hex[:8]}"
    start = datetime(2026, 3, 1, tzinfo=UTC)
    row = Execution(
        "default", workflow_id, str(uuid.uuid4()), "Long", "q", WorkflowStatus.COMPLETED, start, "acme", "default",
        close_time=start + timedelta(hours=1), history_length=length,
    )  # fmt: skip
    await Executions(host.database).record([row])
    await Archive(host.database).put(row.ref, Projection(status=WorkflowStatus.COMPLETED), signals(length))
    read: Counter[bool] = Counter()
    piece = Archive._piece

    async def counted(*args: Any, **named: Any) -> Any:
        found = await piece(*args, **named)
        read[found is not None] += 1
        return found

    monkeypatch.setattr(Archive, "_piece", counted)
    found = await behind(host, row.ref, length - MISSED, length)
    assert found == list(range(length - MISSED + 1, length + 1)), "and the stream completed"
    assert read == {True: 1, False: 1}
    assert host.gateway.subscriptions.open == 0
