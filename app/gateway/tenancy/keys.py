"""API keys: creating, revoking and listing them, each within what its manager sees."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.access import Action, Identity, Role, require
from app.access.api_keys import Minted, mint
from app.errors import Refusal
from app.gateway.acting.intent import Attempt, Done, Plan
from app.gateway.acting.once import Once
from app.gateway.caller import Caller, Refused
from app.gateway.quotas import Quotas, too_many_keys
from app.gateway.tenancy.managing import managing
from app.model import ApiKey, Json
from app.store.api_keys import ApiKeys

MAX_NAME = 100
SEEDS = b"tideline API keys"
"""What the gateways' secret is used for here."""


@dataclass(frozen=True, slots=True)
class KeyWanted:
    """None of `tenant` and `environment` is the manager's own, which for a platform is every one."""

    name: str
    roles: Sequence[Role]
    tenant: str | None = None
    environment: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class KeyOutcome:
    """What became of a key. `secret` is there for who made it."""

    key: ApiKey | None = None
    secret: str | None = None
    refusals: tuple[Refusal, ...] = ()


class Keys:
    """`announce` tells every gateway that a key has changed; `seed` gives 32 bytes that all gateways share and nobody
    else has."""

    def __init__(
        self,
        keys: ApiKeys,
        quotas: Quotas,
        once: Once,
        announce: Callable[[str], Awaitable[object]],
        seed: Callable[[], Awaitable[bytes]],
    ) -> None:
        self._keys = keys
        self._quotas = quotas
        self._once = once
        self._announce = announce
        self._seed = seed

    async def create(self, caller: Caller, wanted: KeyWanted, key: str | None = None) -> KeyOutcome:
        """Make a key with some of the caller's own rights. One that was made with an idempotency key can be told again,
        since its secret is that of the request, which only gateways can make out."""
        identity = caller.identity
        tenant = wanted.tenant or identity.scope.tenant

        async def prepare(_: str) -> Plan:
            problems = wrong(identity, wanted, datetime.now(UTC))
            if tenant is not None and not problems:
                environment = wanted.environment or identity.scope.environment
                problems = await self._quotas.wrong_key(tenant, environment, [each.value for each in wanted.roles])
            if problems:
                raise Refused(*problems)
            return {}

        async def act(attempt: Attempt) -> Done:
            minted = await self._minted(attempt.request_id)
            made = await self._keys.by_digest(minted.digest) if attempt.is_again else None
            made = made or await self._made(caller, wanted, minted)
            return Done({"id": made.id, "request": attempt.request_id})

        detail: dict[str, Json] = {"name": wanted.name, "roles": [each.value for each in wanted.roles]}
        intent = managing(Action.MANAGE_KEYS, "createApiKey", wanted, prepare, act, key, detail)
        try:
            told = await self._once.perform(caller, intent)
        except Refused as refused:
            return KeyOutcome(refusals=refused.refusals)
        secret = (await self._minted(str(told.kept["request"]))).secret
        return KeyOutcome(await self._keys.find(str(told.kept["id"])), secret)

    async def _made(self, caller: Caller, wanted: KeyWanted, minted: Minted) -> ApiKey:
        scope = caller.identity.scope
        tenant = wanted.tenant or scope.tenant
        most = await self._quotas.most_keys(tenant)
        made = await self._keys.create(
            wanted.name,
            prefix=minted.prefix,
            digest=minted.digest,
            roles=sorted(set(wanted.roles)),
            tenant=tenant,
            environment=wanted.environment or scope.environment,
            created_by=caller.identity.subject,
            expires_at=wanted.expires_at,
            most=most,
        )
        if made is None:
            raise too_many_keys(tenant, most)
        return made

    async def _minted(self, request_id: str) -> Minted:
        return mint(hmac.digest(await self._seed(), request_id.encode(), "sha256"))

    async def revoke(self, caller: Caller, id_: str, key: str | None = None) -> KeyOutcome:
        """End a key for good, everywhere within seconds."""
        scope = caller.identity.scope

        async def prepare(_: str) -> Plan:
            return {}

        async def act(_: Attempt) -> Done:
            revoked = await self._keys.revoke(id_, scope.tenant, scope.environment)
            if revoked is None:
                raise Refusal("NOT_FOUND", f"There is no API key {id_[:60]!r}.", path=("id",))
            return Done({"id": revoked.id})

        try:
            told = await self._once.perform(
                caller, managing(Action.MANAGE_KEYS, "revokeApiKey", id_, prepare, act, key, {"id": id_})
            )
        except Refused as refused:
            return KeyOutcome(refusals=refused.refusals)
        revoked = str(told.kept["id"])
        await self._announce(revoked)
        return KeyOutcome(await self._keys.find(revoked))

    async def listed(self, identity: Identity, *, with_revoked: bool) -> list[ApiKey]:
        """Newest first."""
        require(identity, Action.MANAGE_KEYS)
        return await self._keys.listed(identity.scope.tenant, identity.scope.environment, with_revoked=with_revoked)


def wrong(identity: Identity, wanted: KeyWanted, now: datetime) -> list[Refusal]:
    """What is wrong with a key before it is made: it can have no right that its maker has not."""
    found = []
    if not 0 < len(wanted.name.strip()) <= MAX_NAME:
        found.append(Refusal("INVALID_INPUT", f"name must have 1 to {MAX_NAME} characters.", path=("name",)))
    if not wanted.roles:
        found.append(Refusal("INVALID_INPUT", "roles is empty: give one role or more.", path=("roles",)))
    if Role.PLATFORM in wanted.roles and Role.PLATFORM not in identity.roles:
        found.append(Refusal("NOT_ALLOWED", "Only a platform may give the role PLATFORM.", path=("roles",)))
    for field, asked, seen in (
        ("tenant", wanted.tenant, identity.scope.tenant),
        ("environment", wanted.environment, identity.scope.environment),
    ):
        if asked is not None and seen not in {None, asked}:
            message = f"{identity.subject} may not make keys of {field} {asked!r}."
            found.append(Refusal("NOT_ALLOWED", message, path=(field,)))
    if (wanted.tenant or identity.scope.tenant) is None and Role.PLATFORM not in wanted.roles:
        found.append(Refusal("INVALID_INPUT", "A key without the role PLATFORM needs a tenant.", path=("tenant",)))
    if wanted.expires_at is not None and wanted.expires_at <= now:
        found.append(Refusal("INVALID_INPUT", "expiresAt must be in the future.", path=("expiresAt",)))
    return found
