"""Tokens of our own: an identity, signed with the gateways' common key, for a while.

A watch token opens a few runs to whoever holds it. A session stands in a cookie, for browsers whose event streams
cannot send a header. Each is of one kind, and no kind passes for another.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

import jwt as library
from starlette.datastructures import Secret

from app.access.grant import Grant, Tag, Tree
from app.access.identity import Credential, Identity, Role, Scope
from app.errors import ConfigurationError, Unauthenticated

SHORTEST_SECRET = 32


class Kind(StrEnum):
    """The beginning of a token, which tells what it is."""

    WATCH = "tdl_watch_"
    SESSION = "tdl_session_"


class Sealer:
    """Makes and opens tokens. `load` gives the key that all gateways share, where no secret is configured."""

    def __init__(self, secret: Secret | None, load: Callable[[], Awaitable[bytes]]) -> None:
        if secret is not None and len(str(secret).encode()) < SHORTEST_SECRET:
            raise ConfigurationError(
                f"TIDELINE_TOKEN_SECRET is too short: it must have {SHORTEST_SECRET} bytes or more."
            )
        self._key = sha256(str(secret).encode()).digest() if secret is not None else None
        self._load = load

    async def seal(self, kind: Kind, identity: Identity, until: datetime) -> str:
        claims = {"aud": kind.name, "exp": until, **claims_of(identity)}
        return kind + library.encode(claims, await self._shared(), algorithm="HS256")

    async def open(self, kind: Kind, token: str) -> Identity:
        """Who it was made for. Raises Unauthenticated, and DatabaseUnavailable while the key cannot be read."""
        try:
            said = library.decode(
                token.removeprefix(kind), await self._shared(), algorithms=["HS256"], audience=kind.name,
                options={"require": ["exp"]},
            )  # fmt: skip
        except library.ExpiredSignatureError:
            raise Unauthenticated("The token has expired.") from None
        except library.PyJWTError:
            raise Unauthenticated("The token is not valid.") from None
        return identity_of(said)

    async def key_for(self, purpose: bytes) -> bytes:
        """32 bytes that all processes with this key have for a purpose; they tell nothing of the key."""
        return hmac.digest(await self._shared(), purpose, "sha256")

    async def _shared(self) -> bytes:
        if self._key is None:
            self._key = await self._load()
        return self._key


def until(seconds: float, identity: Identity) -> datetime:
    """So long from now, but not longer than what the identity stands on."""
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    return min(end, identity.credential.expires_at or end)


def claims_of(identity: Identity) -> dict[str, Any]:
    """An identity as JSON, without what a policy says of it, which is asked when it comes back."""
    ends = identity.credential.expires_at
    return {
        "sub": identity.subject,
        "own": [identity.tenant, identity.environment],
        "scope": [identity.scope.tenant, identity.scope.environment],
        "roles": sorted(identity.roles),
        "grant": _told(identity.grant),
        "ends": ends.timestamp() if ends else None,
        "key": identity.credential.key_id,
    }


def identity_of(said: Mapping[str, Any]) -> Identity:
    ends = said["ends"]
    return Identity(
        subject=said["sub"],
        tenant=said["own"][0],
        environment=said["own"][1],
        roles=frozenset(map(Role, said["roles"])),
        scope=Scope(*said["scope"]),
        grant=_grant(said["grant"]),
        credential=Credential(datetime.fromtimestamp(ends, UTC) if ends else None, said["key"]),
    )


def _told(grant: Grant | None) -> dict[str, Any] | None:
    if grant is None:
        return None
    match grant.runs:
        case Tree(namespace, workflow_id, first_run_id, run_id):
            runs = {"tree": [namespace, workflow_id, first_run_id, run_id]}
        case Tag(key, value):
            runs = {"tag": [key, value]}
    return {**runs, "signals": list(grant.signals)}


def _grant(said: Mapping[str, Any] | None) -> Grant | None:
    if said is None:
        return None
    return Grant(Tree(*said["tree"]) if "tree" in said else Tag(*said["tag"]), tuple(said["signals"]))
