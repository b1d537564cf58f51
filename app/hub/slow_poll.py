"""What watches do to which Temporal grants no long poll: read in turn, at a rate that all of them share.

A namespace and a frontend hold so many long polls and no more; what is beyond is refused at once. Such watches make
short reads instead, and one after the other tries a long poll again, so that however many they are, Temporal refuses
one call in a while and not one of each.
"""

from __future__ import annotations

import asyncio

from app import metrics
from app.log import logger

log = logger(__name__)

READS_PER_SECOND = 100.0
LEAST_PAUSE = 0.5
"""Seconds between two reads of one watch, however few they are."""
TRY_AGAIN_SECONDS = 5.0
"""After a refusal, until a long poll is tried again."""
_BETWEEN_TRIES = 0.1
"""While long polls are granted: long enough to hear of a refusal before the next one tries."""


class Turns:
    """Who reads when, and who tries a long poll, as decisions: the clock is passed in."""

    def __init__(self, pause: float, try_again: float) -> None:
        self._pause = pause
        self._try_again = try_again
        self._free_at = 0.0
        self._try_at = 0.0

    def next(self, now: float) -> float:
        """When a watch that asks now may read."""
        at = max(self._free_at, now + self._pause)
        self._free_at = at + 1 / READS_PER_SECOND
        return at

    def may_try(self, now: float) -> bool:
        """Whether the watch whose turn it is may try a long poll; then nobody else may at once."""
        if now < self._try_at:
            return False
        self._try_at = now + _BETWEEN_TRIES
        return True

    def refused(self, now: float) -> None:
        self._try_at = now + self._try_again


class SlowPoll:
    """The watches that are slowed."""

    def __init__(self, *, pause: float = LEAST_PAUSE, try_again: float = TRY_AGAIN_SECONDS) -> None:
        """Both in seconds: between two reads of a watch, and after a refusal."""
        self._turns = Turns(pause, try_again)
        self._watches: set[object] = set()

    @property
    def slowed(self) -> int:
        return len(self._watches)

    async def turn(self, watch: object) -> bool:
        """Wait for the watch's turn. True where it may use a long poll: at once for one that is not slowed."""
        if watch not in self._watches:
            return True
        await asyncio.sleep(self._turns.next(_now()) - _now())
        return self._turns.may_try(_now())

    def refused(self, watch: object, reason: str) -> None:
        """Temporal refused a call of this watch, which is slowed from now on."""
        self._turns.refused(_now())
        if watch in self._watches:
            return
        if not self._watches:
            log.warning("temporal grants no more long polls: runs are followed more slowly", reason=reason)
        self._watches.add(watch)
        metrics.SLOWED_WATCHES.set(len(self._watches))
        metrics.SLOWED_WATCHES_TOTAL.inc()

    def freed(self, watch: object) -> None:
        """A long poll was granted, or the watch has ended."""
        if watch not in self._watches:
            return
        self._watches.discard(watch)
        metrics.SLOWED_WATCHES.set(len(self._watches))
        if not self._watches:
            log.info("temporal grants long polls again")


def _now() -> float:
    return asyncio.get_running_loop().time()
