from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.hub.asked import Asked


class Questions:
    """Counts what is asked; answers once allowed to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()

    def of(self, key: str) -> Callable[[], Awaitable[str]]:
        async def ask() -> str:
            self.asked.append(key)
            await self.may_answer.wait()
            if key == "wrong":
                raise LookupError(key)
            return key * 3

        return ask


async def test_many_ask_once_and_the_first_may_leave() -> None:
    questions, asked = Questions(), Asked[str](10)
    waiting = [asyncio.create_task(asked.of("a", questions.of("a"))) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(waiting[0], return_exceptions=True)
    questions.may_answer.set()
    assert await asyncio.gather(*waiting[1:]) == ["aaa"] * 4
    assert await asked.of("a", questions.of("a")) == "aaa"
    assert questions.asked == ["a"]


async def test_the_oldest_answers_are_let_go_by_their_size() -> None:
    questions, asked = Questions(), Asked[str](8)
    questions.may_answer.set()
    for key in ("a", "b", "c", "c", "b", "a"):
        await asked.of(key, questions.of(key))
    assert questions.asked == ["a", "b", "c", "a"]


async def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    questions, asked = Questions(), Asked[str](10)
    questions.may_answer.set()
    for _ in range(2):
        both = await asyncio.gather(*(asked.of("wrong", questions.of("wrong")) for _ in "ab"), return_exceptions=True)
        assert [type(each) for each in both] == [LookupError, LookupError]
    assert questions.asked == ["wrong", "wrong"]
    with pytest.raises(LookupError):
        await asked.of("wrong", questions.of("wrong"))
