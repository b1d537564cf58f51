"""How runs are retried."""

from __future__ import annotations

import strawberry

from app.model import RetryPolicy


@strawberry.input(description="How Temporal retries a run that failed.")
class RetryPolicyInput:
    initial_interval_seconds: float = 1.0
    backoff_coefficient: float = 2.0
    maximum_interval_seconds: float | None = strawberry.field(
        default=None, description="A hundred times the initial interval where not given."
    )
    maximum_attempts: int | None = strawberry.field(default=None, description="No bound where not given.")
    non_retryable_error_types: list[str] | None = None

    def value(self) -> RetryPolicy:
        return RetryPolicy(
            initial_interval=self.initial_interval_seconds,
            backoff_coefficient=self.backoff_coefficient,
            maximum_interval=self.maximum_interval_seconds,
            maximum_attempts=self.maximum_attempts,
            non_retryable_error_types=tuple(self.non_retryable_error_types or ()),
        )
