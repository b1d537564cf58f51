"""A lock that one process holds as long as it lives: an advisory lock on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

from app.errors import DatabaseUnavailable
from app.store.database import Connection
from app.store.failures import checked_url, translated

_CONNECT_SECONDS = 5.0
_WAIT_SECONDS = 5.0
"""Each attempt waits inside Postgres, so that a lock that is let go passes on at once. The attempts are
short, since Postgres cannot clean up what a waiting statement might still see."""
_PING_SECONDS = 1.0
_PING_DEADLINE = 3.0


class SessionLock:
    """`key` names the lock within the database."""

    def __init__(self, url: str, key: int, *, application_name: str) -> None:
        self._url = checked_url(url)
        self._key = key
        self._application_name = application_name

    async def hold(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lock as long as it takes, and do the work under it.

        Raises DatabaseUnavailable, after ending the work, as soon as the connection and with it the lock is
        lost.
        """
        with translated():
            connection = await self._connect()
            try:
                await self._acquire(connection)
                await _guarded(connection, work)
            finally:
                await asyncio.shield(_end(connection))

    async def _connect(self) -> Connection:
        return await asyncpg.connect(  # type: ignore[no-untyped-call]
            self._url,
            timeout=_CONNECT_SECONDS,
            server_settings={
                "application_name": self._application_name,
                "lock_timeout": str(int(_WAIT_SECONDS * 1000)),
                "statement_timeout": "0",
                "idle_session_timeout": "0",
                # Postgres finds a holder whose machine has vanished, and lets its lock go.
                "tcp_keepalives_idle": "5",
                "tcp_keepalives_interval": "2",
                "tcp_keepalives_count": "3",
            },
        )

    async def _acquire(self, connection: Connection) -> None:
        while True:
            try:
                await connection.execute(
                    "select pg_advisory_lock($1)", self._key, timeout=_WAIT_SECONDS + _PING_DEADLINE
                )
            except asyncpg.LockNotAvailableError:
                continue
            return


async def _guarded(connection: Connection, work: Callable[[], Awaitable[None]]) -> None:
    tasks = [asyncio.ensure_future(_watch(connection)), asyncio.ensure_future(work())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _watch(connection: Connection) -> None:
    """Raise once the connection is lost."""
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    while True:
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await lost.wait()
        except TimeoutError:
            await connection.execute("select 1", timeout=_PING_DEADLINE)
        else:
            raise DatabaseUnavailable("The connection that held the lock was lost.")


async def _end(connection: Connection) -> None:
    try:
        await connection.close(timeout=2)
    except Exception:  # noqa: BLE001 - it is dead already; its end is all that is wanted
        connection.terminate()
