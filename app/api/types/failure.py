"""Failures, as Temporal recorded them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app import model
from app.access import Exposure, Part
from app.api.context import Info
from app.api.node import Bound
from app.api.types.values import NOT_DECODED, decoded, shown_single
from app.api.veil import MASK, WITHHELD, exposure, instead
from app.gateway.seeing import said as plainly
from app.model import FailureKind

FailureValue = Bound[model.Failure]
Root = strawberry.Parent[FailureValue]


@strawberry.type(description="A failure as Temporal recorded it, with its chain of causes.")
class Failure:
    kind: FailureKind
    type: str | None = strawberry.field(
        description="The application's error type, or the type of the activity or child that failed."
    )
    non_retryable: bool
    timeout_type: str | None = strawberry.field(
        description="START_TO_CLOSE, SCHEDULE_TO_START, SCHEDULE_TO_CLOSE or HEARTBEAT; null unless it timed out."
    )
    source: str | None = strawberry.field(description="The SDK that raised it.")

    @strawberry.field(graphql_type=str, description="Decoded where a codec hides it. A policy may withhold it (***).")
    @staticmethod
    def message(root: Root, info: Info) -> str | Awaitable[str | None] | None:
        if exposure(info, root.ref, Part.FAILURE) is not Exposure.SHOWN:
            return MASK
        return _said(root, info, "message", plainly(root.value.message))

    @strawberry.field(graphql_type=str | None, description=f"Decoded where a codec hides it. {WITHHELD}")
    @staticmethod
    def stack_trace(root: Root, info: Info) -> str | Awaitable[str | None] | None:
        if (seen := exposure(info, root.ref, Part.FAILURE)) is not Exposure.SHOWN:
            return instead(seen)
        return _said(root, info, "stack_trace", root.value.stack_trace)

    @strawberry.field(
        graphql_type=JSON | None,
        description=f"What the application attached: one value as it is, several as a list. {NOT_DECODED} {WITHHELD}",
    )
    @staticmethod
    def details(root: Root, info: Info) -> Any:
        return shown_single(info, root.ref, root.value.details, Part.FAILURE)

    @strawberry.field(graphql_type="Failure | None")
    @staticmethod
    def cause(root: Root) -> FailureValue | None:
        return Bound.to(root.ref, root.value.cause)


def _said(root: FailureValue, info: Info, name: str, otherwise: str | None) -> str | Awaitable[str | None] | None:
    """What a failure says; some SDKs put it into a payload, which a codec may then hide."""
    if (hidden := root.value.encoded_attributes) is None:
        return otherwise
    return _revealed(root, info, hidden, name, otherwise)


async def _revealed(
    root: FailureValue, info: Info, hidden: model.Payload, name: str, otherwise: str | None
) -> str | None:
    found = decoded(info, root.ref.namespace, (hidden,))
    values = found if isinstance(found, list) else await found
    said = values[0].get(name) if isinstance(values[0], dict) else None
    return said if isinstance(said, str) else otherwise
