"""The catalog: the workflow types that `tideline worker` hosts, and the registry of all that are known by name.

Any workflow can be started and watched without being here. One that is here has a mutation of its own, and its input
is checked before Temporal hears of it. A new type is a module in `app/workflows` that ends with `WORKFLOWS`, and a
line of `CATALOG`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.model import Json
from app.registry.definition import WorkflowDefinition
from app.registry.problems import Problem
from app.registry.typed import definition_of
from app.workflows import events, exports, hubspot, payments, quickbooks, tasks
from app.workflows.batches import workflow as batches
from app.workflows.billing import invoicing, subscribing
from app.workflows.dag import workflow as dag
from app.workflows.entry import Entry
from app.workflows.price_sync import workflow as price_sync
from app.workflows.tenants import workflow as tenants
from app.workflows.test_cycle import workflow as test_cycle

CATALOG: tuple[Entry, ...] = (
    *price_sync.WORKFLOWS,
    *batches.WORKFLOWS,
    *dag.WORKFLOWS,
    *quickbooks.WORKFLOWS,
    *hubspot.WORKFLOWS,
    *payments.WORKFLOWS,
    *tasks.WORKFLOWS,
    *exports.WORKFLOWS,
    *events.WORKFLOWS,
    *invoicing.WORKFLOWS,
    *subscribing.WORKFLOWS,
    *test_cycle.WORKFLOWS,
    *tenants.WORKFLOWS,
)  # fmt: skip

DEFINITIONS = tuple(definition_of(each) for each in CATALOG)


class Registry:
    """The definitions by name: the catalog's and `others`, or those that are given."""

    def __init__(
        self, definitions: Iterable[WorkflowDefinition] = DEFINITIONS, others: Iterable[WorkflowDefinition] = ()
    ) -> None:
        self.definitions = (*definitions, *others)
        self._by_name = {each.name: each for each in self.definitions}

    def find(self, name: str) -> WorkflowDefinition | None:
        return self._by_name.get(name)

    def problems(self, name: str, args: Sequence[Json]) -> list[Problem]:
        """The wrong values of the arguments of a new run; none for a type that is not registered."""
        definition = self.find(name)
        return definition.problems(args) if definition else []

    def json_schema(self, name: str) -> Mapping[str, Json] | None:
        """JSON Schema of the input; None for a type that is not registered."""
        definition = self.find(name)
        return definition.json_schema if definition else None
