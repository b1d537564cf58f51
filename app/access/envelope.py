"""Secrets that are kept until somebody takes them: encrypted, and each good for one place only."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import Conflict

PURPOSE = b"tideline hand-over"
_NONCE = 12


class Envelope:
    """AES-256-GCM. `load` gives the 32 bytes that all processes share for this purpose."""

    def __init__(self, load: Callable[[], Awaitable[bytes]]) -> None:
        self._load = load

    async def seal(self, secret: str, place: str) -> bytes:
        """The secret, to be opened in this place alone."""
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(await self._load()).encrypt(nonce, secret.encode(), place.encode())

    async def open(self, sealed: bytes, place: str) -> str:
        """Raises Conflict for what was sealed with another key, or for another place."""
        try:
            found = AESGCM(await self._load()).decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except InvalidTag:
            raise Conflict(
                "What was sealed by a worker cannot be opened here: give gateways and workers the same"
                " TIDELINE_TOKEN_SECRET, or none of them one. Nothing has been taken."
            ) from None
        return found.decode()
