"""What Postgres lets a caller's statements see: the second wall, behind the filters that each verb puts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing
from typing import TypeVar

from app.access import Identity
from app.store.sight import EVERYTHING, Sight, seeing

T = TypeVar("T")


def serving(identity: Identity) -> AbstractContextManager[None]:
    """Serve this caller, here and in the tasks that begin here."""
    return seeing(sight_of(identity))


async def served(identity: Identity, answers: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same stream, each step of which serves this caller, whoever's task takes it."""
    async with aclosing(answers):
        while True:
            with serving(identity):
                try:
                    answer = await anext(answers)
                except StopAsyncIteration:
                    return
            yield answer


def sight_of(identity: Identity) -> Sight:
    scope = identity.scope
    return EVERYTHING if scope.tenant is None else Sight(scope.tenant, scope.environment)
