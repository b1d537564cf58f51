"""The test cycle against a real Temporal, a real Postgres, a language model and a mail server on real sockets."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from app.history import project
from app.model import ExecutionRef, PhaseStatus, Projection, TimelineKind
from app.workflows.test_cycle import model
from app.workflows.test_cycle.phases import PHASES
from app.workflows.test_cycle.phases import TestCyclePhase as Phase
from app.workflows.test_cycle.workflow import TestCycleWorkflow as Cycle
from tests.conftest import TemporalServer
from tests.cycles import SKIPS_PLANNING, WHOLE, Handle, Room, approve, furnished, reject, state, waiting
from tests.prices import published

TWO_STEPS = replace(SKIPS_PLANNING, approvals=(Phase.SCOPING, Phase.OBSERVATION_MANAGEMENT))


@pytest.fixture
async def room(temporal: TemporalServer, task_queue: str, empty_database: str) -> AsyncIterator[Room]:
    async with furnished(temporal.client, task_queue, empty_database) as room, room.worker():
        yield room


async def projected(handle: Handle) -> Projection:
    return project(ExecutionRef("default", handle.id, ""), [event async for event in handle.fetch_history_events()])


async def test_a_cycle_plans_tests_and_reports(room: Room) -> None:
    result = await room.result(WHOLE)
    assert (result.cycle_id, result.status, result.version) == (123, "completed", 2)
    assert (result.failed_reports, result.skipped_phases) == ((), ())
    # Of each report 25 records are tested; the model drafts a rule for its last column, which is one of the others'.
    assert [(each.report_id, each.attributes, each.samples, each.tests) for each in result.reports] == [
        (1, 4, 25, 100),
        (2, 3, 25, 75),
        (3, 2, 25, 50),
    ]
    assert await room.filled() == {"samples", "owners", "requests", "results", "observations", "final_reports"}
    assert room.mail.recipients == [
        "collections@bank.example", "deposits@bank.example", "loans@bank.example", "manager@bank.example",
        "risk@bank.example",
    ]  # fmt: skip
    assert set(room.llm.keys) == {"Bearer sk-test"}
    assert {each["model"] for each in room.llm.asked} == {"planner-1"}


async def test_what_is_found_is_what_is_wrong(room: Room) -> None:
    """Every record is sampled, so that each of the wrong ones is found, and nothing else."""
    result = await room.result(replace(SKIPS_PLANNING, sample_size=1000))
    assert [(each.samples, each.failed_tests) for each in result.reports] == [(60, 3 + 8), (60, 4), (60, 6)]
    found = await room.sql(
        "select jsonb_object_agg(attribute, array[failed::text, severity]) from test_cycle.observations"
    )
    assert found == (
        '{"amount": ["3", "medium"], "country": ["6", "medium"], "customer": ["4", "medium"],'
        ' "days_past_due": ["8", "medium"]}'
    )


async def test_the_model_drafts_what_is_tested(room: Room) -> None:
    await room.sql("delete from test_cycle.attributes")
    result = await room.result(replace(WHOLE, report_ids=(2,), mail=None))
    assert await room.sql("select name || ' ' || made_by like 'currency cycle-%' from test_cycle.attributes")
    assert (result.reports[0].attributes, result.reports[0].tests) == (1, 25)


async def test_phases_are_published_and_two_of_them_run_side_by_side(room: Room) -> None:
    handle = await room.start(WHOLE)
    await handle.result()
    run = await projected(handle)
    assert [each.name for each in run.phases] == list(PHASES)
    assert {each.status for each in run.phases} == {PhaseStatus.COMPLETED}
    group = "sample_selection and data_owner_identification"
    assert [each.name for each in run.phases if each.parallel_group == group] == [
        Phase.SAMPLE_SELECTION, Phase.DATA_OWNER_IDENTIFICATION,
    ]  # fmt: skip
    bars = {each.name: each for each in run.timeline if each.kind is TimelineKind.PHASE}
    third, fourth, fifth = (bars[name] for name in PHASES[2:5])
    assert third.lane != fourth.lane, "they overlap"
    assert third.end_time
    assert fourth.end_time
    assert fifth.start_time >= max(third.end_time, fourth.end_time), "both have ended before the fifth begins"
    tests = [each for each in run.activities if each.activity_type == "execute_tests"]
    first_end = min(each.close_time for each in tests if each.close_time)
    assert all(each.scheduled_time < first_end for each in tests), "reports are tested side by side"
    memo = await published(handle)
    assert memo["progress"] == {
        "step": "done", "percent": 100.0, "message": "8 of 8 phases, 3 reports", "completed": 8, "total": 8,
    }  # fmt: skip
    assert (memo["version"], memo.get("waiting", [])) == (2, [])


@pytest.mark.parametrize(
    ("skipped", "filled"),
    [
        ({Phase.REQUEST_FOR_INFORMATION}, {"samples", "owners", "results", "observations", "final_reports"}),
        ({Phase.SAMPLE_SELECTION, Phase.TEST_EXECUTION, Phase.OBSERVATION_MANAGEMENT},
         {"owners", "requests", "final_reports"}),
        (set(Phase) - {Phase.SCOPING}, set()),
    ],
)  # fmt: skip
async def test_skipped_phases_do_nothing(room: Room, skipped: set[Phase], filled: set[str]) -> None:
    skipped = {Phase.PLANNING, *skipped}
    handle = await room.start(replace(SKIPS_PLANNING, skip_phases=tuple(skipped)))
    result = await handle.result()
    assert set(result.skipped_phases) == skipped
    assert await room.filled() == filled
    statuses = {each.name: each.status for each in (await projected(handle)).phases}
    assert {name for name, status in statuses.items() if status is PhaseStatus.SKIPPED} == skipped
    assert len(statuses) == len(PHASES)


async def test_a_later_run_goes_on_with_what_an_earlier_one_left(room: Room) -> None:
    late = {Phase.TEST_EXECUTION, Phase.OBSERVATION_MANAGEMENT, Phase.FINALIZE_TEST_REPORT}
    await room.result(replace(SKIPS_PLANNING, skip_phases=(Phase.PLANNING, *late)))
    assert await room.filled() == {"samples", "owners", "requests"}
    result = await room.result(replace(SKIPS_PLANNING, skip_phases=tuple(set(Phase) - late)))
    assert [each.tests for each in result.reports] == [100, 75, 50]


async def test_steps_are_approved_by_update_and_by_signal(room: Room) -> None:
    handle = await room.start(TWO_STEPS)
    await waiting(handle, "scoping")
    assert (await published(handle))["waiting"] == ["scoping"]
    assert await room.filled() == set(), "nothing goes on before the decision"
    decision = await handle.execute_update(Cycle.approve, model.Approval("scoping", "maria", "as last year"))
    assert decision == model.Decision("scoping", True, "maria", "as last year")
    await waiting(handle, "observation_management")
    await handle.signal("approve", approve("observation_management"))
    assert (await handle.result()).status == "completed"
    decisions = (await state(handle)).decisions
    assert [(each.step, each.approved) for each in decisions] == [("scoping", True), ("observation_management", True)]
    assert await room.sql("select array_agg(subject order by written_at) from test_cycle.notices") == [
        "Cycle 123: scoping waits for your approval",
        *(await room.sql(
            "select array_agg(subject order by written_at) from test_cycle.notices where kind like 'request%'"
        )),
        "Cycle 123: observation_management waits for your approval",
        "Cycle 123 is completed",
    ]  # fmt: skip


async def test_both_parallel_phases_can_wait_at_once(room: Room) -> None:
    handle = await room.start(
        replace(SKIPS_PLANNING, approvals=(Phase.SAMPLE_SELECTION, Phase.DATA_OWNER_IDENTIFICATION))
    )
    await waiting(handle, "sample_selection")
    await waiting(handle, "data_owner_identification")
    await handle.execute_update(Cycle.approve, approve("data_owner_identification"))
    assert (await state(handle)).waiting == ["sample_selection"]
    await handle.execute_update(Cycle.approve, approve("sample_selection"))
    assert (await handle.result()).status == "completed"


REFUSED = [
    ("approve", approve("test_execution"), "not waiting for a decision; scoping waits"),
    ("approve", approve("marketing"), "There is no step 'marketing'"),
    ("approve", model.Approval("scoping", " "), "Say in `by`"),
    ("reject", reject("scoping", " "), "Say in `reason` why scoping is rejected"),
    ("reject", reject("scoping", "x" * 2001), "2001 characters"),
    ("reject", reject("planning", "no"), "Step planning is not waiting"),
]


async def test_wrong_decisions_are_refused(room: Room) -> None:
    handle = await room.start(TWO_STEPS)
    await waiting(handle, "scoping")
    for name, decision, words in REFUSED:
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await handle.execute_update(name, decision)
        assert words in str(caught.value.cause), name
        await handle.signal(name, decision)
    found = await state(handle)
    assert (found.waiting, found.decisions) == (["scoping"], [])
    for sentence, (_, _, words) in zip(found.refused, REFUSED, strict=True):
        assert words in sentence
    await handle.execute_update(Cycle.approve, approve("scoping"))
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(Cycle.approve, approve("scoping"))
    assert "Step scoping is not waiting" in str(caught.value.cause), "a second approval has nothing to approve"
    await handle.terminate()


async def test_of_two_decisions_at_once_one_counts(room: Room) -> None:
    handle = await room.start(TWO_STEPS)
    await waiting(handle, "scoping")
    answers = await asyncio.gather(
        *(handle.execute_update(Cycle.approve, model.Approval("scoping", name)) for name in ("maria", "omar", "li")),
        return_exceptions=True,
    )
    assert sum(isinstance(each, model.Decision) for each in answers) == 1
    assert len((await state(handle)).decisions) == 1
    await handle.terminate()


async def test_a_wrong_input_is_refused_naming_each_field(room: Room) -> None:
    wrong: Any = replace(SKIPS_PLANNING, report_ids=(1, 1), sample_size=0)
    with pytest.raises(WorkflowFailureError) as caught:
        await room.result(wrong)
    assert isinstance(caught.value.cause, ApplicationError)
    assert (caught.value.cause.type, caught.value.cause.non_retryable) == ("ValidationError", True)
    assert [each["path"] for each in caught.value.cause.details[0]] == [["report_ids"], ["sample_size"]]


async def test_an_input_of_the_wrong_shape_fails_the_run(room: Room) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await room.client.execute_workflow(
            "TestCycleWorkflow", {"cycle_id": "x"}, id=f"cycle-{uuid.uuid4()}", task_queue=room.task_queue
        )
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "TypeError"
