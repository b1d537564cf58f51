"""What a policy withholds, taken out of what is shown: the one place between values and clients.

Hidden values are null, or left out of their object; masked ones are `***`, so that a page can show that there is
something. A failure keeps its kind and type, and of its words nothing is shown in either case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.access import Action, Exposure, Part, Place, Target, decide, withheld
from app.api.context import Info
from app.model import Execution, ExecutionRef, Json

MASK = "***"
WITHHELD = "A policy may hide it (null) or mask it (***)."
WITHHELD_KEYS = "A policy may hide values in it (left out) or mask them (***)."

_WHOLE = {
    "input": Part.INPUT,
    "args": Part.INPUT,
    "header": Part.INPUT,
    "result": Part.RESULT,
    "success": Part.RESULT,
    "lastCompletionResult": Part.RESULT,
    "details": Part.RESULT,
    "lastHeartbeatDetails": Part.HEARTBEAT,
    "failure": Part.FAILURE,
    "lastFailure": Part.FAILURE,
    "continuedFailure": Part.FAILURE,
}
"""Keys of the attributes of events, and what is behind them."""
_OBJECTS = {
    "memo": Part.MEMO,
    "upsertedMemo": Part.MEMO,
    "searchAttributes": Part.SEARCH_ATTRIBUTES,
}


def exposure(info: Info, owner: ExecutionRef | Target, part: Part) -> Exposure:
    """How much of a part the caller sees. Of a run that is not known, as if every rule were about it."""
    identity = info.context.identity
    if not identity.rules:
        return Exposure.SHOWN
    target = owner if isinstance(owner, Target) else known_target(info, owner)
    return decide(identity, Action.READ, _at(target, Place(part))).exposure


def known_target(info: Info, ref: ExecutionRef) -> Target:
    row = info.context.loaders.row(ref)
    return target_of(row) if row is not None else Target(is_run=True)


def target_of(run: Execution) -> Target:
    """A run that the caller may see, as its kind: what is withheld of it depends on no more."""
    return Target(is_run=True, workflow_type=run.workflow_type, tenant=run.tenant, environment=run.environment)


def _at(target: Target, place: Place) -> Target:
    return Target(
        is_run=True,
        workflow_type=target.workflow_type,
        tenant=target.tenant,
        environment=target.environment,
        place=place,
    )


def instead(seen: Exposure) -> str | None:
    """What stands for a value that is not shown in whole."""
    return MASK if seen is Exposure.MASKED else None


def veiled_object(info: Info, target: Target, part: Part, value: Mapping[str, Json]) -> Json:
    """An object without what is withheld within it."""
    identity = info.context.identity
    if not identity.rules:
        return dict(value)
    found: Json = dict(value)
    for place, seen in withheld(identity, target).items():
        if place.part is part:
            found = _without(found, place.path, seen)
        elif (place.part, part) == (Part.METADATA, Part.MEMO):
            found = _without(found, ("metadata", *place.path), seen)
    return found


def _without(value: Json, path: tuple[str, ...], seen: Exposure) -> Json:
    """A copy where the value at the path is masked or left out; without a path, all that is in it."""
    if not isinstance(value, Mapping):
        return value
    if not path:
        return {} if seen is Exposure.HIDDEN else dict.fromkeys(value, MASK)
    if path[0] not in value:
        return value
    rest = {key: inner for key, inner in value.items() if key != path[0]}
    if len(path) > 1:
        return {**value, path[0]: _without(value[path[0]], path[1:], seen)}
    return rest if seen is Exposure.HIDDEN else {**value, path[0]: MASK}


def veiled_event(info: Info, target: Target, attributes: Json) -> Json:
    """The attributes of an event without what is withheld of its run."""
    return _event(info, target, attributes) if info.context.identity.rules else attributes


def _event(info: Info, target: Target, value: Json) -> Json:
    if isinstance(value, list):
        return [_event(info, target, each) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, inner in value.items():
        if key in _WHOLE:
            seen = exposure(info, target, _WHOLE[key])
            if seen is not Exposure.HIDDEN:
                found[key] = inner if seen is Exposure.SHOWN else MASK
        elif key in _OBJECTS and isinstance(inner, dict):
            found[key] = {
                name: veiled_object(info, target, _OBJECTS[key], fields) if isinstance(fields, dict) else fields
                for name, fields in inner.items()
            }
        else:
            found[key] = _event(info, target, inner)
    return found


def without_reason(seen: Exposure, line: str) -> str:
    """A sentence without the words of the failure behind its colon."""
    return line if seen is Exposure.SHOWN else line.partition(": ")[0]
