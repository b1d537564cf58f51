"""API keys: what they look like, and who is behind one.

A key is a secret of 256 bits that looks random to all but its maker, so that its plain SHA-256 can be kept: nobody can
try all of them, as one could with passwords, which is what slow hashes with salt are for; and a key is found by its
hash in one look.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from app.access.identity import Credential, Identity, Role, Scope
from app.errors import TidelineError, Unauthenticated
from app.log import logger
from app.model import ApiKey

log = logger(__name__)
K = TypeVar("K")
V = TypeVar("V")

PREFIX = "tdl_key_"
KEPT_SECONDS = 3.0
"""How long a key is taken to be as it was last read; a revocation is usually heard of at once."""
USED_SECONDS = 60.0
_KEPT = 10_000
_NOT_VALID = "The API key is not valid."


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key: what its owner gets to see once, what everybody may see, and what is kept."""

    secret: str
    prefix: str
    digest: bytes

    def __repr__(self) -> str:
        return f"Minted({self.prefix}…)"


def mint(seed: bytes | None = None) -> Minted:
    """A key: another one each time, or that of 32 secret bytes, the same again."""
    secret = PREFIX + urlsafe_b64encode(seed or secrets.token_bytes(32)).rstrip(b"=").decode()
    return Minted(secret, secret[: len(PREFIX) + 6], digest_of(secret))


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


Find = Callable[[bytes], Awaitable[ApiKey | None]]
Touch = Callable[[str], Awaitable[None]]
Revoked = Callable[[Collection[str]], Awaitable[set[str]]]


class KeyRing:
    """API keys of callers, each read again after a moment. `find` takes a digest, `touch` an id."""

    def __init__(
        self,
        find: Find,
        touch: Touch,
        revoked: Revoked,
        default_tenant: str = "default",
        default_environment: str = "default",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._touch = touch
        self._find_revoked = revoked
        self._defaults = default_tenant, default_environment
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, ApiKey | None]] = OrderedDict()
        self._standing: OrderedDict[str, tuple[float, bool]] = OrderedDict()
        self._used: OrderedDict[str, float] = OrderedDict()

    async def identity(self, secret: str) -> Identity:
        """Who is behind the key. Raises Unauthenticated, in the same words for every key that does not hold but for
        one that has run out, and DatabaseUnavailable."""
        key = await self._read(digest_of(secret))
        if key is None or key.revoked_at is not None:
            raise Unauthenticated(_NOT_VALID)
        if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
            raise Unauthenticated("The API key has expired.")
        await self._note(key)
        return self._identity(key)

    def _identity(self, key: ApiKey) -> Identity:
        tenant, environment = self._defaults
        return Identity(
            subject=f"key:{key.name}",
            tenant=key.tenant or tenant,
            environment=key.environment or environment,
            roles=frozenset(Role(each) for each in key.roles),
            scope=Scope(key.tenant, key.environment),
            credential=Credential(key.expires_at, key.id),
        )

    def forget(self) -> None:
        """Read every key anew, since one of them has changed."""
        self._known.clear()
        self._standing.clear()

    async def revoked(self, ids: Collection[str]) -> set[str]:
        """Those of the keys that no longer hold, as the database says now."""
        return await self._find_revoked(ids) if ids else set()

    async def require_standing(self, id_: str) -> None:
        """Raise Unauthenticated where a key has been revoked that something else was made with."""
        now = self._clock()
        read_at, is_revoked = self._standing.get(id_, (-KEPT_SECONDS, False))
        if now - read_at >= KEPT_SECONDS:
            is_revoked = id_ in await self.revoked([id_])
            _keep(self._standing, id_, (now, is_revoked))
        if is_revoked:
            raise Unauthenticated("The API key behind this token is not valid any more.")

    async def _read(self, digest: bytes) -> ApiKey | None:
        now = self._clock()
        read_at, key = self._known.get(digest, (-KEPT_SECONDS, None))
        if now - read_at < KEPT_SECONDS:
            return key
        key = await self._find(digest)
        _keep(self._known, digest, (now, key))
        return key

    async def _note(self, key: ApiKey) -> None:
        """Write down that it was used, at most once a minute. A failure costs the caller nothing."""
        now = self._clock()
        if now - self._used.get(key.id, -USED_SECONDS) < USED_SECONDS:
            return
        _keep(self._used, key.id, now)
        try:
            await self._touch(key.id)
        except TidelineError as error:
            log.warning("the use of an API key is not noted", key=key.prefix, reason=error.message)


def _keep(held: OrderedDict[K, V], key: K, value: V) -> None:
    held[key] = value
    held.move_to_end(key)
    if len(held) > _KEPT:
        held.popitem(last=False)
