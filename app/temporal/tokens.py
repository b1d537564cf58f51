"""Task tokens: what a worker hands out so that somebody else ends its activity."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from app.errors import Refusal

_WORKFLOW_ID, _RUN_ID, _ACTIVITY_ID = 2, 3, 6
_UNDERSTOOD = frozenset(range(1, 13))
"""The fields of a token that speaks of an activity of a workflow. One with others may speak of something else, so that
nobody could tell whose it is."""
_LENGTH_DELIMITED = 2


@dataclass(frozen=True, slots=True)
class TaskToken:
    """The token, and the activity that the server will take it for."""

    token: bytes
    workflow_id: str
    run_id: str
    activity_id: str


def task_token(text: str) -> TaskToken:
    """The token in base64, of either alphabet; Refusal for what is none of an activity of a workflow."""
    try:
        token = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        names = {_WORKFLOW_ID: "", _RUN_ID: "", _ACTIVITY_ID: ""}
        fields = UnknownFieldSet(Empty.FromString(token))
        for each in map(fields.__getitem__, range(len(fields))):
            if each.field_number not in _UNDERSTOOD:
                raise ValueError("a field that is not understood")
            if each.field_number in names:
                if each.wire_type != _LENGTH_DELIMITED:
                    raise ValueError("a name that is no text")
                names[each.field_number] = each.data.decode()  # of several the last counts, as it does for the server
    except (ValueError, binascii.Error, DecodeError) as error:
        raise _no_token() from error
    if not all(names.values()):
        raise _no_token()
    return TaskToken(token, names[_WORKFLOW_ID], names[_RUN_ID], names[_ACTIVITY_ID])


def _no_token() -> Refusal:
    return Refusal(
        "INVALID_INPUT",
        "taskToken is no task token of a workflow's activity. Pass the bytes that its worker was given, in base64, or"
        " name the activity by workflowId and activityId.",
        path=("taskToken",),
    )
