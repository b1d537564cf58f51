"""What may be done to a run now."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from app.access import Action, Identity, Target, may
from app.model import Execution, WorkflowStatus
from app.temporal.capabilities import Capabilities


class WorkflowAction(StrEnum):
    """Something that can be done to a run, named as the permission that it needs."""

    SIGNAL = "SIGNAL"
    UPDATE = "UPDATE"
    QUERY = "QUERY"
    CANCEL = "CANCEL"
    TERMINATE = "TERMINATE"
    RESET = "RESET"
    PAUSE = "PAUSE"
    UNPAUSE = "UNPAUSE"
    DELETE = "DELETE"


_ALWAYS = frozenset({WorkflowAction.RESET, WorkflowAction.DELETE})
_OPEN = _ALWAYS | {WorkflowAction.SIGNAL, WorkflowAction.CANCEL, WorkflowAction.TERMINATE}
# A paused run has its worker answer nothing: Temporal refuses queries and updates of it.
_POSSIBLE: Mapping[WorkflowStatus, frozenset[WorkflowAction]] = {
    WorkflowStatus.RUNNING: _OPEN | {WorkflowAction.UPDATE, WorkflowAction.QUERY, WorkflowAction.PAUSE},
    WorkflowStatus.PAUSED: _OPEN | {WorkflowAction.UNPAUSE},
}
_CLOSED = _ALWAYS | {WorkflowAction.QUERY}


def available_actions(
    identity: Identity, execution: Execution, capabilities: Capabilities
) -> tuple[WorkflowAction, ...]:
    """What the caller may do to this run, its status allows and the connected server offers. What rules leave of
    signals, queries and updates they say by name: here it is whether any may be sent."""
    lacking = {
        action
        for action, offered in (
            (WorkflowAction.PAUSE, capabilities.pause),
            (WorkflowAction.UNPAUSE, capabilities.pause),
            (WorkflowAction.UPDATE, capabilities.update),
        )
        if not offered
    }
    possible = _POSSIBLE.get(execution.status, _CLOSED) - lacking
    target = Target(run=execution)
    return tuple(each for each in WorkflowAction if each in possible and may(identity, Action(each.value), target))
