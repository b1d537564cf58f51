"""Whose turn it is when Temporal grants no long poll: a bounded rate, one try in a while, one warning."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from structlog.testing import capture_logs

from app.hub import slow_poll
from app.hub.slow_poll import SlowPoll


async def test_a_watch_that_was_not_refused_never_waits() -> None:
    slow = SlowPoll(pause=60, try_again=60)
    slow.refused("other", "too many")
    async with asyncio.timeout(5):
        assert await slow.turn("watch")


async def test_reads_of_all_together_have_a_rate() -> None:
    slow = SlowPoll(pause=0.0, try_again=60)
    watches = range(20)
    for watch in watches:
        slow.refused(watch, "too many")
    clock = asyncio.get_running_loop().time
    started = clock()
    assert not any(await asyncio.gather(*(slow.turn(watch) for watch in watches)))
    assert clock() - started >= (len(watches) - 1) / slow_poll.READS_PER_SECOND


async def test_after_a_while_one_tries_and_then_one_after_the_other() -> None:
    slow = SlowPoll(pause=0.0, try_again=0.2)
    watches = range(4)
    for watch in watches:
        slow.refused(watch, "too many")
    clock = asyncio.get_running_loop().time
    refused_at = clock()
    tries: list[float] = []
    while len(tries) < 3:
        if any(await asyncio.gather(*(slow.turn(watch) for watch in watches))):
            tries.append(clock())
    assert tries[0] - refused_at >= 0.2
    assert min(later - earlier for earlier, later in pairwise(tries)) >= 0.08


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
