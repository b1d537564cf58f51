"""What a watch token opens: one tree of runs or one tag, and the signals that may be sent there."""

from __future__ import annotations

from dataclasses import dataclass

from app.access.identity import Action
from app.model import Execution


@dataclass(frozen=True, slots=True)
class Tree:
    """A run, the runs of its chain, and what descends from any of them. `first_run_id` names the chain.

    Of a run of this workflow id whose chain is not known, nothing but its own name tells that it is held.
    """

    namespace: str
    workflow_id: str
    first_run_id: str
    run_id: str

    def holds(self, run: Execution, root_chain: str | None) -> bool:
        if run.namespace != self.namespace:
            return False
        if run.workflow_id == self.workflow_id and (self.names(run.run_id) or run.first_run_id == self.first_run_id):
            return True
        if run.root_workflow_id != self.workflow_id:
            return False
        return self.names(run.root_run_id) or root_chain == self.first_run_id

    def names(self, run_id: str | None) -> bool:
        """Whether it is one of the runs that the token itself names."""
        return run_id in {self.first_run_id, self.run_id}


@dataclass(frozen=True, slots=True)
class Tag:
    """Every run with this value in its metadata."""

    key: str
    value: str

    def holds(self, run: Execution, _root_chain: str | None) -> bool:
        return run.metadata.get(self.key) == self.value


@dataclass(frozen=True, slots=True)
class Grant:
    runs: Tree | Tag
    signals: tuple[str, ...] = ()

    @property
    def actions(self) -> frozenset[Action]:
        return frozenset({Action.READ, Action.SIGNAL} if self.signals else {Action.READ})

    def holds(self, run: Execution, root_chain: str | None = None) -> bool:
        """`root_chain` is the first run of the chain of the run's root, where it had to be looked up."""
        return self.runs.holds(run, root_chain)
