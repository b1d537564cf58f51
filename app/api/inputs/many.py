"""What mutations of many runs are given. There are at most 1,000 runs in one."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from app.api.inputs.acts import WorkflowRef
from app.api.inputs.runs import REASON, ResetTarget
from app.api.inputs.starts import KEY
from app.gateway.reading import Name


@strawberry.input
class RunsInput:
    """Runs, and the key of the request."""

    refs: list[WorkflowRef] = strawberry.field(description="At most 1,000.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    @property
    def names(self) -> list[Name]:
        return [Name(ref.namespace or "", ref.workflow_id, ref.run_id) for ref in self.refs]


@strawberry.input
class SignalWorkflowsInput(RunsInput):
    signal_name: str
    args: list[JSON] | None = None


@strawberry.input
class CancelWorkflowsInput(RunsInput):
    reason: str = strawberry.field(default="", description=REASON)


@strawberry.input
class TerminateWorkflowsInput(RunsInput):
    reason: str = strawberry.field(default="", description=REASON)
    details: list[JSON] | None = strawberry.field(default=None, description="Values kept with the reason.")


@strawberry.input
class PauseWorkflowsInput(RunsInput):
    reason: str = strawberry.field(default="", description=REASON)


@strawberry.input
class UnpauseWorkflowsInput(RunsInput):
    reason: str = strawberry.field(default="", description=REASON)


@strawberry.input
class ResetWorkflowsInput(RunsInput, ResetTarget):
    pass


@strawberry.input
class DeleteWorkflowsInput(RunsInput):
    pass
