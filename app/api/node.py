"""Global ids: `base64(Type:[parts])`, opaque to clients, and parts of a run bound to the run they belong to."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
import strawberry

from app.errors import BadUserInput
from app.model import Activity, Execution, ExecutionRef, TimelineItem
from app.store.alerts import Alert

T = TypeVar("T")
_SIZES = {"WorkflowExecution": 3, "Activity": 4, "TimelineItem": 4, "Alert": 1}
"""How many parts the id of each kind has."""


@dataclass(frozen=True, slots=True)
class Bound(Generic[T]):
    """A part of a run and the run's ref. Fields that it does not have are read from the part."""

    ref: ExecutionRef
    value: T

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)

    @staticmethod
    def to(ref: ExecutionRef, value: T | None) -> Bound[T] | None:
        """Nothing stays nothing."""
        return None if value is None else Bound(ref, value)


@strawberry.interface(description="Anything that has a global id.")
class Node:
    @strawberry.field(description="Unique among all nodes; opaque.")
    @staticmethod
    def id(root: strawberry.Parent[object]) -> strawberry.ID:
        return node_id(root)


def node_id(value: object) -> strawberry.ID:
    """The global id of a run, of a part of one, or of an alert."""
    match value:
        case Execution():
            return _sealed("WorkflowExecution", *_parts(value.ref))
        case ExecutionRef():
            return _sealed("WorkflowExecution", *_parts(value))
        case Alert():
            return _sealed("Alert", str(value.id))
        case Bound(ref=ref, value=Activity() as activity):
            return _sealed("Activity", *_parts(ref), str(activity.scheduled_event_id))
        case Bound(ref=ref, value=TimelineItem() as item):
            return _sealed("TimelineItem", *_parts(ref), item.key)
        case _:
            raise TypeError(f"{type(value).__name__} is no node")


def _parts(ref: ExecutionRef) -> tuple[str, str, str]:
    return ref.namespace, ref.workflow_id, ref.run_id


def _sealed(kind: str, *parts: str) -> strawberry.ID:
    return strawberry.ID(base64.urlsafe_b64encode(f"{kind}:".encode() + orjson.dumps(parts)).decode("ascii"))


def parse_node_id(text: str, argument: str) -> tuple[str, list[str]]:
    """Kind and parts of a global id; BadUserInput for anything else."""
    try:
        kind, _, body = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True).partition(b":")
        parts = orjson.loads(body)
        name = kind.decode("ascii")
        if not isinstance(parts, list) or _SIZES.get(name) != len(parts):
            raise ValueError("not the parts of a node")
        if not all(isinstance(each, str) for each in parts):
            raise ValueError("not the texts of a node")
        return name, parts
    except (ValueError, UnicodeError, binascii.Error):
        raise BadUserInput(
            f"{argument} {text[:60]!r} is not an id of a node. Pass the id field of an object, unchanged.",
            path=(argument,),
        ) from None
