"""What mutations of one run are given."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.starts import KEY
from app.gateway.acting.orders import ResetPoint, ResetWanted, UpdateWanted
from app.gateway.naming import Name
from app.temporal.resets import Replayed
from app.temporal.updates import UpdateStage

REASON = "Kept in the run's history."


@strawberry.input
class RunInput:
    """A run, and the key of the request."""

    workflow_id: str
    run_id: strawberry.ID | None = strawberry.field(default=None, description="The latest run where not given.")
    namespace: str | None = None
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    @property
    def name(self) -> Name:
        return Name(self.namespace or "", self.workflow_id, self.run_id)


@strawberry.input
class SignalWorkflowInput(RunInput):
    signal_name: str
    args: list[JSON | None] | None = None


@strawberry.input
class CancelWorkflowInput(RunInput):
    reason: str = strawberry.field(default="", description=REASON)


@strawberry.input
class TerminateWorkflowInput(RunInput):
    reason: str = strawberry.field(default="", description=REASON)
    details: list[JSON | None] | None = strawberry.field(default=None, description="Values kept with the reason.")


@strawberry.input
class PauseWorkflowInput(RunInput):
    reason: str = strawberry.field(default="", description=REASON)


@strawberry.input
class UnpauseWorkflowInput(RunInput):
    reason: str = strawberry.field(default="", description=REASON)


@strawberry.input
class DeleteWorkflowInput(RunInput):
    pass


@strawberry.input(description="A point of a run's history, of which exactly one must be given.")
class ResetTarget:
    to: ResetPoint | None = None
    event_id: int | None = strawberry.field(
        default=None, description="An event that started or ended a workflow task; the run goes on from there."
    )
    build_id: str | None = strawberry.field(
        default=None, description="To the first workflow task that a worker of this build did."
    )
    reason: str = strawberry.field(default="", description="Kept in the history, with the id of the request.")
    exclude: list[Replayed] | None = strawberry.field(
        default=None, description="What came behind that point and is not to reach the new run again."
    )

    @property
    def wanted(self) -> ResetWanted:
        return ResetWanted(self.to, self.event_id, self.build_id, self.reason, tuple(dict.fromkeys(self.exclude or ())))


@strawberry.input
class ResetWorkflowInput(RunInput, ResetTarget):
    pass


@strawberry.input
class UpdateWorkflowInput(RunInput):
    update_name: str
    args: list[JSON | None] | None = None
    update_id: str | None = strawberry.field(
        default=None, description="Names the update within its run: sent again, it is the same one. Else made up."
    )
    wait_for: UpdateStage = strawberry.field(
        default=UpdateStage.COMPLETED, description="ACCEPTED or COMPLETED; what comes after is asked for later."
    )
    wait_seconds: float = strawberry.field(default=5.0, description="How long to wait for that; at most 20.")

    @property
    def wanted(self) -> UpdateWanted:
        return UpdateWanted(self.update_name, self.args or [], self.update_id, self.wait_for, self.wait_seconds)
