"""Which chain a run belongs to, where its row does not tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from app.access import Identity, Tree
from app.gateway.naming import Name
from app.model import Execution, ExecutionRef
from app.store.executions import Executions


class Chains:
    def __init__(self, executions: Executions, asked: Callable[[Name], Awaitable[Execution | None]]) -> None:
        """`asked` tells what Temporal says of a run, None where it has forgotten it."""
        self._executions = executions
        self._asked = asked

    async def of(self, run: Execution) -> str:
        """The run id that names the chain of a run; its own where nobody knows of an earlier run any more."""
        return run.first_run_id or (await self._found([run.ref])).get(run.run_id, run.run_id)

    async def of_tree(self, identity: Identity, runs: Sequence[Execution]) -> Mapping[str | None, str]:
        """For a watch token: the chain of each run, and of each root, that may be another run of the token's own."""
        tree = identity.grant.runs if identity.grant is not None else None
        if not isinstance(tree, Tree):
            return {}
        near = [
            each
            for each in runs
            if each.namespace == tree.namespace and identity.scope.covers(each.tenant, each.environment)
        ]
        own = {each.run_id for each in near if each.workflow_id == tree.workflow_id and not each.first_run_id}
        roots = {each.root_run_id for each in near if each.root_workflow_id == tree.workflow_id and each.root_run_id}
        unknown = [each for each in own | roots if not tree.names(each)]
        return await self._found([ExecutionRef(tree.namespace, tree.workflow_id, each) for each in unknown])

    async def _found(self, refs: Sequence[ExecutionRef]) -> Mapping[str | None, str]:
        """The first run of each run's chain, by the run's id: from the index, or else from Temporal."""
        if not refs:
            return {}
        known = {ref: row.first_run_id for ref, row in (await self._executions.many(refs)).items()}
        asked = await asyncio.gather(
            *(self._asked(Name(ref.namespace, ref.workflow_id, ref.run_id)) for ref in refs if not known.get(ref))
        )
        known |= {row.ref: row.first_run_id for row in asked if row is not None}
        return {ref.run_id: first for ref, first in known.items() if first}
