"""Failures and how they are retried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.model.values import Payload


class FailureKind(StrEnum):
    """Which of Temporal's failure messages it is."""

    APPLICATION = "APPLICATION"
    TIMEOUT = "TIMEOUT"
    CANCELED = "CANCELED"
    TERMINATED = "TERMINATED"
    SERVER = "SERVER"
    RESET_WORKFLOW = "RESET_WORKFLOW"
    ACTIVITY = "ACTIVITY"
    CHILD_WORKFLOW = "CHILD_WORKFLOW"
    NEXUS_OPERATION = "NEXUS_OPERATION"
    NEXUS_HANDLER = "NEXUS_HANDLER"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure and what caused it, outermost first."""

    message: str
    kind: FailureKind
    type: str | None = None
    """The application's error type, or the type of the activity or workflow that failed."""
    non_retryable: bool = False
    timeout_type: str | None = None
    """START_TO_CLOSE, SCHEDULE_TO_START, SCHEDULE_TO_CLOSE or HEARTBEAT."""
    source: str | None = None
    """The SDK that made it, such as `PythonSDK`."""
    stack_trace: str | None = None
    details: tuple[Payload, ...] = ()
    encoded_attributes: Payload | None = None
    """Message and stack trace, where a codec hides them."""
    cause: Failure | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    initial_interval: float
    backoff_coefficient: float
    maximum_interval: float | None
    maximum_attempts: int | None
    """None: no bound."""
    non_retryable_error_types: tuple[str, ...] = ()
