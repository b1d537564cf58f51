"""PURE. How each kind of activity is tried again: models exponentially, the database linearly, mail at a fixed pace.

Temporal's own policy knows a coefficient only: 1 is a fixed pace, more is exponential. A linear pace is asked for
by the activity, failure by failure; the policy's interval stands for what the activity could not say, such as a
timeout.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

_ATTEMPTS = 3
_HOPELESS = ["ValidationError", "AuthenticationError", "NotFoundError", "BudgetError"]
_STEP = timedelta(seconds=1)

EXPONENTIAL = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=3.0,
    maximum_interval=timedelta(minutes=1),
    maximum_attempts=_ATTEMPTS,
    non_retryable_error_types=_HOPELESS,
)
"""Of models: after 1 and 3 seconds."""
LINEAR = RetryPolicy(
    initial_interval=_STEP,
    backoff_coefficient=1.0,
    maximum_attempts=_ATTEMPTS,
    non_retryable_error_types=_HOPELESS,
)
"""Of the database: after 1 and 2 seconds, by `linear_pace`."""
FIXED = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=1.0,
    maximum_attempts=_ATTEMPTS,
    non_retryable_error_types=_HOPELESS,
)
"""Of mail: after 2 and 2 seconds."""


def linear_delay(attempt: int) -> timedelta:
    """The pause behind a failed attempt, from 1."""
    return attempt * _STEP


@contextmanager
def linear_pace(attempt: int) -> Iterator[None]:
    """Failures that are worth another attempt, with the pause until it."""
    try:
        yield
    except ApplicationError as error:
        if error.non_retryable or error.next_retry_delay is not None:
            raise
        raise ApplicationError(
            error.message, *error.details, type=error.type, next_retry_delay=linear_delay(attempt)
        ) from error.__cause__
