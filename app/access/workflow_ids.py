"""PURE. Workflow ids of tenants that share a namespace: what a tenant calls `sync-1` Temporal knows as
`acme/production/sync-1`, so that two tenants' names neither collide nor tell of each other.

| who      | says                     | in Temporal                                        | is shown |
|----------|--------------------------|----------------------------------------------------|----------|
| a tenant | `sync-1`, at a start     | `acme/production/sync-1`                           | `sync-1` |
| a tenant | `sync-1`                 | that, else its own `sync-1` from somewhere else    | `sync-1` |
| platform | `acme/production/sync-1` | the same                                           | the same |

No name that a tenant can give leads out of its own part: what stands before it is always its own, with `/` and `%` in
it escaped. Whether a run of any name is the tenant's, its row says, never its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from app.access.identity import Identity


def part_of(tenant: str, environment: str) -> str:
    """What stands before the ids of a tenant and environment."""
    return f"{_escaped(tenant)}/{_escaped(environment)}/"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F")


def without(part: str, workflow_id: str) -> str:
    """The id as those are shown it whose part this is; any other stays whole."""
    return workflow_id.removeprefix(part) if workflow_id != part else workflow_id


def plainly(part: str, text: str) -> str:
    """A sentence with its ids as those are shown them whose part this is, in quotes or not."""
    return _beginning(part).sub("", text) if part else text


@lru_cache(maxsize=1000)
def _beginning(part: str) -> re.Pattern[str]:
    """The part where a word begins, as it is or as it stands in quotes."""
    spellings = "|".join(map(re.escape, dict.fromkeys((part, repr(part)[1:-1]))))
    return re.compile(rf"(?<![^\s'\"(])(?:{spellings})(?=[^\s'\")])")


@dataclass(frozen=True, slots=True)
class WorkflowIds:
    """`apart`: each tenant and environment has its own; otherwise everybody shares the namespace's."""

    apart: bool = False

    def part(self, identity: Identity) -> str:
        """What stands before the ids of the runs that this identity starts, unseen by it; empty for a platform."""
        if not self.apart or identity.scope.tenant is None:
            return ""
        return part_of(identity.tenant, identity.environment)

    def new(self, identity: Identity, tenant: str, environment: str, workflow_id: str) -> str:
        """The id that a run, or a schedule, of this tenant gets in Temporal."""
        return part_of(tenant, environment) + workflow_id if self.part(identity) else workflow_id

    def meant(self, identity: Identity, workflow_id: str) -> tuple[str, ...]:
        """The ids in Temporal that this identity may mean, the likelier first."""
        part = self.part(identity)
        return (part + workflow_id, workflow_id) if part else (workflow_id,)

    def any_meant(self, identity: Identity, workflow_ids: Iterable[str]) -> tuple[str, ...]:
        """All ids in Temporal that this identity may mean by some."""
        return tuple(each for given in workflow_ids for each in self.meant(identity, given))


SHARED = WorkflowIds()
