"""What a tenant may use, enforced: where its runs may be, how many, how fast, and how many keys and subscriptions.

One that nothing is set for may use what it wants. Counted is what the index knows, in which every start that counts
stands when it is answered. Starts that are under way are counted by this process, so that many at once do not
slip by; a start that happens at the same moment in another process may. Starts, resets of closed runs, and schedules
that are triggered are refused. What Temporal starts by itself, or at the word of other clients, is counted only.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from app.access import Scope, TenantBook
from app.access.tenants import refusal_of
from app.errors import QuotaExceeded, Refusal
from app.model import NOBODY, Tenant, TenantStatus, TenantUsage
from app.store.tenants import Tenants

CODE = QuotaExceeded.code
_SPAN = timedelta(seconds=60)
_LOOKS = 3
"""At what a tenant uses, where starts that are under way may be counted twice."""
_PATIENCE = 1.0
"""Seconds that a start waits for others at each look."""


class Place:
    """A start's, among those that its tenant may have."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._tenant: str | None = None

    async def take(self, tenant: str) -> None:
        """Raises Refusal QUOTA_EXCEEDED where there is none."""
        if self._tenant is None and await self._quotas.admit(tenant):
            self._tenant = tenant

    async def leave(self) -> None:
        if self._tenant is not None:
            await self._quotas.depart(self._tenant)


class Quotas:
    """Every method raises DatabaseUnavailable as well."""

    def __init__(self, book: TenantBook, tenants: Tenants, settled: Callable[[Scope], Awaitable[None]]) -> None:
        """`settled` returns when the index has what was put there before."""
        self._book = book
        self._tenants = tenants
        self._settled = settled
        self._under_way: Counter[str] = Counter()
        self._departed: Counter[str] = Counter()
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def tenant(self, tenant: str) -> Tenant | None:
        """What is set for it."""
        return None if tenant == NOBODY else await self._book.of(tenant)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Place]:
        """A place that a start may take, as long as this lasts."""
        place = Place(self)
        try:
            yield place
        finally:
            await place.leave()

    async def admit(self, tenant: str) -> bool:
        """Count one more start as under way until it departs; False where nobody counts. Raises Refusal
        QUOTA_EXCEEDED where it is one too many."""
        found = await self.tenant(tenant)
        if found is None or (found.quotas.open_workflows is None and found.quotas.starts_per_minute is None):
            return False
        for look in range(1, _LOOKS + 1):
            departed = self._departed[tenant]
            usage = await self._tenants.usage(tenant, found.environments, found.quotas.starts_per_minute or 1)
            # One that departs meanwhile may or may not be among those that were counted: it counts in any case.
            others = self._under_way[tenant] + self._departed[tenant] - departed
            refusal = _refusal(found, usage, others)
            if refusal is None:
                self._under_way[tenant] += 1
                return True
            if not others or look == _LOOKS:
                raise refusal
            await self._departures(tenant)
        raise AssertionError("the last look returns or raises")

    async def _departures(self, tenant: str) -> None:
        """Wait for a while until those have departed that are under way now: then they are counted once."""
        target = self._departed[tenant] + self._under_way[tenant]
        departure = asyncio.Event()
        self._waiting[tenant].add(departure)
        try:
            async with asyncio.timeout(_PATIENCE):
                while self._departed[tenant] < target:
                    departure.clear()
                    await departure.wait()
        except TimeoutError:
            return
        finally:
            self._waiting[tenant].discard(departure)
            if not self._waiting[tenant]:
                del self._waiting[tenant]

    async def depart(self, tenant: str) -> None:
        """The start has come to its end; it counts as under way until it stands in the index."""
        try:
            await self._settled(Scope(tenant))
        finally:
            self._under_way[tenant] -= 1
            self._departed[tenant] += 1
            for departure in self._waiting.get(tenant, ()):
                departure.set()

    async def wrong_key(self, tenant: str, environment: str | None, roles: list[str]) -> list[Refusal]:
        """What is wrong with an API key of a tenant."""
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
        return refusals

    async def most_keys(self, tenant: str | None) -> int | None:
        """How many API keys of a tenant may hold at once."""
        found = await self._book.of(tenant) if tenant is not None else None
        return found.quotas.api_keys if found is not None else None

    def most_subscriptions(self, tenant: str) -> int | None:
        """How many subscriptions it may have in this process."""
        found = self._book.last(tenant)
        return found.quotas.subscriptions if found is not None else None


def _refusal(tenant: Tenant, usage: TenantUsage, others: int) -> Refusal | None:
    """Why one more start is too many, beside `others` that are under way."""
    most_open, most_starts = tenant.quotas.open_workflows, tenant.quotas.starts_per_minute
    if most_open is not None and usage.open_workflows + others >= most_open:
        return Refusal(
            CODE,
            f"Tenant {tenant.id!r} has {usage.open_workflows + others} workflows that are open or being started, and"
            f" {most_open} is the most (quota openWorkflows). Wait until one has closed.",
        )
    if most_starts is not None and usage.starts + others >= most_starts:
        return Refusal(
            CODE,
            f"Tenant {tenant.id!r} has started {most_starts} workflows within a minute, the most that it may (quota"
            f" startsPerMinute). Try again in {_until_free(usage.oldest_start):.0f} s.",
        )
    return None


def too_many_keys(tenant: str | None, most: int | None) -> Refusal:
    message = f"Tenant {tenant!r} has {most} API keys that hold, the most that it may (quota apiKeys). Revoke one."
    return Refusal(CODE, message)


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
