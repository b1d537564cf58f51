"""The newest answers of a shared stream: who may join where, and who has fallen behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.api import sharing
from app.api.answers import Answer
from app.api.sharing import Answers, Mark, Place, Shared, Sharing, Tail


def answer(text: str, *, is_state: bool = False) -> Answer:
    return Answer(text.encode(), is_state=is_state)


def tail_of(*marks: Mark, since: Mark) -> Tail:
    tail = Tail(since)
    for mark in marks:
        tail.add(mark, answer(str(mark.number)))
    return tail


@pytest.mark.parametrize(
    ("mark", "number"),
    [
        (Mark("b", 9), 4),
        (Mark("b", 7), 4),
        (Mark("b", 6), 3),
        (Mark("b", 5), None),
        (Mark("a", 9), 2),
        (Mark("a", 5), 2),
        (Mark("a", 4), 1),
        (Mark("a", 3), 0),
        (Mark("a", 2), None),
        (Mark("c", 9), None),
    ],
)
def test_one_joins_behind_what_it_has(mark: Mark, number: int | None) -> None:
    """The tail began behind a3; then came a4, a5, b6 and b7."""
    tail = tail_of(Mark("a", 4), Mark("a", 5), Mark("b", 6), Mark("b", 7), since=Mark("a", 3))
    assert tail.behind(mark) == number


def test_answers_of_one_state_are_taken_or_left_together() -> None:
    tail = tail_of(Mark("a", 4), Mark("a", 4), Mark("a", 5), since=Mark("a", 3))
    assert [tail.behind(Mark("a", number)) for number in (3, 4, 5)] == [0, 2, 3]


def test_only_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "KEPT", 3)
    tail = tail_of(*(Mark("a", number) for number in range(1, 8)), since=Mark("a", 0))
    assert [tail.has_dropped(number) for number in range(8)] == [True] * 4 + [False] * 4
    assert [tail.behind(Mark("a", number)) for number in range(3, 8)] == [None, 4, 5, 6, 7]
    assert [made[1].body for number in range(4, 7) if (made := tail.at(number)) is not None] == [b"5", b"6", b"7"]
    assert tail.at(7) is None


def test_large_answers_are_dropped_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "KEPT_BYTES", 10)
    tail = Tail(Mark("a", 0))
    for number, size in enumerate((4, 4, 4, 100), start=1):
        tail.add(Mark("a", number), answer("x" * size))
    assert not tail.has_dropped(3)
    assert tail.has_dropped(2)


def test_a_tail_that_was_behind_gives_nothing_twice() -> None:
    tail = tail_of(Mark("a", 4), since=Mark("a", 3))
    reached = Mark("a", 6)
    place = Place(tail, tail.behind(reached) or 0, reached)
    assert place.take() is None
    for mark in (Mark("a", 5), Mark("a", 6), Mark("a", 7), Mark("b", 1)):
        tail.add(mark, answer(f"{mark.log}{mark.number}"))
    assert [made.body for made in iter(place.take, None)] == [b"a7", b"b1"]


def test_who_is_slow_is_given_the_newest_state_only() -> None:
    tail = Tail(Mark("a", 0))
    place = Place(tail, 0, Mark("a", 0))
    for number in range(1, 4):
        tail.add(Mark("a", number), answer(str(number), is_state=True))
    assert [made.body for made in iter(place.take, None)] == [b"3"]


async def stream(*updates: tuple[Mark | None, Answer]) -> Answers:
    for mark, made in updates:
        yield mark, made


async def test_a_state_that_repeats_itself_is_not_kept() -> None:
    tail = Tail(Mark("a", 0))
    said = [answer("x", is_state=True), answer("x", is_state=True), answer("y", is_state=True)]
    await tail.run(stream(*((Mark("a", number), each) for number, each in enumerate(said, start=1))))
    assert tail.ended
    assert [tail.at(number) for number in range(3)] == [(Mark("a", 1), said[0]), (Mark("a", 3), said[2]), None]


async def test_a_stream_without_marks_cannot_be_run_for_all() -> None:
    tail = Tail(Mark("a", 0))
    await tail.run(stream((None, answer("x"))))
    assert tail.failed
    assert not tail.ended


async def test_who_waits_hears_of_more_and_of_the_end() -> None:
    tail = Tail(Mark("a", 0))
    gone, waiting = asyncio.create_task(tail.more()), asyncio.create_task(tail.more())
    await asyncio.sleep(0)
    gone.cancel()
    tail.add(Mark("a", 1), answer("x"))
    await waiting
    last = asyncio.create_task(tail.more())
    await asyncio.sleep(0)
    await tail.run(stream())
    await last


async def test_a_tail_begins_with_the_second_and_ends_with_the_last() -> None:
    left = asyncio.Event()

    async def endless() -> Answers:
        try:
            await asyncio.Event().wait()
            yield None, answer("")
        finally:
            left.set()

    everybody = Sharing()
    with everybody.joined("key") as first:
        assert first.join(Mark("a", 1), endless) is None
        with everybody.joined("key") as second:
            assert second is first
            assert second.join(None, endless) is None
            assert second.join(Mark("a", 1), endless) is not None
            assert first.join(Mark("a", 0), endless) is None
            await asyncio.sleep(0)
        assert everybody.distinct == 1
        assert not left.is_set()
    await left.wait()
    assert everybody.distinct == 0


@pytest.fixture
async def shared() -> AsyncIterator[Shared]:
    with Sharing().joined("key") as one:
        one.subscribers += 1
        yield one


async def test_a_stream_that_failed_is_tried_anew_and_one_that_ended_is_not(shared: Shared) -> None:
    async def failing() -> Answers:
        yield None, answer("")

    shared.join(Mark("a", 1), failing)
    failed = shared.tail
    assert failed is not None
    await failed.more()
    assert shared.join(Mark("a", 1), stream) is not None
    ended = shared.tail
    assert ended is not None
    assert ended is not failed
    await ended.more()
    assert shared.join(Mark("a", 1), stream) is None
    assert shared.tail is ended
