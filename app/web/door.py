"""The door as the settings describe it, joined to what it reads from."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from app.access import (
    Claims,
    Expected,
    Gatekeeper,
    Jwks,
    JwtReader,
    KeyRing,
    Policy,
    Readers,
    Role,
    Sealer,
    TenantBook,
    Tickets,
)
from app.access.policy import policy_of
from app.errors import ConfigurationError
from app.settings import Settings
from app.store.api_keys import ApiKeys
from app.store.database import Database
from app.store.secrets import Secrets


def is_open(settings: Settings) -> bool:
    """Whether everybody may come in. Raises ConfigurationError where that is not said clearly."""
    configured = settings.jwks_url is not None or settings.jwt_secret is not None
    if settings.auth == "open" and configured:
        raise ConfigurationError(
            "TIDELINE_AUTH is open, but TIDELINE_JWKS_URL or TIDELINE_JWT_SECRET is set as well: take one away."
        )
    if not settings.auth and not configured:
        raise ConfigurationError(
            "Nothing says who may come in. Set TIDELINE_JWKS_URL or TIDELINE_JWT_SECRET, or TIDELINE_AUTH=required for"
            " API keys alone; or, where everybody who reaches the address may do everything, TIDELINE_AUTH=open."
        )
    return settings.auth == "open"


def verify(settings: Settings) -> None:
    """Raise ConfigurationError for settings of the door that cannot work, before anything is joined."""
    is_open(settings)
    expected_of(settings)
    read_policy(settings.policy)


def expected_of(settings: Settings) -> Expected:
    if settings.jwks_url is not None and not (settings.jwt_issuer and settings.jwt_audience):
        raise ConfigurationError(
            "TIDELINE_JWKS_URL needs TIDELINE_JWT_ISSUER and TIDELINE_JWT_AUDIENCE: without them a token that was made"
            " for anybody else would be good here."
        )
    return Expected(
        issuer=settings.jwt_issuer or None,
        audience=settings.jwt_audience,
        leeway=settings.jwt_leeway,
        claims=Claims(
            subject=settings.jwt_subject,
            tenant=settings.jwt_tenant,
            environment=settings.jwt_environment,
            roles=settings.jwt_roles,
            role_names=_role_names(settings.jwt_role_names),
        ),
        default_tenant=settings.default_tenant,
        default_environment=settings.default_environment,
    )


def _role_names(pairs: tuple[str, ...]) -> dict[str, Role]:
    found = {}
    for pair in pairs:
        name, _, role = pair.rpartition("=")
        try:
            found[name.strip()] = Role(role.strip().upper())
        except ValueError:
            roles = ", ".join(each.lower() for each in Role)
            raise ConfigurationError(
                f"TIDELINE_JWT_ROLE_NAMES cannot have {pair!r}: expected NAME=ROLE with one of {roles}."
            ) from None
    return found


def read_policy(path: Path | None) -> Policy:
    """The policy of a file; ConfigurationError where it cannot be read."""
    if path is None:
        return Policy()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise ConfigurationError(f"The policy {path} (TIDELINE_POLICY) cannot be read: {reason}.") from None
    return policy_of(text, str(path))


def readers(
    stack: AsyncExitStack,
    settings: Settings,
    database: Database,
    sealer: Sealer,
    tickets: Tickets,
    tenants: TenantBook,
) -> Readers:
    """What the door can read; what it keeps open is closed with the stack."""
    keys = ApiKeys(database)
    ring = KeyRing(keys.by_digest, keys.touch, keys.revoked, settings.default_tenant, settings.default_environment)
    return Readers(ring, sealer, tickets, tenants, _jwt(stack, settings))


def _jwt(stack: AsyncExitStack, settings: Settings) -> JwtReader | None:
    if settings.jwks_url is None and settings.jwt_secret is None:
        return None
    jwks = None
    if settings.jwks_url is not None:
        jwks = Jwks(str(settings.jwks_url))
        stack.push_async_callback(jwks.close)
    return JwtReader(expected_of(settings), jwks=jwks, secret=settings.jwt_secret)


def sealing(settings: Settings, database: Database) -> tuple[Sealer, Tickets]:
    secrets = Secrets(database)
    return Sealer(settings.token_secret, secrets.signing_key), Tickets(secrets.put_ticket, secrets.take_ticket)


def gatekeeper(settings: Settings, readers: Readers) -> Gatekeeper:
    return Gatekeeper(
        default_tenant=settings.default_tenant,
        default_environment=settings.default_environment,
        readers=readers,
        is_open=is_open(settings),
        policy=read_policy(settings.policy),
    )
