"""JSON Web Tokens against a real set of keys: what is let in, and a corpus of what is not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from starlette.datastructures import Secret

from app.access import Claims, Expected, Identity, Jwks, JwtReader, Role, Scope
from app.errors import ConfigurationError, Forbidden, IdentityUnavailable, Unauthenticated
from tests.conftest import free_port
from tests.issuer import AUDIENCE, URL, Issuer, claims_of, issuing

SECRET = "a shared secret that is long enough"
EXPECTED = Expected(issuer=URL, audience=(AUDIENCE,), leeway=5)


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Door:
    issuer: Issuer
    jwks: Jwks
    clock: Clock
    reader: JwtReader

    async def reads(self, token: str) -> Identity:
        return await self.reader.identity(token)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with issuing() as issuer:
        clock = Clock()
        jwks = Jwks(issuer.jwks_url, clock=clock)
        yield Door(issuer, jwks, clock, JwtReader(EXPECTED, jwks=jwks, secret=Secret(SECRET)))
        await jwks.close()


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
async def test_a_good_token_is_let_in(door: Door, algorithm: str) -> None:
    door.issuer.add("two", algorithm)
    found = await door.reads(door.issuer.token("two"))
    assert (found.subject, found.tenant, found.environment) == ("ann", "acme", "prod")
    assert (found.roles, found.scope) == (frozenset({Role.OPERATOR}), Scope("acme", "prod"))
    assert found.credential.expires_at is not None


async def test_a_shared_secret_signs_as_well(door: Door) -> None:
    assert (await door.reads(jwt.encode(claims_of(), SECRET, "HS256"))).subject == "ann"


def public_pem(issuer: Issuer) -> bytes:
    pem: bytes = (
        issuer.keys["one"][1]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return pem


def forged(issuer: Issuer, algorithm: str, signature: bytes = b"") -> str:
    """A token whose header says what it likes."""
    parts = ({"alg": algorithm, "kid": "one"}, claims_of())
    head = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in parts]
    return b".".join([*head, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def confused(issuer: Issuer) -> str:
    """Signed by HS256 with the public key for a secret, as an attacker would who hopes that we mix them up."""
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415

    unsigned = forged(issuer, "HS256").rpartition(".")[0]
    signature = hmac.new(public_pem(issuer), unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def of_a_stranger(issuer: Issuer) -> str:
    issuer.add("stranger", publish=False)
    return issuer.token("stranger")


def under_our_id(issuer: Issuer) -> str:
    issuer.add("stranger", publish=False)
    return issuer.token("stranger", headers={"kid": "one"})


CORPUS: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "expired": (lambda i: i.token(exp=int(time.time()) - 60), "has expired"),
    "not valid yet": (lambda i: i.token(nbf=int(time.time()) + 60), "not valid yet"),
    "without an end": (lambda i: i.token(exp=None), "no claim 'exp'"),
    "of another issuer": (lambda i: i.token(iss="https://evil.test/"), "another issuer"),
    "without an issuer": (lambda i: i.token(iss=None), "no claim 'iss'"),
    "for another audience": (lambda i: i.token(aud="others"), "another audience"),
    "without an audience": (lambda i: i.token(aud=None), "no claim 'aud'"),
    "without a subject": (lambda i: i.token(sub=None), "'sub' is missing"),
    "algorithm none": (lambda i: forged(i, "none"), "not accepted"),
    "algorithm None": (lambda i: forged(i, "None"), "not accepted"),
    "key confusion": (confused, "not valid"),
    "another algorithm of the same key": (lambda i: forged(i, "ES256", b"x" * 64), "does not publish"),
    "a key that is not published": (of_a_stranger, "does not publish"),
    "a stranger's key under a known id": (under_our_id, "not valid"),
    "a wrong secret": (lambda _: jwt.encode(claims_of(), "x" * 40, "HS256"), "not valid"),
    "HS512 with the secret": (lambda _: jwt.encode(claims_of(), SECRET * 2, "HS512"), "does not publish"),
    "truncated": (lambda i: i.token()[:-10], "not valid"),
    "without a signature": (lambda i: i.token().rpartition(".")[0] + ".", "not valid"),
    "cut in its claims": (lambda i: i.token()[:80], "no JSON Web Token"),
    "changed": (lambda i: i.token().replace(".", ".e30", 1), "no JSON Web Token|not valid"),
    "no token at all": (lambda _: "hello", "no JSON Web Token"),
    "not text": (lambda _: "\udcff.\udcff.\udcff", "no JSON Web Token"),
}


@pytest.mark.parametrize("name", CORPUS)
async def test_what_is_not_let_in(door: Door, name: str) -> None:
    make, words = CORPUS[name]
    with pytest.raises(Unauthenticated, match=words) as caught:
        await door.reads(make(door.issuer))
    assert "eyJ" not in caught.value.message


async def test_a_secret_is_no_key_where_none_is_configured(door: Door) -> None:
    with pytest.raises(Unauthenticated, match="not accepted"):
        await JwtReader(EXPECTED, jwks=door.jwks).identity(confused(door.issuer))


async def test_a_secret_in_the_published_set_opens_nothing(door: Door) -> None:
    published = base64.urlsafe_b64encode(b"p" * 32).rstrip(b"=").decode()
    door.issuer.extra.append({"kty": "oct", "kid": "shared", "k": published, "alg": "HS256"})
    reader = JwtReader(EXPECTED, jwks=door.jwks)
    with pytest.raises(Unauthenticated):
        await reader.identity(jwt.encode(claims_of(), b"p" * 32, "HS256", {"kid": "shared"}))


async def test_a_rotated_key_is_fetched_once_in_a_while(door: Door) -> None:
    await door.reads(door.issuer.token())
    assert door.issuer.asked == 1
    door.issuer.add("two", "ES256")
    with pytest.raises(Unauthenticated, match="does not publish"):
        await door.reads(door.issuer.token("two"))
    assert door.issuer.asked == 1, "so soon it is not asked again"
    door.clock.now += 11
    assert (await door.reads(door.issuer.token("two"))).subject == "ann"
    assert door.issuer.asked == 2
    for number in range(20):
        with pytest.raises(Unauthenticated):
            await door.reads(door.issuer.token("one", headers={"kid": f"made-up-{number}"}))
    assert door.issuer.asked == 2, "ids that strangers make up cost nothing"


async def test_a_withdrawn_key_stops_to_count(door: Door) -> None:
    await door.reads(door.issuer.token())
    door.issuer.add("two")
    door.issuer.published.remove("one")
    door.clock.now += 601
    await door.reads(door.issuer.token("two"))
    with pytest.raises(Unauthenticated, match="does not publish"):
        await door.reads(door.issuer.token("one"))


async def test_keys_are_kept_while_the_issuer_is_away(door: Door) -> None:
    await door.reads(door.issuer.token())
    door.issuer.status = 500
    door.clock.now += 10_000
    assert (await door.reads(door.issuer.token())).subject == "ann"


async def test_without_any_key_it_is_said_that_nobody_knows() -> None:
    jwks = Jwks(f"http://127.0.0.1:{free_port()}/secret-path")
    async with issuing() as issuer:
        with pytest.raises(IdentityUnavailable, match="cannot be reached") as caught:
            await JwtReader(EXPECTED, jwks=jwks).identity(issuer.token())
        assert "secret-path" not in caught.value.message
        issuer.status = 503
        other = Jwks(issuer.jwks_url)
        with pytest.raises(IdentityUnavailable, match="answers with status 503"):
            await JwtReader(EXPECTED, jwks=other).identity(issuer.token())
        await other.close()
    await jwks.close()


async def test_leeway_is_for_clocks_not_for_streams(door: Door) -> None:
    now = int(time.time())
    late = await door.reads(door.issuer.token(exp=now - 2))
    assert late.credential.expires_at is not None
    assert late.credential.expires_at.timestamp() == now + 3
    usual = await door.reads(door.issuer.token(exp=now + 60))
    assert usual.credential.expires_at is not None
    assert usual.credential.expires_at.timestamp() == now + 60


async def test_claims_may_have_other_names(door: Door) -> None:
    claims = Claims("email", "org.id", "https://acme.test/env", "realm_access.roles", {"sync-team": Role.STARTER})
    reader = JwtReader(Expected(URL, (AUDIENCE,), claims=claims), jwks=door.jwks)
    said: dict[str, Any] = {
        "email": "ann@acme.test",
        "org": {"id": "acme"},
        "https://acme.test/env": "test",
        "realm_access": {"roles": ["offline_access", "Viewer", "sync-team"]},
    }
    found = await reader.identity(door.issuer.token(**said))
    assert (found.subject, found.scope) == ("ann@acme.test", Scope("acme", "test"))
    assert found.roles == {Role.VIEWER, Role.STARTER}


async def test_a_good_token_may_name_nobody_who_may_come_in(door: Door) -> None:
    with pytest.raises(Forbidden, match="gives no role"):
        await door.reads(door.issuer.token(roles=["baker"]))
    with pytest.raises(Forbidden, match="names no tenant"):
        await door.reads(door.issuer.token(tenant=None))
    platform = await door.reads(door.issuer.token(tenant=None, environment=None, roles="platform viewer"))
    assert platform.scope == Scope()
    everywhere = await door.reads(door.issuer.token(environment=None))
    assert everywhere.scope == Scope("acme", None)


async def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="too short"):
        JwtReader(EXPECTED, secret=Secret("short"))
