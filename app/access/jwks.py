"""The public keys of an issuer of tokens: fetched from its URL, kept, and fetched again when they have changed."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from jwt import PyJWK, PyJWTError

from app.errors import IdentityUnavailable
from app.log import logger

log = logger(__name__)

REFRESH_SECONDS = 600.0
"""After which keys are fetched again, so that one that its issuer has withdrawn stops to count."""
MIN_SECONDS = 10.0
"""Between two fetches, whatever key ids strangers make up."""
MAX_BYTES = 512 * 1024
_TIMEOUT = 5.0

_OF_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_OF_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A public key and the only algorithms that it may be used with."""

    kid: str | None
    key: Any
    algorithms: tuple[str, ...]


class Jwks:
    """The keys behind a URL. `clock` is in seconds."""

    def __init__(self, url: str, client: httpx.AsyncClient | None = None, clock: Callable[[], float] = time.monotonic):
        self._url = url
        self._client = client or httpx.AsyncClient(timeout=_TIMEOUT)
        self._clock = clock
        self._keys: tuple[Key, ...] = ()
        self._tried_at = -math.inf
        self._fetched_at = -math.inf
        self._why_none = ""
        self._fetching = asyncio.Lock()
        self._refreshing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._refreshing.set_result(None)

    async def key(self, kid: str | None, algorithm: str) -> Key | None:
        """The key of this id for this algorithm; None where the issuer has none. Without an id, the only one that
        fits. Raises IdentityUnavailable where no keys could be had yet."""
        if self._keys and self._clock() - self._fetched_at > REFRESH_SECONDS and self._refreshing.done():
            self._refreshing = asyncio.ensure_future(self._fetch())  # nobody waits, since the keys are likely the same
        if (found := self._find(kid, algorithm)) is None:
            await self._fetch()
            found = self._find(kid, algorithm)
        if not self._keys:
            raise IdentityUnavailable(f"The keys that tokens are checked with cannot be had: {self._why_none}.")
        return found

    def _find(self, kid: str | None, algorithm: str) -> Key | None:
        fitting = [each for each in self._keys if algorithm in each.algorithms and kid in {None, each.kid}]
        return fitting[0] if len(fitting) == 1 else None

    async def _fetch(self) -> None:
        """Fetch unless somebody has just tried. What fails leaves the keys as they are."""
        if self._clock() - self._tried_at < MIN_SECONDS and self._keys:
            return
        asked_at = self._clock()
        async with self._fetching:
            if self._tried_at >= asked_at or self._clock() - self._tried_at < (MIN_SECONDS if self._keys else 1.0):
                return
            try:
                self._keys = keys_of(await self._read())
                self._fetched_at = self._clock()
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                self._why_none = _sentence(error)
                log.warning("keys for tokens not fetched", reason=self._why_none, keeping=len(self._keys))
            finally:
                self._tried_at = self._clock()

    async def _read(self) -> Any:
        body = bytearray()
        async with asyncio.timeout(_TIMEOUT), self._client.stream("GET", self._url) as response:
            response.raise_for_status()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError(f"the answer is larger than {MAX_BYTES} bytes")
        return orjson.loads(body)

    async def close(self) -> None:
        self._refreshing.cancel()
        await self._client.aclose()


def keys_of(document: Any) -> tuple[Key, ...]:
    """The keys of a JWK set that signatures can be checked with. ValueError where there is none.

    A shared secret in a published set is no secret, so it is left out, like every kind that is not known.
    """
    listed: Iterable[Any] = document.get("keys", ()) if isinstance(document, Mapping) else ()
    found = tuple(key for each in listed if isinstance(each, Mapping) and (key := _key(each)) is not None)
    if not found:
        raise ValueError("the answer has no key that signatures can be checked with")
    return found


def _key(jwk: Mapping[str, Any]) -> Key | None:
    algorithms = _algorithms(jwk)
    if not algorithms or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return None
    try:
        key = PyJWK(dict(jwk), algorithms[0]).key
    except PyJWTError:
        return None
    kid = jwk.get("kid")
    return Key(kid if isinstance(kid, str) else None, key, algorithms)


def _algorithms(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """What its kind allows, or of that only the one that the set names for it."""
    allowed: tuple[str, ...] = ()
    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            allowed = _OF_RSA
        case "EC", str() as curve if curve in _OF_CURVE:
            allowed = (_OF_CURVE[curve],)
        case "OKP", "Ed25519":
            allowed = ("EdDSA",)
    named = jwk.get("alg")
    return allowed if named is None else tuple(each for each in allowed if each == named)


def _sentence(error: Exception) -> str:
    """What went wrong, without the URL, which may have a secret in it."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"the server of TIDELINE_JWKS_URL answers with status {error.response.status_code}"
    if isinstance(error, httpx.HTTPError):
        return f"the server of TIDELINE_JWKS_URL cannot be reached ({type(error).__name__})"
    return str(error) if not isinstance(error, orjson.JSONDecodeError) else "the answer is no JSON"
