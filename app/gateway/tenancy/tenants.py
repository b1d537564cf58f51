"""Tenants, for those who manage them: reading and changing what is set, and giving out the keys of new ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.access import Action, Envelope, Identity, manages_tenants
from app.errors import Forbidden, Refusal
from app.gateway.acting.intent import Attempt, Done, Plan
from app.gateway.acting.once import Once
from app.gateway.acting.recording import Recording
from app.gateway.caller import Caller, Refused
from app.gateway.tenancy.managing import managing
from app.model import ApiKey, Json, Page, Tenant, TenantStatus, TenantUsage
from app.store.api_keys import ApiKeys
from app.store.hand_overs import HandOver, HandOvers
from app.store.tenants import Tenants as StoredTenants
from app.workflows.tenants.problems import wrong_environments

LONGEST_REASON, LONGEST_TEXT = 500, 200
_TEXTS = {
    "display_name": "displayName",
    "company_name": "companyName",
    "plan": "plan",
    "task_queue": "taskQueue",
    "default_environment": "defaultEnvironment",
}
_PATHS = {"max_open_workflows": "openWorkflows", "max_starts_per_minute": "startsPerMinute",
    "max_subscriptions": "subscriptions", "max_api_keys": "apiKeys"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TenantOutcome:
    tenant: Tenant | None = None
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class ClaimOutcome:
    """`secret` is there once, for the first who takes it."""

    key: ApiKey | None = None
    secret: str | None = None
    refusals: tuple[Refusal, ...] = ()


class Tenants:
    """Everything here is a platform's alone. `announce` tells every gateway that a tenant has changed."""

    def __init__(
        self,
        tenants: StoredTenants,
        hand_overs: HandOvers,
        keys: ApiKeys,
        envelope: Envelope,
        once: Once,
        recording: Recording,
        announce: Callable[[str], Awaitable[object]],
    ) -> None:
        self._tenants = tenants
        self._hand_overs = hand_overs
        self._keys = keys
        self._envelope = envelope
        self._once = once
        self._recording = recording
        self._announce = announce

    async def one(self, identity: Identity, tenant: str) -> Tenant | None:
        """None where nothing is set for it. Raises Forbidden."""
        _require(identity)
        return await self._tenants.find(tenant)

    async def page(
        self, identity: Identity, statuses: Collection[TenantStatus], limit: int, after: str | None = None
    ) -> Page[Tenant]:
        """By their ids. Raises Forbidden."""
        _require(identity)
        return await self._tenants.page(statuses, limit, after)

    async def count(self, identity: Identity, statuses: Collection[TenantStatus]) -> int:
        _require(identity)
        return await self._tenants.count(statuses)

    async def usage(self, tenant: Tenant) -> TenantUsage:
        """What it uses now; the caller sees it already."""
        return await self._tenants.usage(tenant.id, tenant.environments)

    async def key(self, tenant: Tenant) -> ApiKey | None:
        """Its administrator's; the caller sees the tenant already."""
        return await self._keys.find(tenant.administrator_key) if tenant.administrator_key else None

    async def update(
        self, caller: Caller, tenant: str, changes: Mapping[str, Any], key: str | None = None
    ) -> TenantOutcome:
        """Change what is set for it, by the columns of the store."""

        async def check() -> None:
            if problems := wrong(await self._existing(tenant), changes):
                raise Refused(*problems)

        async def work(_: Attempt) -> None:
            await self._tenants.update(tenant, changes)

        detail: dict[str, Json] = {"tenant": tenant, "changed": sorted(changes)}
        return await self._done(caller, "updateTenant", tenant, {"tenant": tenant, **changes}, detail, check, work, key)

    async def suspend(self, caller: Caller, tenant: str, reason: str | None, key: str | None = None) -> TenantOutcome:
        """Let none of its callers in any more, and end their streams; its runs go on."""

        async def check() -> None:
            if reason is not None and len(reason) > LONGEST_REASON:
                message = f"reason has {len(reason)} characters, and {LONGEST_REASON} are the most."
                raise Refusal("INVALID_INPUT", message, path=("reason",))
            await self._existing(tenant)

        async def work(attempt: Attempt) -> None:
            done = await self._tenants.switch(tenant, TenantStatus.ACTIVE, TenantStatus.SUSPENDED, reason)
            if not done and not attempt.is_again:
                raise Refusal("ALREADY_SUSPENDED", f"Tenant {tenant!r} is suspended already.", path=("tenant",))

        detail: dict[str, Json] = {"tenant": tenant, "reason": reason}
        return await self._done(caller, "suspendTenant", tenant, detail, detail, check, work, key)

    async def resume(self, caller: Caller, tenant: str, key: str | None = None) -> TenantOutcome:
        """Let its callers in again."""

        async def check() -> None:
            await self._existing(tenant)

        async def work(attempt: Attempt) -> None:
            done = await self._tenants.switch(tenant, TenantStatus.SUSPENDED, TenantStatus.ACTIVE, None)
            if not done and not attempt.is_again:
                raise Refusal("NOT_SUSPENDED", f"Tenant {tenant!r} is not suspended.", path=("tenant",))

        detail: dict[str, Json] = {"tenant": tenant}
        return await self._done(caller, "resumeTenant", tenant, detail, detail, check, work, key)

    async def claim(self, caller: Caller, id_: str) -> ClaimOutcome:
        """Give out the key that a provisioning has made, once."""
        try:
            detail = {"handOver": id_[:60]}
            async with self._recording.recorded(self._recording.entry(caller, "claimApiKey", None, None, detail)):
                _refuse(caller.identity)
                found = await self._hand_overs.find(id_)
                sealed = _waiting(id_, found)
                assert found is not None
                secret = await self._envelope.open(sealed, found.id)
                if not await self._hand_overs.take(found.id, caller.identity.subject):
                    raise _gone(id_)
        except Refused as refused:
            return ClaimOutcome(refusals=refused.refusals)
        return ClaimOutcome(await self._keys.find(found.key_id), secret)

    async def _existing(self, tenant: str) -> Tenant:
        found = await self._tenants.find(tenant)
        if found is None:
            raise Refusal("NOT_FOUND", f"There is no tenant {tenant[:100]!r}.", path=("tenant",))
        if found.status is TenantStatus.PROVISIONING:
            raise _being_made(tenant)
        return found

    async def _done(
        self,
        caller: Caller,
        mutation: str,
        tenant: str,
        given: object,
        detail: Mapping[str, Json],
        check: Callable[[], Awaitable[None]],
        work: Callable[[Attempt], Awaitable[None]],
        key: str | None,
    ) -> TenantOutcome:
        async def prepare(_: str) -> Plan:
            _refuse(caller.identity)
            await check()
            return {}

        async def act(attempt: Attempt) -> Done:
            await work(attempt)
            return Done({})

        intent = managing(Action.MANAGE_TENANTS, mutation, given, prepare, act, key, detail)
        try:
            await self._once.perform(caller, intent)
        except Refused as refused:
            return TenantOutcome(refusals=refused.refusals)
        await self._announce(tenant)
        return TenantOutcome(await self._tenants.find(tenant))


def wrong(found: Tenant, changes: Mapping[str, Any]) -> list[Refusal]:
    """What is wrong with a change of a tenant."""
    refusals = [
        Refusal("INVALID_INPUT", f"{name} must be 1 to {LONGEST_TEXT} printable characters, or null.", path=(name,))
        for column, name in _TEXTS.items()
        if (text := changes.get(column)) is not None
        and not (text.strip() and text.isprintable() and len(text) <= LONGEST_TEXT)
    ]
    if not changes:
        refusals.append(Refusal("INVALID_INPUT", "The input names nothing that is to be changed."))
    for column, name in _PATHS.items():
        value = changes.get(column)
        if value is not None and value < 1:
            message = f"quotas.{name} must be 1 or more, or null for no bound; it is {value}."
            refusals.append(Refusal("INVALID_INPUT", message, path=("quotas", name)))
    refusals += _wrong_environments(found, changes)
    days = changes.get("archive_retention_days")
    if days is not None and not days > 0:
        message = f"archiveRetentionDays must be above 0, or null for the gateway's own; it is {days:g}."
        refusals.append(Refusal("INVALID_INPUT", message, path=("archiveRetentionDays",)))
    roles = changes.get("roles")
    if roles is not None and (not roles or "PLATFORM" in roles):
        message = "roles must be one or more of VIEWER, STARTER, OPERATOR and ADMIN, or null for all of them."
        refusals.append(Refusal("INVALID_INPUT", message, path=("roles",)))
    return refusals


def _wrong_environments(found: Tenant, changes: Mapping[str, Any]) -> Iterator[Refusal]:
    environments = changes.get("environments", found.environments)
    if "environments" in changes:
        for path, message in wrong_environments(environments):
            yield Refusal("INVALID_INPUT", message, path=path)
    environment = changes.get("default_environment", found.default_environment)
    if environment is not None and environments and environment not in environments:
        message = f"Tenant {found.id!r} has the environments {', '.join(environments)}, not {environment!r}."
        yield Refusal("INVALID_INPUT", message, path=("defaultEnvironment",))


def _require(identity: Identity) -> None:
    if not manages_tenants(identity):
        raise Forbidden(_not_allowed(identity))


def _refuse(identity: Identity) -> None:
    if not manages_tenants(identity):
        raise Refusal("NOT_ALLOWED", _not_allowed(identity))


def _not_allowed(identity: Identity) -> str:
    return f"{identity.subject} may not {Action.MANAGE_TENANTS.phrase}: only a platform that sees every tenant may."


def _being_made(tenant: str) -> Refusal:
    return Refusal("NOT_ALLOWED", f"Tenant {tenant!r} is still being made: wait for that.", path=("tenant",))


def _waiting(id_: str, found: HandOver | None) -> bytes:
    """What is sealed, as long as it waits for somebody."""
    if found is None:
        raise Refusal("NOT_FOUND", f"There is no hand-over {id_[:60]!r}.", path=("id",))
    if found.taken_at is not None:
        raise _gone(id_)
    if found.is_over or found.sealed is None:
        message = f"Nobody took the key by {found.expires_at.isoformat(timespec='seconds')}, and now nobody can."
        raise Refusal("EXPIRED", f"{message} Make another with createApiKey.", path=("id",))
    return found.sealed


def _gone(id_: str) -> Refusal:
    message = f"The key of hand-over {id_[:60]!r} has been taken. If not by you, revoke it and make another."
    return Refusal("ALREADY_TAKEN", message, path=("id",))
