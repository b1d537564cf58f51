"""The door: turns what a request carries into an Identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.access import api_keys, tickets
from app.access.api_keys import KeyRing
from app.access.identity import ANONYMOUS, Identity, Role, Scope
from app.access.jwt import JwtReader
from app.access.leases import Leases
from app.access.policy import Policy
from app.access.sealed import Kind, Sealer
from app.access.tenants import TenantBook
from app.access.tickets import Tickets
from app.errors import Forbidden, Unauthenticated

TENANT_HEADER = "x-tenant-id"
ENVIRONMENT_HEADER = "x-environment-id"
LONGEST_TOKEN = 16_384
"""Bytes. A token that is longer is not even looked at."""


@dataclass(frozen=True, slots=True)
class Readers:
    """What the door can read."""

    keys: KeyRing
    sealer: Sealer
    tickets: Tickets
    tenants: TenantBook
    jwt: JwtReader | None = None


class Gatekeeper:
    """While it is open, everybody without a token of ours is the operator of the machine, who sees every tenant and
    acts for the default one, unless headers narrow that. Otherwise nobody comes in without a token, and headers
    narrow a platform's identity to one tenant."""

    def __init__(
        self,
        *,
        default_tenant: str,
        default_environment: str,
        readers: Readers | None = None,
        is_open: bool = True,
        policy: Policy | None = None,
    ) -> None:
        self._tenant = default_tenant
        self._environment = default_environment
        self._readers = readers
        self._is_open = is_open
        self._policy = policy or Policy()
        self.leases = Leases()

    async def identify(self, authorization: str | None, headers: Mapping[str, str]) -> Identity:
        """Who sends this header. Raises Unauthenticated, Forbidden, IdentityUnavailable or DatabaseUnavailable."""
        token = self._token(authorization)
        identity = await self._read(token) if token is not None else None
        if identity is not None and self._readers is not None:
            identity = await self._readers.tenants.admitted(identity)
        if identity is None:
            if not self._is_open:
                raise Unauthenticated("Say who you are: send the header Authorization: Bearer TOKEN.")
            return self._policy.narrowed(self._anybody(headers))
        return self._policy.narrowed(narrowed(identity, headers))

    async def admit(self, pass_: str, headers: Mapping[str, str]) -> Identity:
        """Who opens an event stream with this ticket or the content of this cookie; raises as `identify`."""
        identity = await self._admitted(pass_)
        if self._readers is not None:
            if identity.credential.key_id is not None:
                await self._readers.keys.require_standing(identity.credential.key_id)
            identity = await self._readers.tenants.admitted(identity)
        return self._policy.narrowed(narrowed(identity, headers))

    @property
    def is_open(self) -> bool:
        return self._is_open

    def obey(self, policy: Policy) -> None:
        """Take another policy, and end the streams that have other rights under it."""
        self._policy = policy
        self.leases.review(policy)

    def _token(self, authorization: str | None) -> str | None:
        """An open door leaves other schemes alone: a proxy before it may have one of its own."""
        try:
            return bearer_of(authorization)
        except Unauthenticated:
            if self._is_open:
                return None
            raise

    def _anybody(self, headers: Mapping[str, str]) -> Identity:
        tenant, environment = headers.get(TENANT_HEADER), headers.get(ENVIRONMENT_HEADER)
        return Identity(
            subject=ANONYMOUS,
            tenant=tenant or self._tenant,
            environment=environment or self._environment,
            roles=frozenset({Role.PLATFORM if tenant is None else Role.ADMIN}),
            scope=Scope(tenant or None, environment or None),
            stands_above=True,
        )

    async def _read(self, token: str) -> Identity | None:
        """Who the token names; None for one that an open door need not read."""
        readers = self._readers
        if readers is None:
            return None
        _check(token)
        if token.startswith(api_keys.PREFIX):
            return await readers.keys.identity(token)
        if token.startswith(Kind.WATCH):
            identity = await readers.sealer.open(Kind.WATCH, token)
            if identity.credential.key_id is not None:
                await readers.keys.require_standing(identity.credential.key_id)
            return identity
        if token.startswith("tdl_"):
            raise Unauthenticated("The token is not one that can be sent in this header.")
        if readers.jwt is not None:
            return await readers.jwt.identity(token)
        if self._is_open:
            return None
        raise Unauthenticated("The token is no API key, and no other tokens are accepted here.")

    async def _admitted(self, pass_: str) -> Identity:
        if self._readers is None:
            raise Unauthenticated("Tickets are not accepted here.")
        _check(pass_)
        if pass_.startswith(tickets.PREFIX):
            return await self._readers.tickets.redeem(pass_)
        if pass_.startswith(Kind.SESSION):
            return await self._readers.sealer.open(Kind.SESSION, pass_)
        raise Unauthenticated("The ticket is none of ours.")


def bearer_of(authorization: str | None) -> str | None:
    """The token of the header; None where there is none. Unauthenticated for another scheme than Bearer."""
    if not authorization:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The header Authorization must be Bearer and a token.")
    return token.strip()


def _check(token: str) -> None:
    if not token.isascii():
        raise Unauthenticated("The token has characters that no token has.")
    if len(token) > LONGEST_TOKEN:
        raise Unauthenticated(f"The token is longer than {LONGEST_TOKEN} characters.")


def narrowed(identity: Identity, headers: Mapping[str, str]) -> Identity:
    """The identity within the tenant and environment that headers name. Forbidden where it is not theirs: a header
    never widens anything."""
    tenant, environment = headers.get(TENANT_HEADER) or None, headers.get(ENVIRONMENT_HEADER) or None
    scope = identity.scope
    for asked, seen, header in (
        (tenant, scope.tenant, TENANT_HEADER),
        (environment, scope.environment, ENVIRONMENT_HEADER),
    ):
        if asked is not None and seen not in {None, asked}:
            raise Forbidden(f"The header {header} names what {identity.subject} does not see.")
    leaves_platform = tenant is not None and scope.tenant is None
    return replace(
        identity,
        tenant=tenant or identity.tenant,
        environment=environment or identity.environment,
        scope=Scope(scope.tenant or tenant, scope.environment or environment),
        roles=frozenset({Role.ADMIN}) if leaves_platform and Role.PLATFORM in identity.roles else identity.roles,
        stands_above=leaves_platform,
    )
