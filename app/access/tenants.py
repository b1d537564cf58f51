"""What is set for the tenants of callers: whether they are let in, and where they are at home."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from app.access.identity import Identity, Role
from app.errors import DatabaseUnavailable, Forbidden
from app.model import NOBODY, Tenant, TenantStatus

KEPT_SECONDS = 3.0
"""How long a tenant is taken to be as it was last read; a change is usually heard of at once."""
_KEPT = 10_000

Find = Callable[[str], Awaitable[Tenant | None]]
FindMany = Callable[[Collection[str]], Awaitable[Collection[Tenant]]]


class TenantBook:
    """Tenants as they were last read; None is one for which nothing is set."""

    def __init__(self, find: Find, many: FindMany, clock: Callable[[], float] = time.monotonic) -> None:
        self._find = find
        self._many = many
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Tenant | None]] = OrderedDict()
        self._age = 0

    async def of(self, tenant: str) -> Tenant | None:
        """What is set for it. Raises DatabaseUnavailable where it was never read, and cannot be now."""
        known = self._known.get(tenant)
        if known is not None and self._clock() - known[0] < KEPT_SECONDS:
            return known[1]
        age = self._age
        try:
            found = await self._find(tenant)
        except DatabaseUnavailable:
            if known is None:
                raise
            return known[1]
        if age == self._age:
            self._keep(tenant, found)
        return found

    def last(self, tenant: str | None) -> Tenant | None:
        """As it was read last, however long ago: for those whose callers are being served."""
        known = self._known.get(tenant) if tenant is not None else None
        return known[1] if known is not None else None

    def forget(self) -> None:
        """Read every tenant anew, since one of them has changed."""
        self._age += 1
        self._known = OrderedDict((tenant, (-KEPT_SECONDS, found)) for tenant, (_, found) in self._known.items())

    async def shut(self, tenants: Collection[str]) -> set[str]:
        """Those of the tenants whose callers are not let in, read anew."""
        if not tenants:
            return set()
        found = {each.id: each for each in await self._many(tenants)}
        for tenant in tenants:
            self._keep(tenant, found.get(tenant))
        return {each.id for each in found.values() if each.status is not TenantStatus.ACTIVE}

    async def admitted(self, identity: Identity) -> Identity:
        """The identity, at home where its tenant says. Raises Forbidden for one of a tenant that is not let in, and
        DatabaseUnavailable."""
        tenant = identity.scope.tenant
        if tenant is None:
            return identity
        if tenant == NOBODY and Role.PLATFORM not in identity.roles:
            raise Forbidden(f"{NOBODY!r} is no tenant.")
        found = await self.of(tenant)
        if found is None:
            return identity
        if found.status is not TenantStatus.ACTIVE:
            raise Forbidden(refusal_of(found))
        if identity.scope.environment is None and found.default_environment is not None:
            return replace(identity, environment=found.default_environment)
        return identity

    def _keep(self, tenant: str, found: Tenant | None) -> None:
        self._known[tenant] = (self._clock(), found)
        self._known.move_to_end(tenant)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)


def refusal_of(tenant: Tenant) -> str:
    """Why nobody comes in for a tenant that is not active."""
    if tenant.status is TenantStatus.PROVISIONING:
        return f"Tenant {tenant.id!r} is still being made."
    why = f": {tenant.status_reason}" if tenant.status_reason else ""
    return f"Tenant {tenant.id!r} is suspended{why}."
