"""The door of a real gateway: who comes in how, over which transport, and what is not told."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import jwt
import pytest
from starlette.datastructures import Secret
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app import log
from app.access import Role
from tests.conftest import TemporalServer
from tests.integration.guarded import PROTOCOL, SECRET, Guarded, code_of, events_of, guarded, subscribed
from tests.integration.web_host import closed, hear, say
from tests.issuer import claims_of
from tests.waiting import eventually

VIEWER = "{ viewer { subject tenant environment roles permissions scopedToTenant expiresAt } }"
START = """
mutation ($id: String!) {
  startWorkflow(input: {workflowType: "Nothing", taskQueue: "nobody", workflowId: $id}) {
    execution { workflowId tenant } userErrors { code message }
  }
}
"""
CREATE_KEY = """
mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) {
    secret apiKey { id name prefix roles tenant environment lastUsedAt revokedAt } userErrors { code path message }
  }
}
"""
REVOKE_KEY = """
mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { apiKey { revokedAt } userErrors { code message } } }
"""
KEYS = "{ apiKeys(includeRevoked: true) { id name prefix lastUsedAt revokedAt createdBy } }"
TICKET = "mutation { createStreamTicket { ticket expiresAt } }"


def token(seconds: float = 300, **claims: object) -> str:
    return jwt.encode(claims_of(exp=int(time.time() + seconds), **claims), SECRET, "HS256")


@pytest.fixture
async def gateway(temporal: TemporalServer, database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Guarded]:
    async with guarded(
        temporal.address, database, monkeypatch, jwt_secret=Secret(SECRET), jwt_audience=("tideline",)
    ) as made:
        yield made


async def started(gateway: Guarded, key: str) -> str:
    workflow_id = f"guard-{uuid.uuid4().hex[:10]}"
    done = (await gateway.data(key, START, id=workflow_id))["startWorkflow"]
    assert done["userErrors"] == []
    return workflow_id


def watch(workflow_id: str) -> str:
    return f'subscription {{ workflow(workflowId: "{workflow_id}") {{ status }} }}'


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "Say who you are"),
        ({"authorization": "Basic YTpi"}, "must be Bearer"),
        ({"authorization": "Bearer"}, "must be Bearer"),
        ({"authorization": "tdl_key_abc"}, "must be Bearer"),
        ({"authorization": "Bearer tdl_key_" + "x" * 43}, "API key is not valid"),
        ({"authorization": "Bearer tdl_other_abc"}, "not one that can be sent"),
        ({"authorization": "Bearer tdl_ticket_" + "x" * 43}, "not one that can be sent"),
        ({"authorization": "Bearer tdl_watch_abc"}, "not valid"),
        ({"authorization": "Bearer hello"}, "no JSON Web Token"),
        ({"authorization": "Bearer " + "x" * 1_000_000}, "longer than 16384"),
        ({"authorization": "Bearer caf\u00e9"}, "characters that no token has"),
    ],
)
async def test_nobody_comes_in_without_a_token_that_holds(
    gateway: Guarded, headers: dict[str, str], words: str
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    response = await gateway.http.post("/graphql", json={"query": VIEWER}, headers=raw)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert code_of(response.json()) == "UNAUTHENTICATED"
    assert words in response.json()["errors"][0]["message"]


async def test_who_came_in_is_told(gateway: Guarded) -> None:
    viewer = (await gateway.data(token(roles=["viewer"]), VIEWER))["viewer"]
    assert (viewer["subject"], viewer["tenant"], viewer["scopedToTenant"]) == ("ann", "acme", "acme")
    assert (viewer["roles"], viewer["permissions"]) == (["VIEWER"], ["QUERY", "READ"])
    assert viewer["expiresAt"] is not None
    key = await gateway.key(Role.STARTER)
    viewer = (await gateway.data(key, VIEWER))["viewer"]
    assert (viewer["subject"], viewer["roles"], viewer["expiresAt"]) == ("key:key of acme", ["STARTER"], None)


async def test_headers_narrow_a_platform_and_widen_nobody(gateway: Guarded) -> None:
    platform, member = await gateway.key(Role.PLATFORM, tenant=None, environment=None), await gateway.key(Role.ADMIN)

    async def viewer(key: str, tenant: str) -> dict[str, object]:
        headers = {"authorization": f"Bearer {key}", "x-tenant-id": tenant}
        found: dict[str, object] = (await gateway.http.post("/graphql", json={"query": VIEWER}, headers=headers)).json()
        return found

    assert (await gateway.data(platform, VIEWER))["viewer"]["scopedToTenant"] is None
    narrowed = (await viewer(platform, "globex"))["data"]
    assert narrowed["viewer"]["scopedToTenant"] == "globex"  # type: ignore[index]
    assert narrowed["viewer"]["roles"] == ["ADMIN"]  # type: ignore[index]
    assert code_of(await viewer(member, "globex")) == "FORBIDDEN"
    assert "data" in await viewer(member, "acme")


async def test_what_another_tenant_owns_is_not_there_in_the_same_words(gateway: Guarded) -> None:
    ours, theirs = await gateway.key(Role.ADMIN), await gateway.key(Role.ADMIN, tenant="globex")
    workflow_id = await started(gateway, ours)
    for name in (workflow_id, "nothing-of-this-name"):
        read = await gateway.ask(theirs, "query ($id: String!) { workflow(workflowId: $id) { status } }", id=name)
        assert read == {"data": {"workflow": None}}
        cancel = "mutation ($id: String!) { cancelWorkflow(input: {workflowId: $id}) { userErrors { code message } } }"
        refused = (await gateway.data(theirs, cancel, id=name))["cancelWorkflow"]["userErrors"]
        assert refused == [{"code": "NOT_FOUND", "message": f"There is no workflow '{name}'."}]


async def test_a_key_is_shown_once_and_kept_by_its_hash(gateway: Guarded) -> None:
    admin = await gateway.key(Role.ADMIN)
    wanted = {"name": "billing", "roles": ["STARTER"]}
    made = (await gateway.data(admin, CREATE_KEY, input=wanted))["createApiKey"]
    secret, key = made["secret"], made["apiKey"]
    assert secret.startswith(key["prefix"])
    assert (key["tenant"], key["environment"], key["lastUsedAt"]) == ("acme", "prod", None)
    assert (await gateway.data(secret, VIEWER))["viewer"]["subject"] == "key:billing"
    listed = {each["id"]: each for each in (await gateway.data(admin, KEYS))["apiKeys"]}
    assert listed[key["id"]]["lastUsedAt"] is not None
    for table in ("api_keys", "audit"):
        rows = await gateway.database.fetch(f"select t::text from {table} t")
        assert all(secret not in row[0] and secret[len(key["prefix"]) :] not in row[0] for row in rows)


async def test_the_audit_tells_which_key_an_act_was_done_with(gateway: Guarded) -> None:
    """A name is not enough: two keys may have the same."""
    keys = [await gateway.key(Role.ADMIN), await gateway.key(Role.ADMIN)]
    cancel = 'mutation { cancelWorkflow(input: {workflowId: "nothing"}) { userErrors { code } } }'
    asked = "query ($key: ID) { audit(filter: {apiKeyId: $key}) { nodes { identity action apiKeyId } } }"
    for key in keys:
        await gateway.data(key, cancel)
    acts = (await gateway.data(keys[0], asked))["audit"]["nodes"]
    assert len({each["identity"] for each in acts}) == 1
    used = {each["apiKeyId"] for each in acts}
    assert len(used) == 2
    for each in used:
        [act] = (await gateway.data(keys[0], asked, key=each))["audit"]["nodes"]
        assert (act["action"], act["apiKeyId"]) == ("cancelWorkflow", each)


async def test_a_key_has_no_right_that_its_maker_has_not(gateway: Guarded) -> None:
    admin, operator = await gateway.key(Role.ADMIN), await gateway.key(Role.OPERATOR)

    async def refusals(key: str, **wanted: object) -> list[str]:
        made = (await gateway.data(key, CREATE_KEY, input={"name": "x", "roles": ["VIEWER"], **wanted}))["createApiKey"]
        assert (made["secret"] is None) == bool(made["userErrors"])
        return [each["code"] for each in made["userErrors"]]

    assert await refusals(operator) == ["NOT_ALLOWED"]
    assert await refusals(admin, roles=["PLATFORM"]) == ["NOT_ALLOWED"]
    assert await refusals(admin, tenant="globex") == ["NOT_ALLOWED"]
    assert await refusals(admin, roles=[]) == ["INVALID_INPUT"]
    assert await refusals(admin, expiresAt="2020-01-01T00:00:00Z") == ["INVALID_INPUT"]
    assert await refusals(admin, name=" ") == ["INVALID_INPUT"]
    assert code_of(await gateway.ask(operator, KEYS)) == "FORBIDDEN"
    stranger = await gateway.key(Role.ADMIN, tenant="globex")
    id_ = (await gateway.data(admin, KEYS))["apiKeys"][0]["id"]
    for name in (id_, str(uuid.uuid4()), "nonsense"):
        refused = (await gateway.data(stranger, REVOKE_KEY, id=name))["revokeApiKey"]["userErrors"]
        assert refused == [{"code": "NOT_FOUND", "message": f"There is no API key '{name}'."}]
    assert all(each["createdBy"] == "test" for each in (await gateway.data(stranger, KEYS))["apiKeys"])


async def test_a_revoked_key_is_out_on_every_gateway_with_its_streams(
    gateway: Guarded, temporal: TemporalServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, key = await gateway.key(Role.ADMIN), await gateway.key(Role.OPERATOR)
    workflow_id = await started(gateway, admin)
    async with guarded(temporal.address, database, monkeypatch) as other:
        await other.data(key, VIEWER)
        async with other.session(key) as websocket:
            await subscribed(websocket, watch(workflow_id))
            listed = (await gateway.data(admin, KEYS))["apiKeys"]
            id_ = next(each["id"] for each in listed if key.startswith(each["prefix"]))
            await gateway.data(admin, REVOKE_KEY, id=id_)
            assert await closed(websocket) == (4401, "The API key has been revoked.")

        async def refused() -> bool:
            return (await other.post(key, VIEWER)).status_code == 401

        await eventually(refused, within=5)


async def test_a_revocation_is_found_without_its_hint(gateway: Guarded) -> None:
    admin, key = await gateway.key(Role.ADMIN), await gateway.key(Role.OPERATOR)
    workflow_id = await started(gateway, admin)
    async with gateway.session(key) as websocket:
        await subscribed(websocket, watch(workflow_id))
        await gateway.database.execute("update api_keys set revoked_at = now() where 'OPERATOR' = any(roles)")
        assert (await closed(websocket))[0] == 4401


async def test_a_socket_is_cut_when_its_token_ends(gateway: Guarded) -> None:
    workflow_id = await started(gateway, await gateway.key(Role.ADMIN))
    async with gateway.session(token(3)) as websocket:
        await subscribed(websocket, watch(workflow_id))
        code, reason = await closed(websocket)
        assert (code, reason) == (4403, "The token has expired. Connect again with a new one.")


async def test_a_socket_goes_on_under_a_new_token(gateway: Guarded) -> None:
    workflow_id = await started(gateway, await gateway.key(Role.ADMIN))
    async with gateway.session(token(3)) as websocket:
        await subscribed(websocket, watch(workflow_id))
        await say(websocket, type="ping", payload={"authorization": f"Bearer {token(-60)}"})
        assert await hear(websocket) == {
            "type": "pong", "payload": {"refreshed": False, "message": "The token has expired."}
        }  # fmt: skip
        await say(websocket, type="ping", payload={"authorization": f"Bearer {token(300)}"})
        assert await hear(websocket) == {"type": "pong", "payload": {"refreshed": True}}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await websocket.wait_closed()
        done = await gateway.data(
            token(roles=["operator"]),
            "mutation ($id: String!) { cancelWorkflow(input: {workflowId: $id}) { userErrors { code } } }",
            id=workflow_id,
        )
        assert done["cancelWorkflow"]["userErrors"] == []
        await say(websocket, type="ping", payload={"authorization": f"Bearer {token(300, roles=['viewer'])}"})
        code, reason = await closed(websocket)
        assert code == 4403
        assert reason is not None
        assert "other rights" in reason


async def test_a_socket_without_a_token_is_not_let_in(gateway: Guarded) -> None:
    async with connect(gateway.url.replace("http", "ws"), subprotocols=[PROTOCOL]) as websocket:
        await say(websocket, type="connection_init")
        with pytest.raises(ConnectionClosed):
            await websocket.recv()
        assert websocket.close_code == 4403


async def test_a_ticket_opens_one_stream_once(gateway: Guarded) -> None:
    key = await gateway.key(Role.ADMIN)
    workflow_id = await started(gateway, key)
    ticket = (await gateway.data(key, TICKET))["createStreamTicket"]["ticket"]
    newest = "{ audit(first: 1) { nodes { action outcome } } }"
    assert (await gateway.data(key, newest))["audit"]["nodes"] == [{"action": "createStreamTicket", "outcome": "OK"}]
    accept = {"accept": "text/event-stream"}
    asked = {"query": watch(workflow_id), "ticket": ticket}
    async with gateway.http.stream("GET", "/graphql", params=asked, headers=accept) as response:
        assert response.status_code == 200
        assert (await anext(events_of(response)))["data"]["workflow"]["status"] == "RUNNING"
        again = await gateway.http.get("/graphql", params=asked, headers=accept)
        assert again.status_code == 401
        assert "used" in again.json()["errors"][0]["message"]
    other = (await gateway.data(key, TICKET))["createStreamTicket"]["ticket"]
    plain = await gateway.http.get("/graphql", params={"query": VIEWER, "ticket": other})
    assert plain.status_code == 401, "a ticket opens streams and nothing else"
    await gateway.database.execute("update stream_tickets set expires_at = now() - interval '1 second'")
    late = await gateway.http.get("/graphql", params={**asked, "ticket": other}, headers=accept)
    assert late.status_code == 401


async def test_a_stream_ends_with_the_token_behind_its_ticket(gateway: Guarded) -> None:
    workflow_id = await started(gateway, await gateway.key(Role.ADMIN))
    ticket = (await gateway.data(token(3), TICKET))["createStreamTicket"]["ticket"]
    asked = {"query": watch(workflow_id), "ticket": ticket}
    async with gateway.http.stream(
        "GET", "/graphql", params=asked, headers={"accept": "text/event-stream"}
    ) as response:
        async with asyncio.timeout(10):
            said = [each async for each in events_of(response)]
    assert [code_of(each) for each in said[1:]] == ["UNAUTHENTICATED"]


async def test_a_cookie_opens_streams_and_nothing_else(gateway: Guarded) -> None:
    key = await gateway.key(Role.ADMIN)
    workflow_id = await started(gateway, key)
    assert (await gateway.http.post("/graphql/session")).status_code == 401
    made = await gateway.http.post("/graphql/session", headers={"authorization": f"Bearer {key}"})
    assert made.status_code == 204
    cookie = made.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/graphql", "Max-Age="))
    assert "Secure" not in cookie
    assert key not in cookie
    secure = await gateway.http.post(
        "/graphql/session", headers={"authorization": f"Bearer {key}", "x-forwarded-proto": "https"}
    )
    assert "Secure" in secure.headers["set-cookie"]
    gateway.http.cookies.clear()
    jar = {"cookie": cookie.partition(";")[0]}
    streaming = {**jar, "accept": "text/event-stream"}
    params = {"query": watch(workflow_id)}
    async with gateway.http.stream("GET", "/graphql", params=params, headers=streaming) as response:
        assert (await anext(events_of(response)))["data"]["workflow"]["status"] == "RUNNING"
    for refused in (
        await gateway.http.post("/graphql", json={"query": VIEWER}, headers=jar),
        await gateway.http.post("/graphql", json={"query": VIEWER}, headers=streaming),
        await gateway.http.get("/graphql", params={"query": VIEWER}, headers=jar),
    ):
        assert refused.status_code == 401


async def test_a_ticket_is_in_no_log(gateway: Guarded, capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("console", "info")
    key = await gateway.key(Role.ADMIN)
    workflow_id = await started(gateway, key)
    ticket = (await gateway.data(key, TICKET))["createStreamTicket"]["ticket"]
    for _ in range(2):
        asked = {"query": watch(workflow_id), "ticket": ticket}
        async with gateway.http.stream(
            "GET", "/graphql", params=asked, headers={"accept": "text/event-stream"}
        ) as response:
            await anext(response.aiter_lines())
    said = "".join(capfd.readouterr())
    assert "/graphql" in said
    assert ticket not in said
    assert key not in said
