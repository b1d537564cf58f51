"""API keys: creating, revoking and listing them, each within what its manager sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.access import Action, Identity, Role, require
from app.access.api_keys import mint
from app.access.permits import refuse
from app.errors import Refusal
from app.gateway.acting.recording import Recording
from app.gateway.caller import Caller, Refused
from app.gateway.quotas import Quotas, too_many_keys
from app.model import ApiKey
from app.store.api_keys import ApiKeys

MAX_NAME = 100


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
    """What became of a key. `secret` is there once, when it has just been made."""

    key: ApiKey | None = None
    secret: str | None = None
    refusals: tuple[Refusal, ...] = ()


class Keys:
    """`announce` tells every gateway that a key has changed."""

    def __init__(
        self, keys: ApiKeys, quotas: Quotas, recording: Recording, announce: Callable[[str], Awaitable[object]]
    ) -> None:
        self._keys = keys
        self._quotas = quotas
        self._recording = recording
        self._announce = announce

    async def create(self, caller: Caller, wanted: KeyWanted) -> KeyOutcome:
        """Make a key with some of the caller's own rights."""
        detail = {"name": wanted.name, "roles": [each.value for each in wanted.roles]}
        try:
            async with self._recording.recorded(self._recording.entry(caller, "createApiKey", None, None, detail)):
                identity = caller.identity
                refuse(identity, Action.MANAGE_KEYS)
                tenant = wanted.tenant or identity.scope.tenant
                environment = wanted.environment or identity.scope.environment
                problems = wrong(identity, wanted, datetime.now(UTC))
                if tenant is not None and not problems:
                    problems = await self._quotas.wrong_key(tenant, environment, [each.value for each in wanted.roles])
                if problems:
                    raise Refused(*problems)
                minted, most = mint(), await self._quotas.most_keys(tenant)
                key = await self._keys.create(
                    wanted.name,
                    prefix=minted.prefix,
                    digest=minted.digest,
                    roles=sorted(set(wanted.roles)),
                    tenant=tenant,
                    environment=environment,
                    created_by=identity.subject,
                    expires_at=wanted.expires_at,
                    most=most,
                )
                if key is None:
                    raise too_many_keys(tenant, most)
        except Refused as refused:
            return KeyOutcome(refusals=refused.refusals)
        return KeyOutcome(key, minted.secret)

    async def revoke(self, caller: Caller, id_: str) -> KeyOutcome:
        """End a key for good, everywhere within seconds."""
        try:
            async with self._recording.recorded(self._recording.entry(caller, "revokeApiKey", None, None, {"id": id_})):
                identity = caller.identity
                refuse(identity, Action.MANAGE_KEYS)
                key = await self._keys.revoke(id_, identity.scope.tenant, identity.scope.environment)
                if key is None:
                    raise Refusal("NOT_FOUND", f"There is no API key {id_[:60]!r}.", path=("id",))
        except Refused as refused:
            return KeyOutcome(refusals=refused.refusals)
        await self._announce(key.id)
        return KeyOutcome(key)

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
