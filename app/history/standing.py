"""How far a run has come by what it counts, never going down.

What is known of a run grows while it goes on: more activities are scheduled, more phases begin. So a count alone
would fall back. Until the run has closed one more than is known is expected (`share`), and the highest that was
reached is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.model import Phase, PhaseStatus

DONE = frozenset({PhaseStatus.COMPLETED, PhaseStatus.SKIPPED})


def share(done: float, known: int) -> float:
    """The part of a whole that `done` of `known` are, where one more may come: grows with `done`, below 1."""
    return done / max(known, done + 1.0)


@dataclass(slots=True)
class Standing:
    """Both are in percent. `full` is where the run would be if the activities that are open now had closed."""

    percent: float = 0.0
    full: float = 0.0
    phases_done: int = 0
    _floor: float = 0.0
    """What the activities before the first phase had come to; the phases share the rest."""
    _has_phases: bool = False
    _announced: bool = False
    """Whether phases were named before they began: then their number is taken for known."""
    _begun: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Activities scheduled and closed when each running phase began."""

    def note(self, scheduled: int, closed: int, phases: Mapping[str, Phase]) -> None:
        """These are known now, after one more event."""
        if phases and not self._has_phases:
            self._has_phases, self._floor = True, self.percent
        self.phases_done = sum(phase.status in DONE for phase in phases.values())
        self._keep_begun(scheduled, closed, phases)
        self.percent = max(self.percent, self._value(scheduled, closed, phases))
        self.full = max(self.percent, self._value(scheduled, scheduled, phases))

    def _keep_begun(self, scheduled: int, closed: int, phases: Mapping[str, Phase]) -> None:
        for name, phase in phases.items():
            self._announced = self._announced or phase.status is PhaseStatus.PENDING
            if phase.status is PhaseStatus.STARTED:
                self._begun.setdefault(name, (scheduled, closed))
            else:
                self._begun.pop(name, None)

    def _value(self, scheduled: int, closed: int, phases: Mapping[str, Phase]) -> float:
        if not phases:
            return 100.0 * share(closed, scheduled)
        done = float(self.phases_done)
        for scheduled_before, closed_before in self._begun.values():
            known = scheduled - scheduled_before
            done += share(min(closed - closed_before, known), known)
        known_phases = done / len(phases) if self._announced else share(done, len(phases))
        return self._floor + (100.0 - self._floor) * known_phases
