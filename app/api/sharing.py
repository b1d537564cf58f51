"""Work once: subscribers that ask the same with the same rights get the same bytes.

What an update looks like depends only on the document, its variables and the rights of who asks. A subscriber that is
alone runs its stream itself. As soon as there are several, one task runs the stream for all of them and keeps its
newest answers: a subscriber is then no more than a place among these. One that comes from behind, or falls behind,
runs the stream itself until it has caught up; those that come to the same update soon after each other find the bytes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from inspect import isawaitable
from typing import Any

from app.api.answers import Answer
from app.log import logger

log = logger(__name__)

KEPT = 512
"""Answers of one subscription that are kept for those who come a little later: as many as a watch keeps events, since
a burst is sent to one subscriber after the other."""
KEPT_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a stream has come: `number` grows with each update along the log that `log` names, whose numbers are all
    of one type, and is the same for everybody in this process. Who has one has all before it."""

    log: Hashable
    number: Any

    def covers(self, other: Mark) -> bool:
        """Whether who has come this far has the other as well."""
        return bool(self.log == other.log and self.number >= other.number)


@dataclass(frozen=True, slots=True)
class Update:
    """What a subscription's resolver gives: one place of the stream, and how to make the value of its field there.

    `place` is the same for everybody who comes to the same update. `make` gives the value and the cursor behind which
    a client can go on; it is called by the one who comes first. A state is sent only where its bytes differ from those
    that were sent last. `happened` is when what it tells of happened. Only a stream whose updates have marks can be
    run once for several subscribers.
    """

    place: Hashable
    make: Callable[[], tuple[Any, str | None]]
    is_state: bool = False
    mark: Mark | None = None
    happened: datetime | None = None


Made = Answer | None
"""An answer, or None for what must not be kept."""
Answers = AsyncGenerator[tuple[Mark | None, Answer], None]
"""A stream run: each answer, and how far it goes where that can be told."""


class Tail:
    """The newest answers of a stream, numbered as they come, and a wake-up for those who wait for more.

    `ended` says that the stream is over, `failed` that it cannot be run for all; then each runs it for itself.
    """

    def __init__(self, since: Mark) -> None:
        self.ended = False
        self.failed = False
        self._answers: deque[tuple[Mark, Answer]] = deque()
        self._dropped = 0
        self._floor = since
        """The mark of the answer that was dropped last."""
        self._size = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def add(self, mark: Mark, answer: Answer) -> None:
        self._answers.append((mark, answer))
        self._size += len(answer.body)
        while len(self._answers) > KEPT or (self._size > KEPT_BYTES and len(self._answers) > 1):
            self._floor, dropped = self._answers.popleft()
            self._size -= len(dropped.body)
            self._dropped += 1
        self._wake()

    def behind(self, mark: Mark) -> int | None:
        """The number of the first answer behind the mark; None where the tail does not reach back to it.

        The tail may itself be behind the mark: answers that the mark covers may still come.
        """
        for back, (held, _) in enumerate(reversed(self._answers)):
            if mark.covers(held):
                return self._dropped + len(self._answers) - back
        return self._dropped if mark.covers(self._floor) else None

    def has_dropped(self, number: int) -> bool:
        return number < self._dropped

    def at(self, number: int) -> tuple[Mark, Answer] | None:
        """The answer and how far it goes; it must not have been dropped. None where there is none yet."""
        place = number - self._dropped
        return self._answers[place] if place < len(self._answers) else None

    async def more(self) -> None:
        """Wait for the next answer, or for the end."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(woken)
        try:
            await woken
        finally:
            self._waiting.discard(woken)

    async def run(self, answers: Answers) -> None:
        """Fill the tail until the stream is over."""
        last: Answer | None = None
        try:
            async with aclosing(answers):
                async for mark, answer in answers:
                    if mark is None:
                        raise TypeError("an update of a shared stream has no mark")
                    if last is None or not answer.repeats(last):
                        self.add(mark, answer)
                    last = answer
            self.ended = True
        except Exception as error:  # noqa: BLE001 - everybody meets it by running the stream, and tells its own client
            log.info("a stream can no longer be run for all", reason=str(error))
            self.failed = True
        self._wake()

    def _wake(self) -> None:
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(None)


class Place:
    """One subscriber's place in a tail, behind `reached`."""

    __slots__ = ("_number", "_reached", "tail")

    def __init__(self, tail: Tail, number: int, reached: Mark) -> None:
        self.tail = tail
        self._number = number
        self._reached = reached

    @property
    def is_lost(self) -> bool:
        """Whether the subscriber must go back to the log: it has fallen behind what is kept."""
        return self.tail.failed or self.tail.has_dropped(self._number)

    def take(self) -> Answer | None:
        """The next answer, where there is one already; of states, the newest."""
        while (found := self.tail.at(self._number)) is not None:
            self._number += 1
            mark, answer = found
            is_outdated = answer.is_state and self.tail.at(self._number) is not None
            # The tail may have been behind when this one joined.
            if not is_outdated and not self._reached.covers(mark):
                return answer
        return None


class Shared:
    """One distinct subscription: the newest answers by their place, and the tail that those who are up to date take
    from."""

    def __init__(self) -> None:
        self.subscribers = 0
        self.tail: Tail | None = None
        self._runner: asyncio.Task[None] | None = None
        self._answers: OrderedDict[Hashable, Made | asyncio.Future[Made]] = OrderedDict()

    async def answer(self, place: Hashable, make: Callable[[], Made | Awaitable[Made]]) -> Made:
        """The answer at `place`, made by whoever comes first."""
        try:
            known = self._answers[place]
        except KeyError:
            made = make()
            known = asyncio.ensure_future(made) if isawaitable(made) else made
            if self.subscribers > 1:
                self._keep(place, known)
        if not isinstance(known, asyncio.Future):
            return known
        # Whoever came first may leave before it is done.
        return known.result() if known.done() else await asyncio.shield(known)

    def join(self, mark: Mark | None, stream: Callable[[], Answers]) -> Place | None:
        """The place in the tail of a subscriber that has come as far as `mark`; None where it must go on by itself.
        Where several subscribe and there is no tail yet, `stream` begins one behind the mark."""
        if mark is None or self.subscribers < 2 or (self.tail is not None and self.tail.ended):
            return None
        if self.tail is None or self.tail.failed:
            self._stop()
            self.tail = Tail(mark)
            self._runner = asyncio.create_task(self.tail.run(stream()), name="a shared subscription")
        number = self.tail.behind(mark)
        return Place(self.tail, number, mark) if number is not None else None

    def leave(self) -> None:
        """One subscriber is gone. Nobody comes later to find what was kept for the last one."""
        self.subscribers -= 1
        if self.subscribers < 2:
            self._answers.clear()
        if self.subscribers == 0:
            self._stop()

    def _stop(self) -> None:
        if self._runner is not None:
            self._runner.cancel()

    def _keep(self, place: Hashable, known: Made | asyncio.Future[Made]) -> None:
        self._answers[place] = known
        if len(self._answers) > KEPT:
            self._answers.popitem(last=False)


class Sharing:
    """The distinct subscriptions that somebody is on now."""

    def __init__(self) -> None:
        self._shared: dict[Hashable, Shared] = {}

    @property
    def distinct(self) -> int:
        return len(self._shared)

    @contextmanager
    def joined(self, key: Hashable) -> Iterator[Shared]:
        shared = self._shared.setdefault(key, Shared())
        shared.subscribers += 1
        try:
            yield shared
        finally:
            shared.leave()
            if shared.subscribers == 0:
                del self._shared[key]
