"""One event as names and JSON, for those who want the log itself."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from app.history.names import enum_name
from app.model import Json
from app.protos import json_of, payload_of, payloads_of, values_of


def event_type_name(event: HistoryEvent) -> str:
    """Temporal's word for the event's type, such as `ActivityTaskScheduled`; `Unknown_n` for a newer type."""
    name = enum_name(EventType, event.event_type, "EVENT_TYPE_")
    if name.startswith("UNKNOWN_"):
        return name.capitalize()
    return name.title().replace("_", "")


Shown = Callable[[str], str]
"""How a workflow id is shown."""


def event_attributes(event: HistoryEvent, shown: Shown = str) -> Json:
    """The attributes that are set, keys in camelCase, payloads decoded, 64-bit numbers as numbers, times
    and spans as protobuf's JSON writes them. `{}` for an event without attributes."""
    which = event.WhichOneof("attributes")
    return _message(getattr(event, which), shown) if which else {}


def _message(message: Message, shown: Shown) -> Json:
    if isinstance(message, Payload):
        return json_of(payload_of(message))
    if isinstance(message, Payloads):
        return values_of(payloads_of(message))
    if message.DESCRIPTOR.full_name.startswith("google.protobuf."):
        return MessageToDict(message)
    return {field.json_name: _field(field, value, shown) for field, value in message.ListFields()}


def _field(field: FieldDescriptor, value: Any, shown: Shown) -> Json:
    if isinstance(value, Mapping):
        assert field.message_type is not None
        inner = field.message_type.fields_by_name["value"]
        return {str(key): _value(inner, each, shown) for key, each in value.items()}
    if field.is_repeated:
        return [_value(field, each, shown) for each in value]
    return _value(field, value, shown)


def _value(field: FieldDescriptor, value: Any, shown: Shown) -> Json:
    if isinstance(value, Message):
        return _message(value, shown)
    if field.name == "workflow_id":
        return shown(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else value
    return value
