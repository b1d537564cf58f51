"""The database's schema: numbered SQL files, applied in order, once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import asyncpg

from app.errors import ConfigurationError, DatabaseUnavailable
from app.log import logger
from app.store import roles
from app.store.database import Connection
from app.store.failures import checked_url, misconfigured, reason, translated

log = logger(__name__)

MINIMUM_POSTGRES = 15
_LOCK = 0x7469_6465_6C69_6E65
"""The advisory lock that lets one process migrate at a time."""
_LOCK_WAIT_SECONDS = 120
_CONNECT_SECONDS = 10

# In a checkout the files lie beside the package, in a wheel inside it.
_FOLDERS = (Path(__file__).parents[2] / "migrations", Path(__file__).parent / "migrations")


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    """The file's name without its ending, such as `0001_index_and_archive`."""
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


class SchemaState(StrEnum):
    BEHIND = "BEHIND"
    CURRENT = "CURRENT"
    AHEAD = "AHEAD"


def known() -> list[Migration]:
    """The migrations that this version brings, in order."""
    for folder in _FOLDERS:
        if files := sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
            return [Migration(int(each.stem[:4]), each.stem, each.read_text()) for each in files]
    raise ConfigurationError("This installation of Tideline has no migrations. Install it again.")


async def migrate(url: str) -> list[str]:
    """Apply what the database lacks, each migration in its own transaction; returns their names.

    Safe to run twice, and by two processes at once. Raises ConfigurationError for a URL that cannot work, a
    Postgres that is too old, and a database that a newer version or a changed file has migrated;
    DatabaseUnavailable where Postgres does not answer.
    """
    migrations = known()
    async with _connected(url) as connection:
        _check_version(connection)
        await _lock(connection)
        await connection.execute(
            "create table if not exists schema_migrations (version integer primary key, name text not null,"
            " checksum text not null, applied_at timestamptz not null default now())"
        )
        applied = await _applied(connection)
        _check_applied(applied, migrations)
        missing = [each for each in migrations if each.version not in applied]
        for each in missing:
            await _apply(connection, each)
        return [each.name for each in missing]


async def admit(url: str, owner_url: str) -> None:
    """Let the role that `url` logs in as serve, by what the one of `owner_url` may give.

    Raises ConfigurationError where that is not enough, and as `migrate` does.
    """
    async with _connected(url) as connection:
        if await roles.may_serve(connection):
            return
        login = await connection.fetchval("select session_user::text")
    async with _connected(owner_url) as owner:
        await roles.admit(owner, login)


async def verify_roles(url: str) -> bool:
    """Whether the wall stands against the role that logs in too: it neither owns the tables nor is above them.

    Raises ConfigurationError for a role that may not serve at all, and as `migrate` does.
    """
    async with _connected(url) as connection:
        if not await roles.may_serve(connection):
            raise ConfigurationError(roles.refused(await connection.fetchval("select session_user::text")))
        return not await roles.can_bypass(connection)


async def current(database: str | Connection) -> SchemaState:
    """How the database compares with this version. `database` is a URL or an open connection.

    Raises as `migrate` does, except that a newer database is a state here.
    """
    if isinstance(database, str):
        async with _connected(database) as connection:
            return await current(connection)
    migrations = known()
    if await database.fetchval("select to_regclass('schema_migrations')") is None:
        return SchemaState.BEHIND
    applied = await _applied(database)
    if max(applied, default=0) > migrations[-1].version:
        return SchemaState.AHEAD
    _check_applied(applied, migrations)
    return SchemaState.CURRENT if len(applied) == len(migrations) else SchemaState.BEHIND


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    url = checked_url(url)
    with translated():
        try:
            connection = await asyncpg.connect(  # type: ignore[no-untyped-call]
                url,
                timeout=_CONNECT_SECONDS,
                server_settings={
                    "application_name": "tideline migrate",
                    "lock_timeout": str(_LOCK_WAIT_SECONDS * 1000),
                },
            )
        except TimeoutError:
            raise DatabaseUnavailable(f"Postgres did not accept a connection in {_CONNECT_SECONDS} s.") from None
        except Exception as error:
            if (configuration := misconfigured(error)) is not None:
                raise configuration from error
            raise
        try:
            yield connection
        finally:
            await asyncio.shield(connection.close(timeout=5))


def _check_version(connection: Connection) -> None:
    version = connection.get_server_version()
    if version.major < MINIMUM_POSTGRES:
        raise ConfigurationError(
            f"Postgres {version.major} is too old: Tideline needs Postgres {MINIMUM_POSTGRES} or newer."
        )


async def _lock(connection: Connection) -> None:
    """Held until the connection closes."""
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
    except asyncpg.LockNotAvailableError:
        raise DatabaseUnavailable(
            f"Another process has been migrating this database for {_LOCK_WAIT_SECONDS} s. Try again when it is done."
        ) from None


async def _applied(connection: Connection) -> dict[int, asyncpg.Record]:
    rows = await connection.fetch("select version, name, checksum from schema_migrations order by version")
    return {row["version"]: row for row in rows}


def _check_applied(applied: Mapping[int, asyncpg.Record], migrations: list[Migration]) -> None:
    by_version = {each.version: each for each in migrations}
    for version, row in applied.items():
        if version not in by_version:
            raise ConfigurationError(
                f"The database is newer than this version of Tideline: it has migration {row['name']!r}."
                " Run the version that migrated it, or a newer one."
            )
        if row["checksum"] != by_version[version].checksum:
            raise ConfigurationError(
                f"Migration {row['name']!r} has changed since this database applied it. Restore the file,"
                " and write what it should do beyond as a new migration."
            )


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        try:
            await connection.execute(migration.sql)
        except asyncpg.InsufficientPrivilegeError as error:
            hint = getattr(error, "hint", None) or "Run it as the owner of the database (TIDELINE_MIGRATION_URL)."
            raise ConfigurationError(
                f"Migration {migration.name!r} needs more than its role may: {reason(error)}; {hint}"
            ) from error
        await connection.execute(
            "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.checksum,
        )
    log.info("migration applied", migration=migration.name)
