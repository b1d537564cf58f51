"""Global ids: `base64(Type:[parts])`, opaque to clients, and parts of a run bound to the run they belong to."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson
import strawberry

from app.api.compiled import Wrapper, reads
from app.errors import BadUserInput
from app.model import Activity, Execution, ExecutionRef, Glimpse, TimelineItem
from app.store.alerts import Alert

T = TypeVar("T")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_SIZES = {"WorkflowExecution": 3, "Activity": 4, "TimelineItem": 4, "Alert": 1}
"""How many parts the id of each kind has."""
_PREFIXES = {kind: f"{kind}:".encode() for kind in _SIZES}
_OF_RUNS = _PREFIXES["WorkflowExecution"]


@dataclass(slots=True, unsafe_hash=True)  # made for every part of a page, and frozen ones take three times as long
class Bound(Wrapper, Generic[T]):
    """A part of a run and the run's ref. Fields that it does not have are read from the part."""

    ref: ExecutionRef
    value: T

    @staticmethod
    def to(ref: ExecutionRef, value: T | None) -> Bound[T] | None:
        """Nothing stays nothing."""
        return None if value is None else Bound(ref, value)


def _run_id(namespace: str, workflow_id: str, run_id: str) -> strawberry.ID:
    packed = binascii.b2a_base64(_OF_RUNS + orjson.dumps((namespace, workflow_id, run_id)), newline=False)
    return packed.translate(_URL_SAFE).decode("ascii")  # type: ignore[return-value]


@strawberry.interface(description="Anything that has a global id.")
class Node:
    @strawberry.field(
        description="Unique among all nodes; opaque.",
        metadata=reads("namespace", "workflow_id", "run_id", of=_run_id),
    )
    @staticmethod
    def id(root: strawberry.Parent[object]) -> strawberry.ID:
        return node_id(root)


def node_id(value: object) -> strawberry.ID:
    """The global id of a run, of a part of one, or of an alert."""
    if isinstance(value, (Execution, Glimpse)):  # the commonest by far
        return _run_id(value.namespace, value.workflow_id, value.run_id)
    match value:
        case ExecutionRef():
            return node_id_of(value)
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


def node_id_of(ref: ExecutionRef) -> strawberry.ID:
    """The global id of a run that may be gone."""
    return _run_id(*_parts(ref))


def _sealed(kind: str, *parts: str) -> strawberry.ID:
    packed = binascii.b2a_base64(_PREFIXES[kind] + orjson.dumps(parts), newline=False)
    return packed.translate(_URL_SAFE).decode("ascii")  # type: ignore[return-value]


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
