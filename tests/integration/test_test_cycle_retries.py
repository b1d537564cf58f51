"""How activities of a test cycle are tried again, by their kind, and what a language model may answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from app.workflows.test_cycle.phases import TestCyclePhase as Phase
from tests.conftest import TemporalServer
from tests.cycles import MODEL, SKIPS_PLANNING, WHOLE, Handle, Room, drafted, failure, furnished
from tests.waiting import eventually

PLANS = replace(WHOLE, report_ids=(2,), mail=None, approvals=(), skip_phases=tuple(set(Phase) - {Phase.PLANNING}))
SCOPES = replace(SKIPS_PLANNING, report_ids=(2,), skip_phases=tuple(set(Phase) - {Phase.SCOPING}))
ASKS = replace(
    WHOLE,
    report_ids=(2,),
    skip_phases=tuple(set(Phase) - {Phase.SCOPING, Phase.DATA_OWNER_IDENTIFICATION, Phase.REQUEST_FOR_INFORMATION}),
)


@pytest.fixture
async def room(temporal: TemporalServer, task_queue: str, empty_database: str) -> AsyncIterator[Room]:
    async with furnished(temporal.client, task_queue, empty_database) as room, room.worker():
        yield room


def answering(*responses: Callable[[], Response]) -> Callable[[dict[str, Any]], Awaitable[Response | None]]:
    """These in turn, then as the model would."""
    left = list(responses)

    async def answer(_: dict[str, Any]) -> Response | None:
        return left.pop(0)() if left else None

    return answer


async def pauses(handle: Handle, activity_type: str) -> list[float]:
    """Seconds that Temporal lets pass between the attempts of an activity, as it says while they pass."""
    found: dict[int, float] = {}

    async def closed() -> bool:
        described = (await handle.describe()).raw_description
        for pending in described.pending_activities:
            if pending.activity_type.name == activity_type and pending.HasField("current_retry_interval"):
                # Temporal adds some microseconds.
                found[pending.attempt] = round(pending.current_retry_interval.ToTimedelta().total_seconds(), 3)
        return described.workflow_execution_info.HasField("close_time")

    await eventually(closed, within=40)
    return [found[attempt] for attempt in sorted(found)]


async def test_a_language_model_is_asked_again_after_exponential_pauses(room: Room) -> None:
    room.llm.answer = answering(*[lambda: Response(status_code=500)] * 3)
    handle = await room.start(PLANS)
    assert await pauses(handle, "draft_attributes") == [1, 3]
    error = await failure(handle)
    assert (error.type, len(room.llm.asked)) == ("UnavailableError", 3)
    assert "connection 'llm' answered 500" in error.message


async def test_the_database_is_asked_again_after_linear_pauses(room: Room) -> None:
    # A deadlock, a full disk and the like: what may be better in a moment.
    await room.sql(
        """create function test_cycle.busy() returns trigger language plpgsql as
           'begin raise exception ''busy'' using errcode = ''40P01''; end'"""
    )
    await room.sql("create trigger busy before update on test_cycle.attributes execute function test_cycle.busy()")
    handle = await room.start(SCOPES)
    assert await pauses(handle, "scope_report") == [1, 2]
    assert (await failure(handle)).type == "UnavailableError"


async def test_mail_is_sent_again_after_fixed_pauses(room: Room) -> None:
    room.mail.refusals = ["451 later"] * 3
    handle = await room.start(ASKS)
    assert await pauses(handle, "send_mail") == [2, 2]
    error = await failure(handle)
    # Three attempts, and one letter to the manager about the failure.
    assert (error.type, room.mail.tried, room.mail.recipients) == ("UnavailableError", 4, ["manager@bank.example"])


async def test_a_letter_that_is_refused_for_good_is_not_sent_again(room: Room) -> None:
    room.mail.refusals = ["550 nobody here"]
    error = await failure(await room.start(ASKS))
    assert (error.type, room.mail.tried) == ("ValidationError", 2)
    assert "deposits@bank.example" in error.message


async def test_a_password_is_not_sent_in_the_clear(room: Room) -> None:
    room.mail.url = room.mail.url.replace("smtp://", "smtp://maria:secret@")
    room.task_queue += "-with-password"
    async with room.worker():
        error = await failure(await room.start(ASKS))
    assert (error.type, room.mail.tried) == ("ValidationError", 0)
    assert "offers no TLS" in error.message
    assert "secret" not in str(error)


async def test_an_answer_that_comes_at_the_second_attempt_is_taken(room: Room) -> None:
    busy = Response(status_code=429, headers={"retry-after": "1"})
    room.llm.answer = answering(lambda: busy)
    assert (await room.result(PLANS)).status == "completed"
    assert len(room.llm.asked) == 2


WRONG: list[tuple[Any, str]] = [
    ("no JSON at all", "does not fit"),
    ({"attributes": []}, "attributes"),
    ({"attributes": [drafted("balance", colour="red")]}, "colour"),
    ({"attributes": [drafted("balance", risk=6)]}, "attributes.0.risk"),
    ({"attributes": [drafted("balance", kind="prime")]}, "attributes.0.kind"),
    ({"attributes": [drafted("salary")]}, "'salary', which is no column"),
    ({"attributes": [drafted("balance", kind="range")]}, "a range needs a minimum or a maximum"),
    ({"attributes": [drafted("balance"), drafted("balance")]}, "balance twice"),
]


async def test_answers_that_do_not_fit_are_asked_for_again(room: Room) -> None:
    """All wrong answers at once, a report each, so that their pauses pass side by side."""
    await room.sql(
        """insert into test_cycle.reports
           select 'default', 'default', number, 'Deposits ' || number, 'test_cycle.deposits', 'deposit_id'
           from generate_series(11, 18) number"""
    )

    async def answer(body: dict[str, Any]) -> Response:
        number = int(body["messages"][-1]["content"].split("\n")[0].rpartition(" ")[2])
        return room.llm.says(WRONG[number - 11][0])

    room.llm.answer = answer
    handles = [await room.start(replace(PLANS, report_ids=(11 + number,))) for number in range(len(WRONG))]
    for error, (_, words) in zip(await asyncio.gather(*map(failure, handles)), WRONG, strict=True):
        assert (error.type, words in error.message) == ("AnswerError", True), error.message
    assert len(room.llm.asked) == 3 * len(WRONG)


@pytest.mark.parametrize(
    ("response", "type_", "words"),
    [
        (Response(status_code=401), "AuthenticationError", "check the credentials"),
        (Response(status_code=404), "NotFoundError", "knows no 'planner-1'"),
        (Response(status_code=400), "ValidationError", "does not take this request"),
    ],
)
async def test_what_no_retry_can_mend_fails_at_once(room: Room, response: Response, type_: str, words: str) -> None:
    room.llm.answer = answering(lambda: response)
    error = await failure(await room.start(PLANS))
    assert (error.type, words in error.message, len(room.llm.asked)) == (type_, True, 1), error.message


async def test_a_refusal_and_a_cut_answer_are_final(room: Room) -> None:
    room.llm.answer = answering(lambda: room.llm.says("", refusal="I would rather not"))
    assert (await failure(await room.start(PLANS))).type == "ValidationError"
    room.llm.answer = answering(lambda: room.llm.says('{"attributes": [', finish_reason="length"))
    error = await failure(await room.start(PLANS))
    assert (error.type, "raise max_answer_tokens" in error.message) == ("BudgetError", True)


async def test_a_model_that_hangs_is_given_up_after_its_timeout(room: Room) -> None:
    async def hang(_: dict[str, Any]) -> Response | None:
        if len(room.llm.asked) == 1:
            await room.llm.closing.wait()
        return None

    room.llm.answer = hang
    result = await room.result(replace(PLANS, language_model=replace(MODEL, timeout_seconds=1)))
    assert (result.status, len(room.llm.asked)) == ("completed", 2)


async def test_the_budget_counts_every_attempt(room: Room) -> None:
    """Two answers that do not fit use it up: the third is not asked for."""
    room.llm.answer = answering(*[lambda: room.llm.says({"attributes": []})] * 2)
    error = await failure(await room.start(replace(PLANS, language_model=replace(MODEL, token_budget=300))))
    assert (error.type, len(room.llm.asked)) == ("BudgetError", 2)
    assert "budget of 300 tokens is used up: 300" in error.message
    # The second answer may be no longer than what the first has left.
    assert [each["max_tokens"] for each in room.llm.asked] == [300, 150]


async def test_an_endpoint_that_counts_no_tokens_is_taken_at_its_most(room: Room) -> None:
    def uncounted() -> Response:
        return JSONResponse({"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]})

    room.llm.answer = answering(*[uncounted] * 3)
    model = replace(MODEL, token_budget=2_000, max_answer_tokens=1_000)
    error = await failure(await room.start(replace(PLANS, language_model=model)))
    assert (error.type, len(room.llm.asked)) == ("BudgetError", 2)
