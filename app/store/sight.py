"""What a statement sees of the tenants' rows, whatever it asks for: Postgres holds it to that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

import asyncpg

from app.store.texts import storable

T = TypeVar("T")
PLATFORM, CALLER = "tideline_platform", "tideline_caller"
"""The roles in Postgres: the first sees every tenant, the second the scope that is set, and writes nothing."""


class Sight(NamedTuple):
    """The rows of a tenant, of all its environments where that is None. Without a tenant there are none.

    `keeps_plans` for statements that do the same whatever their values. Lists are planned anew for each: a plan for
    any value would scan for rare ones.
    """

    tenant: str | None = None
    environment: str | None = None
    is_everything: bool = False
    keeps_plans: bool = False


def schema_of(environment: str | None) -> str:
    """Where those find their runs who see one environment of a tenant, or all of them."""
    return "tideline_tenants" if environment is None else "tideline_callers"


EVERYTHING = Sight(is_everything=True)
ROUTINE = Sight(is_everything=True, keeps_plans=True)
NOTHING = Sight()

_caller: ContextVar[Sight] = ContextVar("sight", default=NOTHING)


def of_caller() -> Sight:
    """What whoever is served right now sees; nothing, where that was never said."""
    return _caller.get()


@contextmanager
def held(variable: ContextVar[T], value: T) -> Iterator[None]:
    """The variable has this value, here and in the tasks that begin here."""
    before = variable.set(value)
    try:
        yield
    finally:
        # A stream that nobody closed ends in a context in which the value was never set.
        with suppress(ValueError):
            variable.reset(before)


def seeing(sight: Sight) -> AbstractContextManager[None]:
    """Serve somebody who sees this, here and in the tasks that begin here."""
    return held(_caller, sight)


_SEE = (
    "select set_config('role', $1, false), set_config('tideline.tenant', $2, false),"
    " set_config('tideline.environment', $3, false), set_config('search_path', $4, false),"
    " set_config('plan_cache_mode', $5, false)"
)


class Session(asyncpg.Connection):
    """A connection that knows what it sees, so that only a change of that costs a round trip; and that gives Postgres
    no text which that cannot hold."""

    __slots__ = ("_path", "_sight")
    _path: str
    _sight: Sight | None

    async def begin(self) -> None:
        """For a connection that was just made."""
        self._sight = None
        self._path = await self.fetchval("select current_setting('search_path')")  # type: ignore[no-untyped-call]

    def sees(self, sight: Sight) -> bool:
        """Whether it does already."""
        return sight == self._sight

    async def see(self, sight: Sight) -> None:
        """See this from now on."""
        if sight == self._sight:
            return
        if self.is_in_transaction():  # type: ignore[no-untyped-call]
            raise RuntimeError(f"A transaction that sees {self._sight} was asked to see {sight}.")
        self._sight = None
        await self.execute(_SEE, *self._settings(sight))
        self._sight = sight

    async def _execute(self, query: str, args: Sequence[Any], *rest: Any, **named: Any) -> Any:
        """What every question goes through."""
        return await super()._execute(query, [storable(each) for each in args], *rest, **named)  # type: ignore[no-untyped-call]

    def _settings(self, sight: Sight) -> tuple[Any, ...]:
        plans = "auto" if sight.keeps_plans else "force_custom_plan"
        if sight.is_everything:
            return PLATFORM, "", "", self._path, plans
        path = f"{schema_of(sight.environment)}, {self._path}"
        return CALLER, sight.tenant or "", sight.environment or "", path, plans
