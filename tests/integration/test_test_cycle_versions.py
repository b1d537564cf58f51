"""Runs of a test cycle that go on with other code, on another worker, or much later."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from app.workflows.test_cycle.phases import TestCyclePhase as Phase
from app.workflows.test_cycle.workflow import TASK_QUEUE
from app.workflows.test_cycle.workflow import TestCycleWorkflow as Cycle
from tests.conftest import TemporalServer
from tests.cycles import SKIPS_PLANNING, Room, approve, failure, furnished, state, waiting
from tests.integration.worker_process import worker_process
from tests.prices import heartbeat

HISTORIES = Path(__file__).parent.parent / "histories"
RECORDED = sorted(path.stem for path in HISTORIES.glob("test_cycle_*.json"))
TEST_SERVER = str(Path(sys.executable).parent / "temporal-test-server")
ONE_STEP = replace(SKIPS_PLANNING, approvals=(Phase.SCOPING,))


@pytest.fixture
async def room(temporal: TemporalServer, task_queue: str, empty_database: str) -> AsyncIterator[Room]:
    async with furnished(temporal.client, task_queue, empty_database) as room:
        yield room


@pytest.mark.parametrize("name", RECORDED)
async def test_recorded_histories_of_each_version_replay(name: str) -> None:
    history = WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())
    replayed = await Replayer(workflows=[Cycle]).replay_workflow(history)
    assert replayed.replay_failure is None


def test_each_version_was_recorded() -> None:
    assert {name.split("_")[2] for name in RECORDED} == {"v1", "v2"}


async def test_an_old_run_ends_on_new_code_as_the_old_one(room: Room) -> None:
    """The first worker does not know the patch; the second one does."""
    async with room.worker(patch_activation_callback=lambda _: False):
        old = await room.start(ONE_STEP)
        await waiting(old, "scoping")
    async with room.worker():
        new = await room.start(replace(ONE_STEP, approvals=()))
        await old.execute_update(Cycle.approve, approve("scoping"))
        assert ((await old.result()).version, (await new.result()).version) == (1, 2)
        told = "select array_agg(made_by) from test_cycle.notices where kind = 'cycle_ended'"
        assert await room.sql(told) == [new.id], "version 1 did not tell the manager at the end"


@asynccontextmanager
async def process(room: Room, address: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker of test cycles."""
    settings = {"TIDELINE_QUEUES": f"{TASK_QUEUE}:activities=8", "TIDELINE_SHUTDOWN_GRACE": "3"}
    connections = f"demo={room.database}"
    async with worker_process(log, TEMPORAL_ADDRESS=address, TIDELINE_CONNECTIONS=connections, **settings) as started:
        yield started


async def test_another_worker_goes_on_where_a_killed_one_was(
    room: Room, temporal: TemporalServer, tmp_path: Path
) -> None:
    """Killed while it writes the results of the second page: the first page is not tested again."""
    room.task_queue = TASK_QUEUE
    await room.sql("insert into test_cycle.loans select 'M-' || lpad(n::text, 4, '0'), 'x', n, 'EUR', 1 "
                   "from generate_series(1, 200) n")  # fmt: skip
    handle = await room.start(replace(SKIPS_PLANNING, report_ids=(1,), sample_size=300))
    blocker = await asyncpg.connect(room.database)
    # The key of the 101st record, taken by somebody who does not commit: who writes it waits.
    await room.sql(
        """create function test_cycle.hold() returns trigger language plpgsql as
           'begin if new.record_key = ''M-0100'' then perform pg_advisory_xact_lock(7); end if; return new; end'"""
    )
    await room.sql(
        "create trigger hold before insert on test_cycle.results for each row execute function test_cycle.hold()"
    )
    await blocker.execute("select pg_advisory_lock(7)")
    async with process(room, temporal.address, tmp_path / "first.log") as first:
        beat = await heartbeat(handle, 100)
        first.send_signal(signal.SIGKILL)
        await first.wait()
    assert (beat["completed"], beat["total"], beat["step"]) == (100, 260, "test_execution")
    await blocker.close()
    async with process(room, temporal.address, tmp_path / "second.log"):
        async with asyncio.timeout(60):
            (report,) = (await handle.result()).reports
    assert (report.samples, report.tests) == (260, 4 * 260)
    async for event in handle.fetch_history_events():
        completed = event.activity_task_completed_event_attributes
        if completed.HasField("result") and b'"records":260' in completed.result.payloads[0].data:
            break
    else:
        raise AssertionError("the tests must have counted each record once")


async def test_nobody_decides_in_days(task_queue: str, empty_database: str) -> None:
    """In skipped time: a reminder after half of it, the end after all of it."""
    async with (
        await WorkflowEnvironment.start_time_skipping(test_server_existing_path=TEST_SERVER) as environment,
        furnished(environment.client, task_queue, empty_database) as room,
        room.worker(),
    ):
        handle = await room.start(replace(ONE_STEP, report_ids=(1,), approval_hours=72))
        error = await failure(handle)
        assert (error.type, error.message) == (
            "DecisionTimeoutError", "scoping failed: Nobody decided about scoping within 72 hours.",
        )  # fmt: skip
        assert await room.sql("select array_agg(subject order by written_at) from test_cycle.notices") == [
            "Cycle 123: scoping waits for your approval",
            "Reminder: Cycle 123: scoping waits for your approval",
        ]
        assert (await state(handle)).waiting == []
        described = await handle.describe()
        # The test server does not show a changed memo; its history does.
        said = [
            event.workflow_properties_modified_event_attributes.upserted_memo.fields["waiting"].data
            async for event in handle.fetch_history_events()
            if "waiting" in event.workflow_properties_modified_event_attributes.upserted_memo.fields
        ]
        assert said == [b'["scoping"]', b"[]"]
        assert described.close_time
        assert (described.close_time - described.start_time).total_seconds() >= 72 * 3600
