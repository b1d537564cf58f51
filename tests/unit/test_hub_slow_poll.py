"""Whose turn it is when Temporal grants no long poll: a bounded rate, one try in a while, one warning."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from structlog.testing import capture_logs

from app.hub.slow_poll import READS_PER_SECOND, SlowPoll, Turns


async def test_a_watch_that_was_not_refused_never_waits() -> None:
    slow = SlowPoll(pause=60, try_again=60)
    slow.refused("other", "too many")
    async with asyncio.timeout(5):
        assert await slow.turn("watch")


def test_reads_of_all_together_have_a_rate_and_those_of_one_a_pause() -> None:
    turns = Turns(pause=0.5, try_again=5)
    many = [turns.next(100.0) for _ in range(1000)]
    assert many[0] == 100.5
    assert {round(later - earlier, 6) for earlier, later in pairwise(many)} == {1 / READS_PER_SECOND}
    assert turns.next(200.0) == 200.5, "what nobody used is not saved up"


def test_after_a_refusal_one_tries_in_a_while_and_while_none_is_refused_one_after_the_other() -> None:
    turns = Turns(pause=0.5, try_again=5)
    turns.refused(100.0)
    assert [turns.may_try(now) for now in (100.1, 104.9, 105.0, 105.0, 105.05)] == [False, False, True, False, False]
    turns.refused(105.01)
    assert [turns.may_try(now) for now in (105.2, 110.0, 110.02, 110.1)] == [False, False, True, False]
    assert [turns.may_try(now) for now in (110.15, 110.2, 110.3)] == [True, False, True], "it was granted"


async def test_it_is_said_once_when_it_begins_and_once_when_it_is_over() -> None:
    slow = SlowPoll()
    with capture_logs() as logs:
        for watch in ("one", "other", "one"):
            slow.refused(watch, "too many")
        assert slow.slowed == 2
        for watch in ("one", "one", "never", "other"):
            slow.freed(watch)
    assert slow.slowed == 0
    assert [each["event"] for each in logs] == [
        "temporal grants no more long polls: runs are followed more slowly",
        "temporal grants long polls again",
    ]
