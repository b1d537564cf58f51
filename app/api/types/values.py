"""Values that are shown: decoded only when they are selected, and at once where no codec hides them."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from app.access import Exposure, Part
from app.api.context import Info
from app.api.veil import MASK, exposure, instead
from app.model import ExecutionRef, Json, Payload
from app.protos import json_of, values_of
from app.temporal.payloads import is_clear

NOT_DECODED = "A value that cannot be decoded is shown as {encoding, data, error}, its bytes in base64."


def shown(
    info: Info, ref: ExecutionRef, payloads: Sequence[Payload], part: Part
) -> list[Json] | Awaitable[list[Json]] | None:
    """The values of payloads, in order, as far as the caller sees this part of the run."""
    seen = exposure(info, ref, part)
    if seen is not Exposure.SHOWN:
        return None if seen is Exposure.HIDDEN else [MASK for _ in payloads]
    return decoded(info, ref.namespace, payloads)


def decoded(info: Info, namespace: str, payloads: Sequence[Payload]) -> list[Json] | Awaitable[list[Json]]:
    """The values of payloads, in order, for everybody."""
    if not info.context.gateway.payloads.has_codec or all(map(is_clear, payloads)):
        return values_of(payloads)
    return _decoded(info, namespace, payloads)


async def _decoded(info: Info, namespace: str, payloads: Sequence[Payload]) -> list[Json]:
    return values_of(await info.context.loaders.readable(namespace, payloads))


def shown_single(info: Info, ref: ExecutionRef, payloads: Sequence[Payload], part: Part) -> Json | Awaitable[Json]:
    """The one value of a result, or the list of several; None for none, and where it is hidden."""
    seen = exposure(info, ref, part)
    if seen is not Exposure.SHOWN:
        return instead(seen) if payloads else None
    if len(payloads) == 1 and is_clear(payloads[0]):
        return json_of(payloads[0])
    found = decoded(info, ref.namespace, payloads)
    return single(found) if isinstance(found, list) else _single(found)


async def _single(found: Awaitable[list[Json]]) -> Json:
    return single(await found)


def single(values: list[Json]) -> Json:
    return values[0] if len(values) == 1 else values or None
