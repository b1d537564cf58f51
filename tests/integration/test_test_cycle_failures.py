"""Test cycles of which a phase fails: each step, each strategy, and a cancellation in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError

from app.history import project
from app.model import ExecutionRef, PhaseStatus
from app.workflows.test_cycle import model
from app.workflows.test_cycle.phases import PHASES
from app.workflows.test_cycle.phases import TestCycleCompensation as Strategy
from app.workflows.test_cycle.phases import TestCyclePhase as Phase
from app.workflows.test_cycle.workflow import TestCycleWorkflow as Cycle
from tests.conftest import TemporalServer
from tests.cycles import (
    SKIPS_PLANNING,
    WHOLE,
    Handle,
    Room,
    approve,
    compensations,
    failure,
    furnished,
    reject,
    state,
    waiting,
)
from tests.waiting import eventually

ROLLBACK, NOTIFY, SKIP, PARTIAL = Strategy
BROKEN = {
    Phase.PLANNING: "alter table test_cycle.attributes add check (made_by = 'demo' or report_id <> 2)",
    Phase.SCOPING: "alter table test_cycle.attributes add check (in_scope is null or report_id <> 2)",
    Phase.SAMPLE_SELECTION: "alter table test_cycle.samples add check (report_id <> 2)",
    Phase.DATA_OWNER_IDENTIFICATION: "alter table test_cycle.owners add check (report_id <> 2)",
    Phase.REQUEST_FOR_INFORMATION: "alter table test_cycle.requests add check (report_id <> 2)",
    Phase.TEST_EXECUTION: "alter table test_cycle.results add check (report_id <> 2)",
    Phase.OBSERVATION_MANAGEMENT: "alter table test_cycle.observations add check (report_id <> 2)",
    Phase.FINALIZE_TEST_REPORT: "alter table test_cycle.final_reports add check (report_id <> 2)",
}
"""What keeps a phase from being done for report 2, for good."""
FILLS = dict(
    zip(
        PHASES,
        ("attributes", None, "samples", "owners", "requests", "results", "observations", "final_reports"),
        strict=True,
    )
)


@pytest.fixture
async def room(temporal: TemporalServer, task_queue: str, empty_database: str) -> AsyncIterator[Room]:
    async with furnished(temporal.client, task_queue, empty_database) as room, room.worker():
        await room.sql("delete from test_cycle.attributes where name in ('country', 'rating', 'currency')")
        yield room


def handled(strategy: Strategy, *phases: Phase, like: model.TestCycleInput = WHOLE) -> model.TestCycleInput:
    """Without mail, since its attempts would only take time."""
    chosen = tuple(model.PhaseCompensation(each, strategy) for each in phases or Phase)
    return replace(like, approvals=(), mail=None, compensations=chosen)


@asynccontextmanager
async def held(room: Room, table: str) -> AsyncIterator[None]:
    """Whoever writes to the table waits, until the end."""
    connection = await asyncpg.connect(room.database)
    try:
        async with connection.transaction():
            await connection.execute(f"lock table test_cycle.{table} in share mode")
            yield
    finally:
        await connection.close()


async def statuses(handle: Handle) -> dict[str, PhaseStatus]:
    events = [event async for event in handle.fetch_history_events()]
    return {each.name: each.status for each in project(ExecutionRef("default", handle.id, ""), events).phases}


@pytest.mark.parametrize("phase", list(Phase), ids=str)
async def test_rollback_undoes_everything_whichever_phase_fails(room: Room, phase: Phase) -> None:
    await room.sql(BROKEN[phase])
    handle = await room.start(handled(ROLLBACK))
    error = await failure(handle)
    assert (error.type, error.non_retryable) == ("ValidationError", True)
    assert error.message.startswith(f"{phase} failed: ")
    assert error.details[0] == {"phase": str(phase), "strategy": "rollback", "reports": [2]}
    assert await room.filled() == set()
    assert await room.sql("select count(*) from test_cycle.attributes where in_scope is not null") == 0
    undone = [each.removeprefix("compensate ").split(" of report")[0] for each in await compensations(handle)]
    begun = list(dict.fromkeys(reversed(undone)))
    last = PHASES.index(phase)
    # The two that run side by side have both begun when one of them fails.
    assert begun == list(PHASES[: last + 2 if phase is Phase.SAMPLE_SELECTION else last + 1])
    assert (await statuses(handle))[phase] is PhaseStatus.FAILED


@pytest.mark.parametrize("phase", list(Phase), ids=str)
async def test_partial_rollback_goes_on_without_the_report_that_failed(room: Room, phase: Phase) -> None:
    await room.sql(BROKEN[phase])
    handle = await room.start(handled(PARTIAL))
    result = await handle.result()
    assert result.status == "completed_in_part"
    assert [each.report_id for each in result.reports] == [1, 3]
    (failed,) = result.failed_reports
    assert (failed.report_id, failed.phase) == (2, phase)
    for table in (each for each in FILLS.values() if each):
        left = await room.sql(f"select array_agg(distinct report_id) from test_cycle.{table} where made_by <> 'demo'")
        assert not left or 2 not in left, table
    names = await compensations(handle)
    assert names[0].startswith("compensate ")
    assert {each.rpartition(" ")[2] for each in names} == {"2"}


async def test_partial_rollback_fails_when_no_report_is_left(room: Room) -> None:
    await room.sql("drop table test_cycle.results")
    handle = await room.start(handled(PARTIAL))
    assert (await failure(handle)).message.startswith("test_execution failed: ")
    # What cannot be undone, here the lost table, keeps nothing else from it.
    await room.sql("create table test_cycle.results (made_by text)")
    assert await room.filled() == set()


async def test_notify_tells_the_manager_and_leaves_what_was_done(room: Room) -> None:
    await room.sql(BROKEN[Phase.TEST_EXECUTION])
    handle = await room.start(replace(handled(NOTIFY), mail=WHOLE.mail, report_ids=(2,)))
    assert (await failure(handle)).details[0]["strategy"] == "notify"
    assert await room.filled() == {"attributes", "samples", "owners", "requests"}
    assert await compensations(handle) == [
        "compensate test_execution: tell the manager",
        "compensate test_execution: tell the manager: mail to manager@bank.example",
    ]
    assert "Subject: Cycle 123: test_execution failed" in room.mail.letters[-1]
    assert "test_execution failed for report 2" in room.mail.letters[-1]


async def test_skip_waits_for_somebody_who_mends_it(room: Room) -> None:
    await room.sql(BROKEN[Phase.DATA_OWNER_IDENTIFICATION])
    handle = await room.start(replace(handled(SKIP), report_ids=(1, 2)))
    await waiting(handle, "data_owner_identification")
    assert (await statuses(handle))["data_owner_identification"] is PhaseStatus.FAILED
    await room.sql("alter table test_cycle.owners drop constraint owners_report_id_check")
    await room.sql(
        "insert into test_cycle.owners values ('default', 'default', 123, 2, 'maria', 'balance', 'x@bank.example')"
    )
    await handle.execute_update(Cycle.approve, approve("data_owner_identification"))
    result = await handle.result()
    assert (result.status, result.skipped_phases) == ("completed", (Phase.DATA_OWNER_IDENTIFICATION,))
    assert await room.sql("select email from test_cycle.requests where report_id = 2") == "x@bank.example"
    assert (await compensations(handle)) == ["compensate data_owner_identification: ask for an intervention"]


async def test_an_intervention_can_be_refused(room: Room) -> None:
    await room.sql(BROKEN[Phase.SCOPING])
    handle = await room.start(handled(SKIP))
    await waiting(handle, "scoping")
    await handle.signal("reject", reject("scoping", "not worth it"))
    error = await failure(handle)
    assert (error.type, error.message) == (
        "RejectedError", "scoping failed: maria rejected scoping: not worth it",
    )  # fmt: skip
    assert await room.filled() == {"attributes"}


@pytest.mark.parametrize(
    ("strategy", "left"),
    [(ROLLBACK, set[str]()), (NOTIFY, {"samples", "owners"}), (PARTIAL, set[str]())],
)
@pytest.mark.parametrize("by", ["update", "signal"])
async def test_a_rejected_step_is_compensated(room: Room, strategy: Strategy, left: set[str], by: str) -> None:
    request = replace(handled(strategy, like=SKIPS_PLANNING), approvals=(Phase.SAMPLE_SELECTION,))
    handle = await room.start(request)
    await waiting(handle, "sample_selection")
    decision = reject("sample_selection", "too few")
    await (handle.execute_update("reject", decision) if by == "update" else handle.signal("reject", decision))
    error = await failure(handle)
    assert (error.type, error.message) == (
        "RejectedError", "sample_selection failed: maria rejected sample_selection: too few",
    )  # fmt: skip
    assert await room.filled() == left
    assert [each.reason for each in (await state(handle)).decisions] == ["too few"]


async def test_both_parallel_phases_end_before_anything_is_undone(room: Room) -> None:
    """The owners are held back while the samples fail: what is written late is undone as well."""
    await room.sql(BROKEN[Phase.SAMPLE_SELECTION])
    async with held(room, "owners"):
        handle = await room.start(handled(ROLLBACK))

        async def failed() -> bool:
            names = [event.event_type async for event in handle.fetch_history_events()]
            return EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED in names

        await eventually(failed, within=20)
        assert await compensations(handle) == []
    await failure(handle)
    assert await room.filled() == set()


async def test_a_cancellation_leaves_what_was_done(room: Room) -> None:
    handle = await room.start(replace(handled(ROLLBACK), approvals=(Phase.SAMPLE_SELECTION,)))
    await waiting(handle, "sample_selection")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        async with asyncio.timeout(10):
            await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    assert await room.filled() == {"attributes", "samples", "owners"}
    assert (await statuses(handle))["sample_selection"] is PhaseStatus.FAILED


async def test_a_cancellation_does_not_stop_a_rollback(room: Room) -> None:
    await room.sql(BROKEN[Phase.TEST_EXECUTION])
    handle = await room.start(replace(handled(ROLLBACK), approvals=(Phase.SAMPLE_SELECTION,)))
    await waiting(handle, "sample_selection")
    async with held(room, "samples"):
        await handle.execute_update(Cycle.approve, approve("sample_selection"))
        await eventually(lambda: compensations(handle), within=20)
        await handle.cancel()

        async def asked() -> bool:
            names = [event.event_type async for event in handle.fetch_history_events()]
            return EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED in names

        await eventually(asked, within=10)
    with pytest.raises(WorkflowFailureError) as caught:
        async with asyncio.timeout(20):
            await handle.result()
    assert isinstance(caught.value.cause, CancelledError)
    assert await room.filled() == set()
