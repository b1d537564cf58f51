"""Work once: subscribers that ask the same with the same rights get the same bytes.

Each subscriber has its own place in its stream. What an update looks like depends only on the document, its variables
and the rights of who asks, so the first subscriber that comes to an update has it executed and encoded, and those
that come to the same place soon after find the bytes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from app.api.answers import Answer

KEPT = 512
"""Answers of one subscription that are kept for those who come a little later: as many as a watch keeps events, since
a burst is sent to one subscriber after the other. A subscription with a single subscriber keeps none."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a subscription's resolver gives: one place of the stream, and how to make the value of its field there.

    `place` is the same for everybody who comes to the same update. `make` gives the value and the cursor behind which
    a client can go on; it is called by the one who comes first. A state is sent only where its bytes differ from those
    that were sent last.
    """

    place: Hashable
    make: Callable[[], tuple[Any, str | None]]
    is_state: bool = False


Made = Answer | None
"""An answer, or None for what must not be shared."""


class Shared:
    """The newest answers of one distinct subscription."""

    def __init__(self) -> None:
        self.subscribers = 0
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

    def forget(self) -> None:
        """Nobody is left to come later."""
        self._answers.clear()

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
            shared.subscribers -= 1
            if shared.subscribers == 0:
                del self._shared[key]
            elif shared.subscribers == 1:
                shared.forget()
