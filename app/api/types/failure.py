"""Failures and values that are decoded only when they are selected."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from app import model
from app.model import FailureKind
from app.protos import json_of, values_of


@strawberry.type(description="A failure as Temporal recorded it, with its chain of causes.")
class Failure:
    message: str
    kind: FailureKind
    type: str | None = strawberry.field(
        description="The application's error type, or the type of the activity or child that failed."
    )
    non_retryable: bool
    timeout_type: str | None = strawberry.field(
        description="START_TO_CLOSE, SCHEDULE_TO_START, SCHEDULE_TO_CLOSE or HEARTBEAT; null unless it timed out."
    )
    source: str | None = strawberry.field(description="The SDK that raised it.")
    stack_trace: str | None
    cause: Failure | None

    @strawberry.field(description="What the application attached: one value as it is, several as a list.")
    @staticmethod
    def details(root: strawberry.Parent[model.Failure]) -> JSON | None:
        return single(root.details)


def single(payloads: tuple[model.Payload, ...]) -> JSON | None:
    """The one value of a result, or the list of several; None for none."""
    if len(payloads) == 1:
        return json_of(payloads[0])  # type: ignore[no-any-return]
    return values_of(payloads) or None  # type: ignore[return-value]
