"""What a caller wants done to a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from app.errors import Refusal
from app.gateway.caller import Outcome
from app.gateway.names import wrong_name
from app.model import ExecutionRef, Json
from app.temporal.resets import Replayed
from app.temporal.updates import MAX_UPDATE_WAIT, Update, UpdateStage

FIRST_EVENT = 1
"""The event that starts a run, ahead of every workflow task."""


class ResetPoint(StrEnum):
    """A place in a run's history that needs no event id."""

    FIRST_WORKFLOW_TASK = "FIRST_WORKFLOW_TASK"
    LAST_WORKFLOW_TASK = "LAST_WORKFLOW_TASK"


@dataclass(frozen=True, slots=True)
class ResetWanted:
    """Where to reset to: exactly one of a point, an event id and a build id."""

    to: ResetPoint | None = None
    event_id: int | None = None
    build_id: str | None = None
    reason: str = ""
    without: tuple[Replayed, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateWanted:
    """An update to be sent, and how long to wait for which stage, in seconds."""

    name: str
    args: Sequence[Json] = ()
    update_id: str | None = None
    until: UpdateStage = UpdateStage.COMPLETED
    wait: float = 5.0


@dataclass(frozen=True, slots=True)
class Deleted:
    """The run that is gone; `terminated` where it was open."""

    ref: ExecutionRef | None = None
    terminated: bool = False
    refusals: tuple[Refusal, ...] = ()
    token: str | None = None


def empty(argument: str) -> Refusal:
    return Refusal("INVALID_INPUT", f"{argument} cannot be empty.", path=(argument,))


def reset_problem(wanted: ResetWanted) -> Refusal | None:
    """What is wrong with where to reset to, whatever the run is."""
    given = [each for each in (wanted.to, wanted.event_id, wanted.build_id) if each is not None]
    if len(given) != 1:
        message = "Say where to reset to: exactly one of to, eventId and buildId."
        return Refusal("INVALID_INPUT", message, path=("to",))
    if wanted.event_id is not None and wanted.event_id <= FIRST_EVENT:
        message = f"eventId must be above {FIRST_EVENT}, which starts a run; it is {wanted.event_id}."
        return Refusal("INVALID_INPUT", message, path=("eventId",))
    return empty("buildId") if wanted.build_id == "" else None


def updated(outcome: Outcome, update_id: str, update: Update | None) -> tuple[Outcome, Update | None]:
    """What a repeated request is told of its update, of which an open run that does not know it has nothing."""
    if update is None and outcome.execution is not None and not outcome.execution.status.is_closed:
        message = (
            f"Update {update_id!r} had been admitted. Since then it was rejected, or lost before the run took it. Send"
            " it anew, with another idempotencyKey."
        )
        refusal = Refusal("UPDATE_REJECTED", message, path=("updateName",))
        return replace(outcome, refusals=(*outcome.refusals, refusal)), None
    return outcome, update


def problem_of(wanted: UpdateWanted) -> Refusal | None:
    if not wanted.name:
        return empty("updateName")
    if wanted.update_id and (refusal := wrong_name(wanted.update_id, "updateId")):
        return refusal
    if not 0 < wanted.wait <= MAX_UPDATE_WAIT:
        return Refusal(
            "INVALID_INPUT",
            f"waitSeconds must be above 0 and at most {MAX_UPDATE_WAIT:g}; it is {wanted.wait:g}.",
            path=("waitSeconds",),
        )
    if wanted.until is UpdateStage.ADMITTED:
        return Refusal("INVALID_INPUT", "waitFor must be ACCEPTED or COMPLETED.", path=("waitFor",))
    return None
