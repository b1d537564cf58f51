"""The pool of connections: deadlines on everything, and errors that say what to do.

`databases` keeps the pool; statements run on the driver's connection, whose transactions never lose a
connection to a failed commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg
import databases
import orjson

from app.errors import DatabaseUnavailable
from app.store.failures import admitted, checked_url, translated, unavailable
from app.store.pool import Lent, Pool
from app.store.sight import EVERYTHING, ROUTINE, Session, Sight, of_caller
from app.store.texts import storable_json

Row = asyncpg.Record
R = TypeVar("R", bound=Row)
Connection = Any
"""The driver's connection, whose methods have no types."""


class Database:
    """A pool that is filled on demand: it starts while Postgres is down and heals when Postgres is back.

    Every method raises DatabaseUnavailable where Postgres, or a free connection, cannot be had within
    `acquire_timeout` seconds, and DeadlineExceeded for a statement that takes longer than `statement_timeout`
    seconds. `statements` counts the round trips.

    It sees every tenant; `walled` is the same pool for what is asked on behalf of a caller.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        acquire_timeout: float = 3.0,
        statement_timeout: float = 10.0,
        application_name: str = "tideline",
    ) -> None:
        """Raises ConfigurationError for a URL that is not one of Postgres's."""
        self._spent = _Spent()
        self._sight: Callable[[], Sight] = _everything
        self._acquire_timeout = acquire_timeout
        # The driver reads the whole URL itself, since `databases` does not know all of what it may say.
        parts: dict[str, Any] = dict.fromkeys(("host", "port", "user", "password", "database"))
        self._databases = databases.Database(
            "postgresql://",
            dsn=checked_url(url),
            **parts,
            min_size=0,
            max_size=pool_size,
            timeout=acquire_timeout,
            command_timeout=statement_timeout + 2,
            max_inactive_connection_lifetime=60.0,
            init=_begin,
            reset=_keep,
            connection_class=Session,
            server_settings={
                "application_name": application_name,
                "statement_timeout": str(int(statement_timeout * 1000)),
                "idle_in_transaction_session_timeout": "60000",
                "jit": "off",
                # A list may be the rows of one select, then those of another: never both at once.
                "enable_parallel_append": "off",
            },
        )

        # Its own connections belong to tasks; those of its backend, to whoever has them.
        self._pool = Pool(self._databases._backend.connection, pool_size, acquire_timeout)
        self._lent: dict[tuple[asyncio.Task[Any] | None, Sight], Lent] = {}

    @property
    def statements(self) -> int:
        return self._spent.statements

    @statements.setter
    def statements(self, value: int) -> None:
        self._spent.statements = value

    @property
    def walled(self) -> Database:
        """The same pool, whose statements see and change nothing but what the caller who is served sees."""
        return self._seeing(of_caller)

    @property
    def everywhere(self) -> Database:
        """The same pool, for statements that see every tenant, whoever is served, and do the same whatever their
        values: Postgres plans them once for each connection."""
        return self._seeing(_routine)

    def _seeing(self, sight: Callable[[], Sight]) -> Database:
        view = copy(self)
        view._sight = sight
        return view

    async def connect(self) -> None:
        """Make the pool. Connects to nothing yet, so that it cannot fail because Postgres is down."""
        await self._databases.connect()

    async def close(self) -> None:
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
                await self._databases.disconnect()
        except TimeoutError:
            raise DatabaseUnavailable("The connections to Postgres did not close in 5 s.") from None

    async def check(self) -> None:
        """One cheap question for the health check."""
        await self.fetchval("select 1")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection for a while. Inside one task, nested uses that see the same share it."""
        sight = self._sight()
        key = asyncio.current_task(), sight
        lent = self._lent.get(key) or await self._taken(sight)
        self._lent[key] = lent
        lent.uses += 1
        is_whole = False
        try:
            with admitted():
                await lent.connection.see(sight)
            yield lent.connection
            is_whole = True
        finally:
            lent.uses -= 1
            lent.is_whole = lent.is_whole and is_whole
            if not lent.uses:
                del self._lent[key]
                self._pool.give(lent)

    async def _taken(self, sight: Sight) -> Lent:
        try:
            return await self._pool.take(lambda connection: bool(connection.sees(sight)))
        except TimeoutError:
            raise DatabaseUnavailable(
                f"No connection to Postgres was free or could be made in {self._acquire_timeout:g} s."
            ) from None
        except AssertionError:
            raise DatabaseUnavailable("The connections to Postgres are closed.") from None
        except ValueError as error:
            raise unavailable(error) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction: committed at the end, rolled back by any error."""
        with translated():
            async with self.connection() as connection, connection.transaction():
                self.statements += 2
                yield connection

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        with translated():
            async with self.connection() as connection:
                self.statements += 1
                rows: list[Row] = await connection.fetch(sql, *arguments)
                return rows

    async def fetch_as(self, record: type[R], sql: str, *arguments: Any) -> list[R]:
        """Rows of another class than asyncpg's own."""
        with translated():
            async with self.connection() as connection:
                self.statements += 1
                rows: list[R] = await connection.fetch(sql, *arguments, record_class=record)
                return rows

    async def fetchrow(self, sql: str, *arguments: Any) -> Row | None:
        with translated():
            async with self.connection() as connection:
                self.statements += 1
                row: Row | None = await connection.fetchrow(sql, *arguments)
                return row

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        with translated():
            async with self.connection() as connection:
                self.statements += 1
                return await connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        """The statement's tag, such as `DELETE 1`."""
        with translated():
            async with self.connection() as connection:
                self.statements += 1
                tag: str = await connection.execute(sql, *arguments)
                return tag


async def prepare(connection: Connection) -> None:
    """Make jsonb values Python values on this connection."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + to_json(value),
        decoder=lambda data: orjson.loads(data[1:]),
        format="binary",
    )


async def _begin(connection: Connection) -> None:
    await prepare(connection)
    await connection.begin()


async def _keep(_: Connection) -> None:
    """What is set on a pooled connection is what it sees, and is set before each use where it differs: a round trip
    saved at each release."""


def _everything() -> Sight:
    return EVERYTHING


def _routine() -> Sight:
    return ROUTINE


@dataclass
class _Spent:
    """What every view of a pool counts together."""

    statements: int = 0


def to_json(value: Any) -> bytes:
    """JSON as Postgres takes it: without U+0000, which text there cannot hold."""
    data = orjson.dumps(value, default=_plain)
    return orjson.dumps(storable_json(orjson.loads(data))) if b"\\u0000" in data else data


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")
