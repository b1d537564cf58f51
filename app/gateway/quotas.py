"""What a tenant may use, enforced: where its runs may be, how many, how fast, and how many keys and subscriptions.

One that nothing is set for may use what it wants. Counted is what the index knows, in which every start through a
gateway stands when it is answered. Starts that are under way are counted by this process, so that many at once do not
slip by; a start that happens at the same moment in another process may. Starts, resets of closed runs, and schedules
that are triggered are refused. What Temporal starts by itself, or at the word of other clients, is counted only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from app.access import TenantBook
from app.access.tenants import refusal_of
from app.errors import QuotaExceeded, Refusal
from app.model import NOBODY, Tenant, TenantStatus
from app.store.tenants import Tenants

CODE = QuotaExceeded.code
_SPAN = timedelta(seconds=60)
_LONGER_LOOK = 10_001
"""Starts that are counted for those who only want to know."""


class Place:
    """A start's, among those that its tenant may have."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._tenant: str | None = None

    async def take(self, tenant: str) -> None:
        """Raises Refusal QUOTA_EXCEEDED where there is none."""
        if self._tenant is None:
            self._tenant = tenant
            self._quotas.under_way[tenant] += 1
            await self._quotas.require_start(tenant)

    def leave(self) -> None:
        if self._tenant is not None:
            self._quotas.under_way[self._tenant] -= 1
            if not self._quotas.under_way[self._tenant]:
                del self._quotas.under_way[self._tenant]


class Quotas:
    """Every method raises DatabaseUnavailable as well."""

    def __init__(self, book: TenantBook, tenants: Tenants) -> None:
        self._book = book
        self._tenants = tenants
        self.under_way: Counter[str] = Counter()

    async def tenant(self, tenant: str) -> Tenant | None:
        """What is set for it."""
        return None if tenant == NOBODY else await self._book.of(tenant)

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place that a start may take, as long as this lasts."""
        place = Place(self)
        try:
            yield place
        finally:
            place.leave()

    async def require_start(self, tenant: str) -> None:
        """Raise Refusal QUOTA_EXCEEDED where one more start, which is counted as under way, is too many."""
        found = await self.tenant(tenant)
        if found is None:
            return
        most_open, most_starts = found.quotas.open_workflows, found.quotas.starts_per_minute
        if most_open is None and most_starts is None:
            return
        under_way = self.under_way[tenant]
        usage = await self._tenants.usage(tenant, found.environments, most_starts or 1)
        if most_open is not None and usage.open_workflows + under_way > most_open:
            raise Refusal(
                CODE,
                f"Tenant {tenant!r} has {usage.open_workflows + under_way - 1} workflows that are open or being"
                f" started, and {most_open} is the most (quota openWorkflows). Wait until one has closed.",
            )
        if most_starts is not None and usage.starts + under_way > most_starts:
            wait = _until_free(usage.oldest_start)
            raise Refusal(
                CODE,
                f"Tenant {tenant!r} has started {most_starts} workflows within a minute, the most that it may (quota"
                f" startsPerMinute). Try again in {wait:.0f} s.",
            )

    async def require_key(self, tenant: str, environment: str | None, roles: list[str]) -> list[Refusal]:
        """What is wrong with one more API key of a tenant."""
        if tenant == NOBODY:
            return [Refusal("INVALID_INPUT", f"{NOBODY!r} is no tenant.", path=("tenant",))]
        found = await self._book.of(tenant)
        if found is None:
            return []
        if found.status is TenantStatus.PROVISIONING:
            return [Refusal("NOT_ALLOWED", refusal_of(found), path=("tenant",))]
        refusals = []
        if environment is not None and (problem := wrong_environment(found, environment)):
            refusals.append(Refusal("INVALID_INPUT", problem, path=("environment",)))
        if found.roles is not None and (beyond := sorted(set(roles) - set(found.roles) - {"PLATFORM"})):
            has = ", ".join(found.roles)
            message = f"Keys of tenant {tenant!r} have the roles {has}, not {', '.join(beyond)}."
            refusals.append(Refusal("NOT_ALLOWED", message, path=("roles",)))
        most = found.quotas.api_keys
        if most is not None and (await self._tenants.usage(tenant, (), 1)).api_keys >= most:
            message = (
                f"Tenant {tenant!r} has {most} API keys that hold, the most that it may (quota apiKeys). Revoke one."
            )
            refusals.append(Refusal(CODE, message))
        return refusals

    def most_subscriptions(self, tenant: str) -> int | None:
        """How many subscriptions it may have in this process."""
        found = self._book.last(tenant)
        return found.quotas.subscriptions if found is not None else None


def wrong_place(found: Tenant, environment: str) -> Refusal | None:
    """Why nothing may be started for a tenant there."""
    if found.status is not TenantStatus.ACTIVE:
        return Refusal("NOT_ALLOWED", f"{refusal_of(found)[:-1]}: nothing is started for it.")
    problem = wrong_environment(found, environment)
    return Refusal("INVALID_INPUT", problem) if problem else None


def wrong_environment(found: Tenant, environment: str) -> str | None:
    if not found.environments or environment in found.environments:
        return None
    return f"Tenant {found.id!r} has no environment {environment!r}. It has: {', '.join(found.environments)}."


def _until_free(oldest: datetime | None) -> float:
    """Seconds until the oldest of the starts leaves the span."""
    return max(1.0, (oldest + _SPAN - datetime.now(UTC)).total_seconds()) if oldest is not None else 1.0
