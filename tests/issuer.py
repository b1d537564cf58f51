"""An issuer of tokens on this machine: keys, a JWK set behind a real socket, and tokens, good and bad."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

URL = "https://issuer.test/"
AUDIENCE = "tideline"


@dataclass
class Issuer:
    """`keys` are private, by key id; `published` are the ids that the set shows."""

    keys: dict[str, tuple[str, Any]] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    """Entries of the set besides."""
    asked: int = 0
    status: int = 200
    port: int = 0

    @property
    def jwks_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks.json"

    def add(self, kid: str, algorithm: str = "RS256", *, publish: bool = True) -> None:
        self.keys[kid] = (algorithm, _private(algorithm))
        if publish:
            self.published.append(kid)

    def document(self) -> dict[str, Any]:
        return {"keys": [*(self._jwk(kid) for kid in self.published), *self.extra]}

    def _jwk(self, kid: str) -> dict[str, Any]:
        algorithm, key = self.keys[kid]
        public = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
        return {**public, "kid": kid, "use": "sig"}

    def token(self, kid: str = "one", /, *, headers: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A token that is good, but for what `claims` say otherwise; None leaves a claim out."""
        algorithm, key = self.keys[kid]
        return jwt.encode(claims_of(**claims), key, algorithm, {"kid": kid, **(headers or {})})


def claims_of(**claims: Any) -> dict[str, Any]:
    said = {
        "iss": URL,
        "aud": AUDIENCE,
        "exp": int(time.time()) + 300,
        "sub": "ann",
        "tenant": "acme",
        "environment": "prod",
        "roles": ["operator"],
        **claims,
    }
    return {name: value for name, value in said.items() if value is not None}


def _private(algorithm: str) -> Any:
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    if algorithm in curves:
        return ec.generate_private_key(curves[algorithm])
    return ed25519.Ed25519PrivateKey.generate() if algorithm == "EdDSA" else rsa.generate_private_key(65537, 2048)


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    """An issuer with one RSA key, `one`."""
    issuer = Issuer()
    issuer.add("one")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        issuer.asked += 1
        body = json.dumps(issuer.document()).encode()
        head = f"HTTP/1.1 {issuer.status} Said\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    issuer.port = server.sockets[0].getsockname()[1]
    async with server:
        yield issuer
