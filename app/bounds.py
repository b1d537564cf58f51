"""How much one operation may ask for, and one identity in a time: numbers, and the words for going over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from app.errors import ConfigurationError, TooComplex


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is granted. `TIDELINE_LIMITS` changes any of it by name, such as `depth=12,cost=2000`."""

    document: int = 100_000
    """Characters of a document."""
    tokens: int = 2500
    """Of a document, as GraphQL's grammar counts them."""
    depth: int = 20
    """Selections within each other, through fragments."""
    fields: int = 1000
    """Selected by the document, each time that its fragment is used."""
    aliases: int = 60
    """Likewise."""
    roots: int = 20
    """Fields of the operation's root, likewise."""
    directives: int = 60
    """Likewise."""
    operations: int = 20
    """In one document."""
    fragments: int = 100
    """Defined in one document."""
    variables: int = 100
    """Declared by one operation."""
    values: int = 10_000
    """In variables, counted through lists and objects."""
    nesting: int = 32
    """Of lists and objects in variables."""
    cost: int = 5000
    """Of one operation."""
    budget: int = 20_000
    """Cost that an identity may spend at once."""
    refill: int = 1000
    """Cost that it gets back each second."""
    concurrency: int = 100
    """Queries and mutations of one identity at once in a process."""

    @classmethod
    def of(cls, changes: Iterable[tuple[str, int]]) -> Bounds:
        """The defaults with changes. Raises ConfigurationError for a name that there is not."""
        names = [each.name for each in fields(cls)]
        chosen = dict(changes)
        for name in chosen:
            if name not in names:
                raise ConfigurationError(f"TIDELINE_LIMITS names {name!r}: expected one of {', '.join(names)}.")
        bounds = cls(**chosen)
        if bounds.budget < bounds.cost:
            raise ConfigurationError(
                f"TIDELINE_LIMITS grants an identity a budget of {bounds.budget} and one operation a cost of"
                f" {bounds.cost}: the budget must be at least the cost."
            )
        return bounds

    def check(self, name: str, found: float, words: str) -> None:
        """Raise TooComplex where there are more of these than granted."""
        most = getattr(self, name)
        if found > most:
            raise TooComplex(
                f"The request {words}, and {most} is the most (limit {name!r}).", details={"limit": name, "most": most}
            )
