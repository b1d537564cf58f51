"""Payloads that a codec hides: made readable when somebody asks for them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload as PayloadProto
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from app.errors import TidelineError
from app.model import Json, Payload
from app.protos import json_of, payload_of, shown_as_it_is
from app.settings import Settings
from app.temporal.codec import CodecUnavailable, RemoteCodec

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor

# What Temporal's own converters write; everything else is the work of a codec.
_CLEAR = frozenset({b"", b"json/plain", b"json/protobuf", b"binary/plain", b"binary/null", b"binary/protobuf"})
_FAILING = frozenset({"failure", "last_failure", "outcome"})
"""The fields of an event in which there may be a failure."""
_CACHE_BYTES = 16_000_000
_SMALL_BYTES = 16_384
"""A larger payload is no summary, phase or progress: folding goes on without its value."""


class Codec(Protocol):
    async def decode(self, namespace: str, payloads: Sequence[Payload]) -> list[Payload | TidelineError]:
        """Each payload decoded, in order, or why it could not be."""

    async def close(self) -> None: ...


def is_clear(payload: Payload) -> bool:
    """Whether the payload can be read without a codec."""
    return payload.metadata.get("encoding", b"") in _CLEAR


class Payloads:
    """Decodes through one codec, and remembers what was decoded last. Without a codec nothing is decoded."""

    def __init__(self, codec: Codec | None = None) -> None:
        self._codec = codec
        self._known: OrderedDict[bytes, Payload] = OrderedDict()
        self._size = 0

    @property
    def has_codec(self) -> bool:
        return self._codec is not None

    async def decode(self, namespace: str, payloads: Sequence[Payload]) -> list[Payload | TidelineError]:
        """Each payload readable, in order, or why it is not. One without a codec's encoding stays as it is; without
        a codec all do."""
        found: dict[int, Payload | TidelineError] = {}
        hidden: list[tuple[int, bytes]] = []
        for place, payload in enumerate(payloads):
            key = b"" if self._codec is None or is_clear(payload) else _key(namespace, payload)
            if not key:
                found[place] = payload
            elif (known := self._known.get(key)) is not None:
                self._known.move_to_end(key)
                found[place] = known
            else:
                hidden.append((place, key))
        if hidden and self._codec is not None:
            decoded = await self._codec.decode(namespace, [payloads[place] for place, _ in hidden])
            for (place, key), each in zip(hidden, decoded, strict=True):
                found[place] = each
                if isinstance(each, Payload):
                    self._remember(key, each)
        return [found[place] for place in range(len(payloads))]

    def _remember(self, key: bytes, payload: Payload) -> None:
        if key not in self._known:
            self._known[key] = payload
            self._size += len(payload.data)
        while self._size > _CACHE_BYTES:
            _, oldest = self._known.popitem(last=False)
            self._size -= len(oldest.data)

    async def values(self, namespace: str, payloads: Sequence[Payload]) -> list[Json]:
        """What to show of each payload."""
        return [json_of(each) for each in await self.readably(namespace, payloads)]

    async def readably(self, namespace: str, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload decoded; in the place of one that cannot be, what to show of it: its encoding, its bytes and
        why, so that it spoils nothing else."""
        decoded = await self.decode(namespace, payloads)
        return [
            each if isinstance(each, Payload) else _told(payload, each)
            for payload, each in zip(payloads, decoded, strict=True)
        ]

    async def reveal(self, namespace: str, slots: Sequence[PayloadProto]) -> bool:
        """Decode payloads of a message in place, as far as that works; False where the codec was away."""
        hidden = [each for each in slots if each.metadata.get("encoding", b"") not in _CLEAR]
        if self._codec is None or not hidden:
            return True
        complete = True
        for slot, each in zip(hidden, await self.decode(namespace, [payload_of(p) for p in hidden]), strict=True):
            if isinstance(each, Payload):
                slot.CopyFrom(PayloadProto(metadata=each.metadata, data=each.data))
            elif isinstance(each, CodecUnavailable):
                complete = False
        return complete

    async def readable(self, namespace: str, events: Sequence[HistoryEvent]) -> tuple[Sequence[HistoryEvent], bool]:
        """The events with what folding reads in the clear: summaries, memos, markers and what failures say; and
        False where the codec was away. Inputs and results stay as they are, and so does what cannot be decoded."""
        if self._codec is None:
            return events, True
        copies = [_copy(event) if any(map(_is_hidden, _small(event))) else event for event in events]
        copied = (copy for event, copy in zip(events, copies, strict=True) if copy is not event)
        return copies, await self.reveal(namespace, [slot for copy in copied for slot in _small(copy)])

    async def close(self) -> None:
        if self._codec is not None:
            await self._codec.close()


def configured(settings: Settings) -> Payloads:
    """With the codec server of the settings, if they name one. Raises ConfigurationError for a URL that is none."""
    if not settings.codec_endpoint:
        return Payloads()
    secret = settings.codec_authorization
    return Payloads(RemoteCodec(settings.codec_endpoint, str(secret) if secret else None))


def slots_of(message: Message) -> Iterator[PayloadProto]:
    """Every payload anywhere in a message."""
    if isinstance(message, PayloadProto):
        yield message
        return
    for field, value in message.ListFields():
        yield from _slots(field, value)


def _slots(field: FieldDescriptor, value: object) -> Iterator[PayloadProto]:
    if field.message_type is None:
        return
    if isinstance(value, Mapping):
        for each in value.values():
            if isinstance(each, Message):
                yield from slots_of(each)
    elif isinstance(value, Message):
        yield from slots_of(value)
    else:
        for each in value:  # type: ignore[attr-defined]
            yield from slots_of(each)


def _small(event: HistoryEvent) -> Iterator[PayloadProto]:
    """The payloads of an event that folding looks into."""
    if event.HasField("user_metadata"):
        yield from slots_of(event.user_metadata)
    which = event.WhichOneof("attributes")
    yield from _said(getattr(event, which) if which else None)
    if which == "workflow_execution_started_event_attributes":
        yield from event.workflow_execution_started_event_attributes.memo.fields.values()
    elif which == "workflow_properties_modified_event_attributes":
        yield from event.workflow_properties_modified_event_attributes.upserted_memo.fields.values()
    elif which == "marker_recorded_event_attributes":
        for payloads in event.marker_recorded_event_attributes.details.values():
            yield from (each for each in payloads.payloads if len(each.data) <= _SMALL_BYTES)


def _said(attributes: Message | None) -> Iterator[PayloadProto]:
    """What the failures of an event say, where that is in payloads."""
    names = attributes.DESCRIPTOR.fields_by_name if attributes is not None else {}
    for name in _FAILING.intersection(names):
        failing: Any = getattr(attributes, name)
        yield from said_by(failing.failure if name == "outcome" else failing)


def said_by(failure: Failure) -> Iterator[PayloadProto]:
    """What a failure and its causes say, where that is in payloads."""
    while True:
        if failure.HasField("encoded_attributes") and len(failure.encoded_attributes.data) <= _SMALL_BYTES:
            yield failure.encoded_attributes
        if not failure.HasField("cause"):
            return
        failure = failure.cause


def _is_hidden(slot: PayloadProto) -> bool:
    return slot.metadata.get("encoding", b"") not in _CLEAR


def _copy(event: HistoryEvent) -> HistoryEvent:
    copy = HistoryEvent()
    copy.CopyFrom(event)
    return copy


def _key(namespace: str, payload: Payload) -> bytes:
    digest = hashlib.blake2b(namespace.encode(), digest_size=16)
    for name, value in sorted(payload.metadata.items()):
        digest.update(b"%d %d " % (len(name), len(value)) + name.encode() + value)
    digest.update(payload.data)
    return digest.digest()


def _told(payload: Payload, error: TidelineError) -> Payload:
    shown = {**shown_as_it_is(payload), "error": error.message}
    return Payload({"encoding": b"json/plain"}, orjson.dumps(shown))
