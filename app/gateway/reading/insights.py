"""What many runs and their queues tell of one: its type's profile, and whether anybody polls its queues.

Both are asked rarely: profiles change with every hundredth run or so, and a page of runs shares few types.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Generic, TypeVar

from app.errors import TidelineError
from app.model import Execution, Profile
from app.profile import ProfileKey
from app.progress import Queue
from app.store.profiles import Profiles
from app.temporal import pollers
from app.temporal.connection import Temporal

Key = TypeVar("Key")
Value = TypeVar("Value")

PROFILE_SECONDS = 10.0
POLLERS_SECONDS = 5.0
_AT_ONCE = 8
_MOST = 10_000


class Cache(Generic[Key, Value]):
    """Answers for `lifetime` seconds. What is asked in one turn of the loop is loaded together, by one call of `load`;
    an error is everybody's who waits for it, and is not kept."""

    def __init__(self, load: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]], lifetime: float) -> None:
        self._load = load
        self._lifetime = lifetime
        self._held: OrderedDict[Key, tuple[float, asyncio.Task[Mapping[Key, Value]]]] = OrderedDict()
        self._next: list[Key] = []
        self._loading: asyncio.Task[Mapping[Key, Value]] | None = None

    async def get(self, key: Key) -> Value | None:
        held = self._held.get(key)
        if held is None or held[0] < time.monotonic() or _has_failed(held[1]):
            held = self._ask(key)
        return (await asyncio.shield(held[1])).get(key)

    def _ask(self, key: Key) -> tuple[float, asyncio.Task[Mapping[Key, Value]]]:
        if self._loading is None:
            self._loading = asyncio.create_task(self._load_next())
        self._next.append(key)
        self._held[key] = asked = (time.monotonic() + self._lifetime, self._loading)
        self._held.move_to_end(key)
        if len(self._held) > _MOST:
            self._held.popitem(last=False)
        return asked

    async def _load_next(self) -> Mapping[Key, Value]:
        # The task begins when the resolvers that run now have all asked.
        keys, self._next, self._loading = self._next, [], None
        return await self._load(list(dict.fromkeys(keys)))


def _has_failed(task: asyncio.Task[Mapping[Key, Value]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


class Insights:
    def __init__(self, temporal: Temporal, profiles: Profiles) -> None:
        self._temporal = temporal
        self._profiles = Cache[ProfileKey, Profile](profiles.many, PROFILE_SECONDS)
        self._pollers = Cache[tuple[str, Queue], bool](self._ask_pollers, POLLERS_SECONDS)
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def profile(self, execution: Execution) -> Profile | None:
        """What the last runs of its type were like; None of a new type, and while Postgres is away: the rest can be
        told without."""
        key = (execution.namespace, execution.tenant, execution.environment, execution.workflow_type)
        try:
            return await self._profiles.get(key)
        except TidelineError:
            return None

    async def unpolled(self, namespace: str, queues: Iterable[Queue]) -> frozenset[Queue]:
        """Those of the queues that no worker polls; one that Temporal does not tell of is taken for polled."""
        asked = list(queues)
        answers = await asyncio.gather(*(self._pollers.get((namespace, queue)) for queue in asked))
        return frozenset(queue for queue, polled in zip(asked, answers, strict=True) if polled is False)

    async def _ask_pollers(self, keys: list[tuple[str, Queue]]) -> dict[tuple[str, Queue], bool]:
        async def ask(namespace: str, queue: Queue) -> bool:
            async with self._at_once:
                try:
                    return await pollers.has_pollers(self._temporal, namespace, queue.name, queue.kind)
                except TidelineError:
                    return True

        answers = await asyncio.gather(*(ask(*key) for key in keys))
        return dict(zip(keys, answers, strict=True))
