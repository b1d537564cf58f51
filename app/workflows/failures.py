"""What can go wrong at other systems, as Temporal's application errors: which to try again, and when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import asyncpg
import httpx
from temporalio.exceptions import ApplicationError

_LONGEST_RETRY_AFTER = timedelta(minutes=5)
_UNANSWERED = (
    asyncpg.PostgresError,  # type: ignore[attr-defined]
    asyncpg.InterfaceError,  # type: ignore[attr-defined]
    OSError,
    TimeoutError,
)


def validation_error(message: str) -> ApplicationError:
    return ApplicationError(message, type="ValidationError", non_retryable=True)


def authentication_error(message: str) -> ApplicationError:
    return ApplicationError(message, type="AuthenticationError", non_retryable=True)


def not_found_error(message: str) -> ApplicationError:
    return ApplicationError(message, type="NotFoundError", non_retryable=True)


def unavailable_error(message: str, retry_after: timedelta | None = None) -> ApplicationError:
    """Worth another attempt, after `retry_after` where the other side asked for it."""
    return ApplicationError(message, type="UnavailableError", next_retry_delay=retry_after)


def response_error(response: httpx.Response, name: str, now: datetime) -> ApplicationError | None:
    """None for an answer of 2xx. `name` says who answered."""
    status = response.status_code
    said = f"{name} answered {status} {response.reason_phrase}".rstrip()
    if response.is_success:
        return None
    if status in {401, 403}:
        return authentication_error(f"{said}: check the credentials of its connection on the worker.")
    if status == 402:
        return ApplicationError(f"{said}: the payment is refused.", type="PaymentRequiredError", non_retryable=True)
    if status == 404:
        return not_found_error(f"{said}: check the URL and what it names.")
    if status in {408, 425, 429} or status >= 500:
        return unavailable_error(f"{said}.", retry_after(response.headers.get("retry-after"), now))
    return validation_error(f"{said}: it does not take this request.")


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """RFC 9110, 10.2.3: seconds or a date. At most five minutes; None where none can be read."""
    if header is None:
        return None
    if header.strip().isdecimal():
        delay = timedelta(seconds=min(int(header), 3600))
    else:
        try:
            date = parsedate_to_datetime(header)
        except ValueError:
            return None
        delay = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    return min(max(delay, timedelta(milliseconds=1)), _LONGEST_RETRY_AFTER)


@contextmanager
def network_errors(name: str) -> Iterator[None]:
    """httpx's errors as errors that are worth another attempt."""
    try:
        yield
    except httpx.InvalidURL as error:
        raise validation_error(f"{name} has no usable URL: {error}.") from None
    except httpx.TransportError as error:
        raise unavailable_error(f"{name} cannot be reached: {type(error).__name__} {error}".rstrip() + ".") from error


@contextmanager
def postgres_errors(connection: str) -> Iterator[None]:
    """asyncpg's errors, told by what a retry could change. `connection` is the connection's name."""
    name = f"The database of connection {connection!r}"
    try:
        yield
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InsufficientPrivilegeError) as error:
        raise authentication_error(f"{name} refuses the worker: {error}.") from error
    except (
        asyncpg.InvalidCatalogNameError,
        asyncpg.InvalidSchemaNameError,
        asyncpg.UndefinedTableError,
    ) as error:
        raise not_found_error(f"{name} has no such thing: {error}.") from error
    except (
        asyncpg.UndefinedColumnError,
        asyncpg.DataError,
        asyncpg.IntegrityConstraintViolationError,
    ) as error:
        raise validation_error(f"{name} does not fit: {error}.") from error
    except (
        asyncpg.SyntaxOrAccessError,
        asyncpg.FeatureNotSupportedError,
        asyncpg.ReadOnlySQLTransactionError,
        asyncpg.exceptions.ClientConfigurationError,
    ) as error:
        raise validation_error(f"{name} cannot be used: {error}.") from error
    except _UNANSWERED as error:
        raise unavailable_error(f"{name} does not answer: {type(error).__name__} {error}".rstrip() + ".") from error
