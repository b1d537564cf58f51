"""The seam where Postgres's errors become ours."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg

from app.errors import ConfigurationError, DatabaseUnavailable, DeadlineExceeded

_AWAY = (
    OSError,
    asyncpg.InterfaceError,  # type: ignore[attr-defined]
    asyncpg.InternalClientError,  # type: ignore[attr-defined]
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
)
_UNMIGRATED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError)


@contextmanager
def translated() -> Iterator[None]:
    """Raise DatabaseUnavailable or DeadlineExceeded for what Postgres, or the way to it, raises inside.

    Errors that only our own statements can cause, such as a violated constraint, pass through.
    """
    try:
        yield
    except asyncpg.DataError:
        raise
    except asyncpg.QueryCanceledError as error:
        raise DeadlineExceeded("Postgres did not finish the statement in its time.") from error
    except TimeoutError as error:
        raise DeadlineExceeded("Postgres did not answer in time.") from error
    except _UNMIGRATED as error:
        raise DatabaseUnavailable(
            f"The database does not fit this version: {reason(error)}. Run `tideline migrate`."
        ) from error
    except _AWAY as error:
        raise unavailable(error) from error


@contextmanager
def admitted() -> Iterator[None]:
    """Raise DatabaseUnavailable where Postgres refuses the role that a statement is to run in."""
    try:
        yield
    except asyncpg.InvalidParameterValueError as error:
        raise DatabaseUnavailable(
            f"The database does not fit this version: {reason(error)}. Run `tideline migrate`."
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseUnavailable(
            f"Postgres refuses: {reason(error)}. Let an administrator run: grant tideline_platform, tideline_caller to"
            " the role that DATABASE_URL names."
        ) from error


def unavailable(error: BaseException) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"Postgres cannot be reached: {reason(error)}. Check that it runs and that DATABASE_URL names it."
    )


def reason(error: BaseException) -> str:
    """The first line of an error's text. Neither asyncpg nor the system's resolver ever puts a password
    there."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def misconfigured(error: BaseException) -> ConfigurationError | None:
    """The sentence for a DATABASE_URL that cannot work however long one waits; None for any other error."""
    wrong = (ValueError, asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)
    unknown_host = isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN
    if unknown_host or isinstance(error, wrong):
        return ConfigurationError(f"DATABASE_URL cannot be used: {reason(error)}.")
    return None


def checked_url(url: str) -> str:
    """The same URL. Raises ConfigurationError, without its password, where it cannot be one of Postgres's."""
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme not in {"postgresql", "postgres"}:
        raise ConfigurationError(
            f"DATABASE_URL cannot be used: it begins with {scheme or 'no scheme'!r}."
            " Write postgresql://user:password@host:5432/name."
        )
    try:
        hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    except ValueError as error:
        raise ConfigurationError(f"DATABASE_URL cannot be used: {reason(error)}.") from None
    for host in hosts:
        port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
        if port and not port.isdigit():
            raise ConfigurationError(f"DATABASE_URL cannot be used: its port is {port!r}, expected a number.")
    return url
