"""Values that are shown: decoded only when they are selected, and at once where no codec hides them."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from app.api.context import Info
from app.model import Json, Payload
from app.protos import json_of, values_of
from app.temporal.payloads import is_clear

NOT_DECODED = "A value that cannot be decoded is shown as {encoding, data, error}, its bytes in base64."


def shown(info: Info, namespace: str, payloads: Sequence[Payload]) -> list[Json] | Awaitable[list[Json]]:
    """The values of payloads, in order."""
    if not info.context.gateway.payloads.has_codec or all(map(is_clear, payloads)):
        return values_of(payloads)
    return _decoded(info, namespace, payloads)


async def _decoded(info: Info, namespace: str, payloads: Sequence[Payload]) -> list[Json]:
    return values_of(await info.context.loaders.readable(namespace, payloads))


def shown_single(info: Info, namespace: str, payloads: Sequence[Payload]) -> Json | Awaitable[Json]:
    """The one value of a result, or the list of several; None for none."""
    if len(payloads) == 1 and is_clear(payloads[0]):
        return json_of(payloads[0])
    found = shown(info, namespace, payloads)
    return single(found) if isinstance(found, list) else _single(found)


async def _single(found: Awaitable[list[Json]]) -> Json:
    return single(await found)


def single(values: list[Json]) -> Json:
    return values[0] if len(values) == 1 else values or None
