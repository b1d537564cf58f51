"""Who is being served for long: each stream holds a lease on its identity, and is told when that no longer holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from datetime import datetime

from app.access.identity import Identity
from app.access.policy import Policy
from app.access.rules import Rule
from app.errors import Forbidden, TidelineError, Unauthenticated


class Expired(Unauthenticated):
    """What held until now: whoever comes back with a new token is welcome."""


End = Callable[[TidelineError], None]


class Lease:
    """One stream's, until it is released. `end` is called once, when the stream must not go on."""

    __slots__ = ("_end", "_leases", "identity")

    def __init__(self, leases: Leases, identity: Identity, end: End) -> None:
        self._leases = leases
        self._end = end
        self.identity = identity

    def renew(self, identity: Identity) -> None:
        """Go on under another token of the same caller with the same rights. Raises Forbidden for anybody else."""
        if (identity.subject, identity.rights) != (self.identity.subject, self.identity.rights):
            raise Forbidden("The new token has other rights than the one before. Connect again with it.")
        self.identity = identity

    def release(self) -> None:
        self._leases.held.pop(self, None)

    def end(self, why: TidelineError) -> None:
        self.release()
        self._end(why)


class Leases:
    def __init__(self) -> None:
        self.held: dict[Lease, None] = {}

    def hold(self, identity: Identity, end: End) -> Lease:
        lease = Lease(self, identity, end)
        self.held[lease] = None
        return lease

    @property
    def key_ids(self) -> set[str]:
        """The API keys that some stream stands on."""
        return {each.identity.credential.key_id for each in self.held if each.identity.credential.key_id is not None}

    @property
    def tenants(self) -> set[str]:
        """The tenants whose callers hold some stream."""
        return {tenant for each in self.held if (tenant := each.identity.home) is not None}

    def expire(self, now: datetime) -> None:
        """End what has run out."""
        for lease in list(self.held):
            end = lease.identity.credential.expires_at
            if end is not None and end <= now:
                lease.end(Expired("The token has expired. Connect again with a new one."))

    def revoke(self, key_ids: Collection[str]) -> None:
        """End what stands on these keys."""
        for lease in list(self.held):
            if lease.identity.credential.key_id in key_ids:
                lease.end(Unauthenticated("The API key has been revoked."))

    def shut_out(self, tenants: Collection[str]) -> None:
        """End what serves callers of these tenants."""
        for lease in list(self.held):
            if lease.identity.home in tenants:
                lease.end(Forbidden("The tenant has been suspended."))

    def review(self, policy: Policy) -> None:
        """End what has other rights under this policy than it was opened with."""
        known: dict[Hashable, tuple[Rule, ...]] = {}
        for lease in list(self.held):
            kind = lease.identity.roles, lease.identity.scope  # all that decides which rules are about somebody
            if kind not in known:
                known[kind] = policy.narrowed(lease.identity).rules
            if known[kind] != lease.identity.rules:
                lease.end(Forbidden("The policy has changed what you may see. Connect again."))
