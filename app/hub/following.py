"""Following the change log: a cursor, and what of each batch is for its follower."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import DatabaseUnavailable, DeadlineExceeded
from app.hub.feed import Feed, LogCutError
from app.hub.ring import Batch
from app.model import Change, LogPlace

T = TypeVar("T")
AWAY = (DatabaseUnavailable, DeadlineExceeded)
"""What passes: whoever follows already waits for Postgres to come back."""
_GONE = (
    "The log behind this cursor is gone, or it is a cursor of another database. What changed in between is lost: read"
    " the list anew."
)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """One change that is for the follower, with what it is about now; neither where a gap begins."""

    place: LogPlace
    change: Change | None = None
    subject: T | None = None
    gap: str | None = None


Decide = Callable[[Batch], Awaitable[Sequence[Step[T]]]]
"""Which entries of a batch are for the follower, in order."""


async def followed(feed: Feed, after: LogPlace | None, decide: Decide[T]) -> AsyncGenerator[Step[T], None]:
    """Every step behind the place, in order, each once; then those to come. Where the log is gone, a step says so.

    Raises DatabaseUnavailable where that cannot be begun; later outages are waited for.
    """
    async with feed.joined():
        try:
            cursor = await feed.beginning(after)
        except LogCutError as cut:
            cursor = cut.resumed_at
            yield Step(feed.place(cursor), gap=_GONE)
        pauses = Pauses()
        while True:
            try:
                batch = await feed.next(cursor)
                found = await decide(batch) if batch else ()
            except LogCutError as cut:
                cursor = cut.resumed_at
                yield Step(feed.place(cursor), gap=_GONE)
                continue
            except AWAY:
                await pauses.pause()
                continue
            pauses.reset()
            for step in found:
                if step.place.cursor > cursor:
                    yield step
            cursor = batch.upto if batch else cursor


class Pauses:
    """Ever longer pauses between attempts."""

    def __init__(self) -> None:
        self._next = _FIRST_PAUSE

    async def pause(self) -> None:
        seconds, self._next = self._next, min(_LONGEST_PAUSE, self._next * 2)
        await asyncio.sleep(seconds * random.uniform(0.75, 1.25))

    def reset(self) -> None:
        self._next = _FIRST_PAUSE
