"""PURE. The steps that wait for a person: which are open, who may decide what, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.workflows.test_cycle.model import Decision
from app.workflows.test_cycle.phases import PHASES

_MOST_REFUSED = 20
_LONGEST_REASON = 2000


@dataclass
class Steps:
    waiting: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """The last ones."""

    def open(self, step: str) -> None:
        self.waiting.append(step)

    def close(self, step: str) -> None:
        """Nobody may decide any more."""
        if step in self.waiting:
            self.waiting.remove(step)

    def problem(self, decision: Decision) -> str | None:
        """Why this cannot be decided now; None where it can."""
        if decision.step not in PHASES:
            return f"There is no step {decision.step!r}. The steps are: {', '.join(PHASES)}."
        if not decision.by.strip():
            return f"Say in `by` who decides about {decision.step}."
        if not decision.approved and not decision.reason.strip():
            return f"Say in `reason` why {decision.step} is rejected."
        if len(decision.reason) > _LONGEST_REASON:
            return f"The reason has {len(decision.reason)} characters; {_LONGEST_REASON} are the most."
        if decision.step not in self.waiting:
            now = f"{', '.join(self.waiting)} waits" if self.waiting else "no step waits"
            return f"Step {decision.step} is not waiting for a decision; {now}."
        return None

    def decide(self, decision: Decision) -> None:
        self.close(decision.step)
        self.decisions.append(decision)

    def refuse(self, sentence: str) -> None:
        self.refused = [*self.refused, sentence][-_MOST_REFUSED:]

    def decision(self, step: str) -> Decision | None:
        """The last one about a step that waits no more; None while it waits."""
        if step in self.waiting:
            return None
        return next((each for each in reversed(self.decisions) if each.step == step), None)
