"""JSON Web Tokens of an OpenID provider, or signed with a secret that both sides know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt as library
from starlette.datastructures import Secret

from app.access.identity import Credential, Identity, Role, Scope
from app.access.jwks import Jwks
from app.errors import ConfigurationError, Forbidden, Unauthenticated

SHORTEST_SECRET = 32
"""Bytes of a shared secret: fewer could be guessed from one token."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Which claims say what. A name is a claim's own, or a path such as realm_access.roles."""

    subject: str = "sub"
    tenant: str = "tenant"
    environment: str = "environment"
    roles: str = "roles"
    role_names: Mapping[str, Role] = field(default_factory=dict)
    """What the issuer calls our roles, beside their own names."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say. `leeway` is in seconds."""

    issuer: str | None = None
    audience: tuple[str, ...] = ()
    leeway: float = 10.0
    claims: Claims = field(default_factory=Claims)
    default_tenant: str = "default"
    default_environment: str = "default"


class JwtReader:
    """Tokens of one issuer. HS256 is checked with the secret alone, everything else with the published keys alone."""

    def __init__(self, expected: Expected, *, jwks: Jwks | None = None, secret: Secret | None = None) -> None:
        if secret is not None and len(str(secret).encode()) < SHORTEST_SECRET:
            raise ConfigurationError(f"TIDELINE_JWT_SECRET is too short: it must have {SHORTEST_SECRET} bytes or more.")
        self._expected = expected
        self._jwks = jwks
        self._secret = secret

    async def identity(self, token: str) -> Identity:
        """Who it names. Raises Unauthenticated for a token that does not hold, Forbidden for one that holds but
        names no role or tenant, and IdentityUnavailable where it cannot be checked."""
        key, algorithms = await self._key(token)
        try:
            said: dict[str, Any] = library.decode(
                token,
                key,
                algorithms=algorithms,
                issuer=self._expected.issuer,
                audience=self._expected.audience or None,
                leeway=self._expected.leeway,
                options={"require": ["exp"], "verify_aud": bool(self._expected.audience), "verify_iat": False},
            )
        except library.PyJWTError as error:
            raise Unauthenticated(_why(error)) from None
        return identity_of(said, self._expected, datetime.now(UTC))

    async def _key(self, token: str) -> tuple[Any, tuple[str, ...]]:
        try:
            header = library.get_unverified_header(token)
        except (library.PyJWTError, UnicodeError):
            raise Unauthenticated("The token is no JSON Web Token.") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm == "HS256" and self._secret is not None:
            return str(self._secret), ("HS256",)
        if self._jwks is None or not isinstance(algorithm, str) or algorithm.upper() in {"NONE", "HS256"}:
            raise Unauthenticated("The token is signed with an algorithm that is not accepted here.")
        found = await self._jwks.key(kid, algorithm)
        if found is None:
            raise Unauthenticated("The token is signed with a key that its issuer does not publish.")
        return found.key, found.algorithms


def identity_of(said: Mapping[str, Any], expected: Expected, now: datetime) -> Identity:
    """Who the claims of a verified token name. A token of a platform role may name no tenant: then it sees all."""
    claims = expected.claims
    subject = _text(said, claims.subject)
    if subject is None:
        raise Unauthenticated(f"The token does not say who it is of: claim {claims.subject!r} is missing.")
    roles = frozenset(_roles(said, claims))
    if not roles:
        raise Forbidden(f"The token of {subject} gives no role: claim {claims.roles!r} names none that is known.")
    tenant, environment = _text(said, claims.tenant), _text(said, claims.environment)
    if tenant is None and Role.PLATFORM not in roles:
        raise Forbidden(f"The token of {subject} names no tenant: claim {claims.tenant!r} is missing.")
    return Identity(
        subject=subject,
        tenant=tenant or expected.default_tenant,
        environment=environment or expected.default_environment,
        roles=roles,
        scope=Scope(tenant, environment),
        credential=Credential(_end(said["exp"], expected.leeway, now)),
    )


def _end(expiry: float, leeway: float, now: datetime) -> datetime:
    """When it ends for what lasts: on its own time, unless only the leeway has let it in."""
    end = datetime.fromtimestamp(int(expiry), UTC)
    return end if end > now else end + timedelta(seconds=leeway)


def _roles(said: Mapping[str, Any], claims: Claims) -> list[Role]:
    value = _value(said, claims.roles)
    names = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    known = {role.value.lower(): role for role in Role} | {
        name.lower(): role for name, role in claims.role_names.items()
    }
    return [known[name.lower()] for name in names if isinstance(name, str) and name.lower() in known]


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = _value(said, name)
    return value if isinstance(value, str) and value else None


def _value(said: Mapping[str, Any], name: str) -> Any:
    """The claim of this very name, which may have dots in it, or else the value at the path."""
    if name in said:
        return said[name]
    value: Any = said
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _why(error: library.PyJWTError) -> str:
    match error:
        case library.ExpiredSignatureError():
            return "The token has expired."
        case library.ImmatureSignatureError():
            return "The token is not valid yet."
        case library.InvalidIssuerError():
            return "The token is of another issuer."
        case library.InvalidAudienceError():
            return "The token is for another audience."
        case library.MissingRequiredClaimError():
            return f"The token has no claim {error.claim!r}."
        case _:
            return "The token is not valid."
