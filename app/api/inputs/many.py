"""What mutations of many runs are given: at most 1,000 by name, or all that a filter finds."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.acts import WorkflowRef
from app.api.inputs.filters import WorkflowFilter
from app.api.inputs.runs import REASON, ResetTarget
from app.api.inputs.starts import KEY
from app.errors import BadUserInput
from app.gateway.batches.mass import MassAct, reset_arguments
from app.gateway.naming import Name


@strawberry.input
class RunsInput:
    """Runs, and the key of the request."""

    refs: list[WorkflowRef] | None = strawberry.field(
        default=None, description="At most 1,000. Each has its own result in the payload."
    )
    filter: WorkflowFilter | None = strawberry.field(
        default=None,
        description=(
            "In place of refs: a batch acts on every run that matches when it begins and still matches at its turn,"
            " at most 100,000. Runs that the act is not for, such as closed ones for a cancel, never match."
        ),
    )
    dry_run: bool = strawberry.field(
        default=False, description="Do nothing, and tell how many runs match and the first 20, newest first."
    )
    rate_per_second: float | None = strawberry.field(
        default=None, description="How many runs of the filter are acted on in a second, 0.01 to 500; 50 if not given."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    @property
    def names(self) -> list[Name]:
        return [Name(ref.namespace or "", ref.workflow_id, ref.run_id) for ref in self.refs or ()]

    def check(self) -> None:
        """BadUserInput unless it is clear which runs are meant."""
        if (self.refs is None) == (self.filter is None):
            raise BadUserInput("Say which runs: exactly one of refs and filter.", path=("filter",))
        if self.filter is None and self.rate_per_second is not None:
            raise BadUserInput("ratePerSecond is for a filter; refs are acted on at once.", path=("ratePerSecond",))


@strawberry.input
class SignalWorkflowsInput(RunsInput):
    signal_name: str
    args: list[JSON | None] | None = None

    @property
    def act(self) -> MassAct:
        return MassAct("signalWorkflows", {"signal": self.signal_name, "args": self.args or []})


@strawberry.input
class CancelWorkflowsInput(RunsInput):
    reason: str = strawberry.field(default="", description=REASON)

    @property
    def act(self) -> MassAct:
        return MassAct("cancelWorkflows", {"reason": self.reason})


@strawberry.input
class TerminateWorkflowsInput(RunsInput):
    reason: str = strawberry.field(default="", description=REASON)
    details: list[JSON | None] | None = strawberry.field(default=None, description="Values kept with the reason.")

    @property
    def act(self) -> MassAct:
        return MassAct("terminateWorkflows", {"reason": self.reason, "details": self.details or []})


@strawberry.input
class PauseWorkflowsInput(RunsInput):
    reason: str = strawberry.field(default="", description=REASON)

    @property
    def act(self) -> MassAct:
        return MassAct("pauseWorkflows", {"reason": self.reason})


@strawberry.input
class UnpauseWorkflowsInput(RunsInput):
    reason: str = strawberry.field(default="", description=REASON)

    @property
    def act(self) -> MassAct:
        return MassAct("unpauseWorkflows", {"reason": self.reason})


@strawberry.input
class ResetWorkflowsInput(RunsInput, ResetTarget):
    @property
    def act(self) -> MassAct:
        return MassAct("resetWorkflows", reset_arguments(self.wanted))


@strawberry.input
class DeleteWorkflowsInput(RunsInput):
    @property
    def act(self) -> MassAct:
        return MassAct("deleteWorkflows", {})


@strawberry.input
class StopBatchOperationInput:
    job_id: strawberry.ID
    reason: str = strawberry.field(default="", description="Kept in the history of the run that does it.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)
