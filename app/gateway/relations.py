"""How runs hang together: parent and children, previous and next run."""

from __future__ import annotations

from collections.abc import Sequence

from app.access import Action, Identity, require
from app.gateway.reading import Reading
from app.model import Execution, ExecutionRef
from app.store import relations as store
from app.store.relations import Children, Neighbours, Window


class Relations:
    """Each method costs one statement, however many runs are asked about. What another tenant owns is not there."""

    def __init__(self, relations: store.Relations, reading: Reading) -> None:
        self._relations = relations
        self._reading = reading

    async def near(
        self, identity: Identity, refs: Sequence[ExecutionRef], executions: Sequence[Execution]
    ) -> tuple[list[Execution | BaseException | None], list[Neighbours]]:
        """Runs by their names, as `Reading.completed` gives them; and for each of the executions the run that it
        continues and the run that continues it, as far as the index knows."""
        require(identity, Action.READ)
        known, found = await self._relations.near(list(dict.fromkeys(refs)), executions)
        neighbours = [(_visible(identity, before), _visible(identity, behind)) for before, behind in found]
        return await self._reading.completed(identity, refs, known), neighbours

    async def children(self, identity: Identity, windows: Sequence[Window]) -> list[Children]:
        """The children within each window, in the order of their start."""
        require(identity, Action.READ)
        return await self._relations.children(windows, identity.scope.tenant, identity.scope.environment)


def _visible(identity: Identity, execution: Execution | None) -> Execution | None:
    if execution is None or not identity.scope.covers(execution.tenant, execution.environment):
        return None
    return execution
