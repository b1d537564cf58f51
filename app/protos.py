"""Temporal's protobuf messages as values of `model`: times, spans, payloads, failures.

Hand-written, since the generic conversions of protobuf cost ten times as much per event.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
from temporalio.api.enums.v1 import TimeoutType

from app.model import Failure, FailureKind, Json, Payload, RetryPolicy

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp
    from temporalio.api.common.v1 import Payload as PayloadProto
    from temporalio.api.common.v1 import Payloads as PayloadsProto
    from temporalio.api.common.v1 import RetryPolicy as RetryPolicyProto
    from temporalio.api.failure.v1 import Failure as FailureProto

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(stamp: Timestamp) -> datetime | None:
    """None for an unset stamp; Temporal also sends year 1 for "never"."""
    seconds = stamp.seconds
    if seconds <= 0:
        return None
    return _EPOCH + timedelta(seconds=seconds, microseconds=stamp.nanos // 1000)


def seconds_of(duration: Duration) -> float | None:
    """None for an unset or zero duration, which Temporal takes as "no bound"."""
    seconds: float = duration.seconds + duration.nanos / 1e9
    return seconds or None


def payload_of(proto: PayloadProto) -> Payload:
    return Payload(metadata=dict(proto.metadata), data=proto.data)


def payloads_of(proto: PayloadsProto) -> tuple[Payload, ...]:
    return tuple(payload_of(each) for each in proto.payloads)


def payload_map_of(fields: Mapping[str, PayloadProto]) -> dict[str, Payload]:
    return {name: payload_of(each) for name, each in fields.items()}


def json_of(payload: Payload) -> Json:
    """The value of a payload that needs no codec.

    JSON encodings give their value and null encodings give None. Anything else, and JSON that cannot be read, is
    shown as such: `{"encoding": "binary/plain", "data": "<base64>"}`, with `messageType` where Temporal names it.
    """
    encoding = payload.metadata.get("encoding", b"").decode("utf-8", "replace")
    if encoding == "binary/null":
        return None
    if encoding.startswith("json/"):
        try:
            return orjson.loads(payload.data)
        except orjson.JSONDecodeError:
            pass
    return shown_as_it_is(payload)


def object_of(payload: Payload) -> dict[str, Json]:
    """The JSON object in a payload; empty where it holds anything else, or what cannot be read."""
    value = json_of(payload)
    return value if isinstance(value, dict) and value != shown_as_it_is(payload) else {}


def shown_as_it_is(payload: Payload) -> dict[str, Json]:
    """The encoding and the bytes of a payload whose value cannot be shown."""
    encoding = payload.metadata.get("encoding", b"").decode("utf-8", "replace")
    shown = {"encoding": encoding, "data": base64.b64encode(payload.data).decode("ascii")}
    if message_type := payload.metadata.get("messageType"):
        shown["messageType"] = message_type.decode("utf-8", "replace")
    return shown


def values_of(payloads: Iterable[Payload]) -> list[Json]:
    return [json_of(each) for each in payloads]


def text_of(payload: PayloadProto) -> str | None:
    """The text of a summary or of details; None where it is unset or no text."""
    if not payload.data:
        return None
    value = json_of(payload_of(payload))
    return value if isinstance(value, str) else None


def retry_policy_of(proto: RetryPolicyProto) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=seconds_of(proto.initial_interval) or 1.0,
        backoff_coefficient=proto.backoff_coefficient or 2.0,
        maximum_interval=seconds_of(proto.maximum_interval),
        maximum_attempts=proto.maximum_attempts or None,
        non_retryable_error_types=tuple(proto.non_retryable_error_types),
    )


_KINDS = {
    "application_failure_info": FailureKind.APPLICATION,
    "timeout_failure_info": FailureKind.TIMEOUT,
    "canceled_failure_info": FailureKind.CANCELED,
    "terminated_failure_info": FailureKind.TERMINATED,
    "server_failure_info": FailureKind.SERVER,
    "reset_workflow_failure_info": FailureKind.RESET_WORKFLOW,
    "activity_failure_info": FailureKind.ACTIVITY,
    "child_workflow_execution_failure_info": FailureKind.CHILD_WORKFLOW,
    "nexus_operation_execution_failure_info": FailureKind.NEXUS_OPERATION,
    "nexus_handler_failure_info": FailureKind.NEXUS_HANDLER,
}


def failure_of(proto: FailureProto) -> Failure:
    info = proto.WhichOneof("failure_info") or ""
    type_, non_retryable, timeout_type = None, False, None
    details: tuple[Payload, ...] = ()
    if info == "application_failure_info":
        application = proto.application_failure_info
        type_, non_retryable = application.type or None, application.non_retryable
        details = payloads_of(application.details)
    elif info == "timeout_failure_info":
        timeout_type = timeout_type_name(proto.timeout_failure_info.timeout_type)
        details = payloads_of(proto.timeout_failure_info.last_heartbeat_details)
    elif info == "canceled_failure_info":
        details = payloads_of(proto.canceled_failure_info.details)
    elif info == "server_failure_info":
        non_retryable = proto.server_failure_info.non_retryable
    elif info == "activity_failure_info":
        type_ = proto.activity_failure_info.activity_type.name
    elif info == "child_workflow_execution_failure_info":
        type_ = proto.child_workflow_execution_failure_info.workflow_type.name
    elif info == "nexus_operation_execution_failure_info":
        type_ = proto.nexus_operation_execution_failure_info.operation
    elif info == "nexus_handler_failure_info":
        type_ = proto.nexus_handler_failure_info.type
    said = said_in(proto)
    return Failure(
        message=said.get("message", proto.message),
        kind=_KINDS.get(info, FailureKind.UNKNOWN),
        type=type_,
        non_retryable=non_retryable,
        timeout_type=timeout_type,
        source=proto.source or None,
        stack_trace=said.get("stack_trace", proto.stack_trace) or None,
        details=details,
        encoded_attributes=(
            payload_of(proto.encoded_attributes) if proto.HasField("encoded_attributes") and not said else None
        ),
        cause=failure_of(proto.cause) if proto.HasField("cause") else None,
    )


def said_in(proto: FailureProto) -> dict[str, str]:
    """The message and stack_trace that some SDKs put into a payload; empty where they did not, or a codec hides it."""
    if not proto.HasField("encoded_attributes"):
        return {}
    value = json_of(payload_of(proto.encoded_attributes))
    if not isinstance(value, dict):
        return {}
    return {name: said for name in ("message", "stack_trace") if isinstance(said := value.get(name), str)}


def timeout_type_name(value: int) -> str:
    """`START_TO_CLOSE` and its like; `UNKNOWN_n` for a type that is newer than this API version."""
    try:
        return TimeoutType.Name(value).removeprefix("TIMEOUT_TYPE_")  # type: ignore[arg-type]
    except ValueError:
        return f"UNKNOWN_{value}"
