"""PURE. How far a provisioning is: which steps stand, what may still be changed, who has cancelled it."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.workflows.tenants.model import (
    Cancellation,
    Status,
    TenantChange,
    TenantProvisioningInput,
    TenantProvisioningState,
)
from app.workflows.tenants.problems import problems
from app.workflows.tenants.steps import STEPS, Step

_MOST_REFUSED = 20
_LONGEST_REASON = 2000


@dataclass
class Standing:
    """`wanted` is the input with all changes so far."""

    wanted: TenantProvisioningInput
    tenant_id: str
    status: Status = "running"
    step: str = STEPS[0].name
    begun: list[Step] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    not_undone: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    cancellation: Cancellation | None = None
    error: str | None = None
    hand_over_id: str | None = None

    @property
    def progress(self) -> float:
        return round(100.0 * len(self.done) / len(STEPS), 1)

    def begin(self, step: Step) -> None:
        """From now on it may have done something, which a rollback takes back."""
        self.step = step.name
        self.begun.append(step)

    def finish(self, step: Step) -> None:
        self.done.append(step.name)

    def take_back(self, step: Step, *, is_undone: bool) -> None:
        (self.undone if is_undone else self.not_undone).append(step.name)
        if is_undone and step.name in self.done:
            self.done.remove(step.name)

    def problem(self, change: TenantChange) -> str | None:
        """Why the change cannot be followed now; None where it can."""
        if self.status != "running":
            return f"The provisioning is {self.status.replace('_', ' ')}: nothing of it can be changed."
        given = change.given().keys()
        if not given:
            return "The change names nothing that is to be changed."
        for step in self.begun:
            if late := sorted(step.wishes & given):
                return f"{', '.join(late)} cannot be changed any more: the step {step.name} has begun."
        return " ".join(message for _, message in problems(change.of(self.wanted))) or None

    def change(self, change: TenantChange) -> None:
        self.wanted = change.of(self.wanted)

    def why_not_cancelled(self, cancellation: Cancellation) -> str | None:
        """Why a cancellation cannot be followed; None where it can."""
        if self.status != "running":
            return f"The provisioning is {self.status.replace('_', ' ')}: it cannot be cancelled."
        if self.cancellation is not None:
            return "The provisioning is being cancelled already."
        if len(cancellation.reason) + len(cancellation.requested_by) > _LONGEST_REASON:
            return f"The reason and who requests it have more than {_LONGEST_REASON} characters."
        return None

    def refuse(self, sentence: str) -> None:
        self.refused = [*self.refused, sentence][-_MOST_REFUSED:]

    def shown(self) -> TenantProvisioningState:
        return TenantProvisioningState(
            status=self.status,
            step=self.step,
            progress=self.progress,
            tenant_id=self.tenant_id,
            done=list(self.done),
            undone=list(self.undone),
            not_undone=list(self.not_undone),
            refused=list(self.refused),
            cancellation=self.cancellation,
            error=self.error,
            hand_over_id=self.hand_over_id,
        )
