"""How runs hang together: parent and children, previous and next run."""

from __future__ import annotations

from collections.abc import Sequence

from app.access import SOME_RUN, Action, Identity, require
from app.gateway.reading.reading import Reading
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
        require(identity, Action.READ, SOME_RUN)
        known, found = await self._relations.near(list(dict.fromkeys(refs)), executions)
        seen = await self._seen(identity, [each for pair in found for each in pair])
        neighbours = list(zip(seen[::2], seen[1::2], strict=True))
        return await self._reading.completed(identity, refs, known), neighbours

    async def children(self, identity: Identity, windows: Sequence[Window]) -> list[Children]:
        """The children within each window, in the order of their start."""
        require(identity, Action.READ, SOME_RUN)
        found = await self._relations.children(windows, identity.scope.tenant, identity.scope.environment)
        if not identity.is_bounded:
            return found
        return [await self._bounded(identity, each) for each in found]

    async def _bounded(self, identity: Identity, children: Children) -> Children:
        """Without those that a rule or a watch token leaves out; the count is of those on this page."""
        runs = tuple(each for each in await self._seen(identity, children.runs) if each is not None)
        return Children(runs, None if children.count is None else len(runs))

    async def _seen(self, identity: Identity, runs: Sequence[Execution | None]) -> list[Execution | None]:
        return [each if isinstance(each, Execution) else None for each in await self._reading.visible(identity, runs)]
