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

KEPT = 32
"""Updates of one subscription that are kept for those who come a little later."""


class Shared:
    """The bytes of the newest updates of one distinct subscription."""

    def __init__(self) -> None:
        self.subscribers = 0
        self._updates: OrderedDict[str, asyncio.Future[bytes | None]] = OrderedDict()

    async def body(self, place: str, make: Callable[[], Awaitable[bytes | None]]) -> bytes | None:
        """The bytes of the update at `place`. `make` answers None for what must not be shared."""
        update = self._updates.get(place)
        if update is None:
            update = self._updates[place] = asyncio.ensure_future(make())
            while len(self._updates) > KEPT:
                self._updates.popitem(last=False)
        # Whoever came first may leave before it is done.
        return update.result() if update.done() else await asyncio.shield(update)


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
