"""What a policy takes from roles: a rule at a time, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from fnmatch import fnmatchcase

from app.access.identity import Action, Role


class Part(StrEnum):
    """What of a run can be withheld. The last three have paths, such as metadata.customer.iban."""

    INPUT = "input"
    RESULT = "result"
    FAILURE = "failure"
    HEARTBEAT = "heartbeat"
    QUERY = "query"
    METADATA = "metadata"
    MEMO = "memo"
    SEARCH_ATTRIBUTES = "searchAttributes"


WITH_PATHS = frozenset({Part.METADATA, Part.MEMO, Part.SEARCH_ATTRIBUTES})


class Exposure(IntEnum):
    """How a value is shown; the greater, the less."""

    SHOWN = 0
    MASKED = 1
    HIDDEN = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A part, or within one the keys of objects on the way to a value. No path is the whole part."""

    part: Part
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.part.value, *self.path))

    def covers(self, other: Place) -> bool:
        """Whether the other is this place or lies within it."""
        return self.part is other.part and other.path[: len(self.path)] == self.path

    def touches(self, other: Place) -> bool:
        return self.covers(other) or other.covers(self)


@dataclass(frozen=True, slots=True)
class Rule:
    """Narrows what some roles may do with some runs. What is empty does not restrict whom it is about.

    `signals`, `queries` and `updates` are the only names that may be sent, as patterns with `*`; None leaves all.
    """

    roles: frozenset[Role] = frozenset()
    tenants: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    workflow_types: tuple[str, ...] = ()
    except_workflow_types: tuple[str, ...] = ()
    deny: frozenset[Action] = frozenset()
    signals: tuple[str, ...] | None = None
    queries: tuple[str, ...] | None = None
    updates: tuple[str, ...] | None = None
    hide: tuple[Place, ...] = ()
    mask: tuple[Place, ...] = ()

    def concerns(self, role: Role) -> bool:
        return not self.roles or role in self.roles

    @property
    def is_of_some_runs(self) -> bool:
        return bool(self.workflow_types or self.except_workflow_types or self.environments or self.tenants)

    def is_about(self, workflow_type: str | None, tenant: str | None, environment: str | None) -> bool:
        """Whether it is about such a run. What is not known (None) counts as if it were meant."""
        return (
            _meant(self.tenants, tenant)
            and _meant(self.environments, environment)
            and _meant(self.workflow_types, workflow_type)
            and (workflow_type is None or workflow_type not in self.except_workflow_types)
        )

    def exposure(self, place: Place) -> Exposure:
        if any(each.covers(place) for each in self.hide):
            return Exposure.HIDDEN
        return Exposure.MASKED if any(each.covers(place) for each in self.mask) else Exposure.SHOWN


def _meant(names: tuple[str, ...], name: str | None) -> bool:
    return not names or name is None or name in names


def matches(name: str, patterns: tuple[str, ...] | None) -> bool:
    """Whether one of the patterns fits; None stands for all names."""
    return patterns is None or any(fnmatchcase(name, each) for each in patterns)
