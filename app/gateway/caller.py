"""Who acts, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from app.access import Identity
from app.errors import Refusal
from app.model import Execution


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts, for the record."""

    identity: Identity
    request_id: str
    address: str | None = None
    batch: str | None = None
    """The id of the request that acts on many runs, of which this is one."""

    @property
    def name(self) -> str:
        """How Temporal's history names the caller."""
        return f"tideline:{self.identity.subject}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a mutation did. Refusals say why it did nothing; then there is no execution. `token` makes a later list
    wait until it has the change."""

    execution: Execution | None = None
    created: bool = False
    refusals: tuple[Refusal, ...] = ()
    token: str | None = None


class Refused(Exception):
    """Several refusals at once."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("; ".join(each.message for each in refusals))
        self.refusals = refusals
