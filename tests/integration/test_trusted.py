"""Trusted documents, persisted queries and the other switches, at real gateways and over every transport."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect

from app.web.messages import SUBPROTOCOL
from tests.conftest import TemporalServer, create_database, database_url
from tests.integration.serving import Served, serving
from tests.waiting import eventually

TYPENAME = "{ __typename }"
SCHEMA = "query Schema { __schema { queryType { name } } }"
WATCH = 'subscription { workflowEvents(workflowId: "none") { cursor } }'
MUTATION = 'mutation { cancelWorkflow(input: {workflowId: "none"}) { userErrors { code } } }'
ANSWER = {"data": {"__typename": "Query"}}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def persisted(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": digest(text)}}


@pytest.fixture(scope="module")
async def database(postgres_server: str, template_database: str) -> str:
    return database_url(postgres_server, await create_database(postgres_server, template_database))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("documents") / "web.json"
    file.write_text(json.dumps({digest(each): each for each in (TYPENAME, SCHEMA, WATCH)}), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
async def strict(database: str, temporal: TemporalServer, manifest: Path) -> AsyncIterator[Served]:
    async with serving(database, temporal.address, TIDELINE_DOCUMENTS=str(manifest)) as running:
        yield running


@pytest.fixture(scope="module")
async def public(database: str, temporal: TemporalServer) -> AsyncIterator[Served]:
    switches = {"TIDELINE_INTROSPECTION": "no", "TIDELINE_LIMITS": "depth=4,cost=60"}
    async with serving(database, temporal.address, **switches) as running:
        yield running


def error(response: httpx.Response) -> Any:
    return response.json()["errors"][0]


async def over_socket(served: Served, payload: dict[str, Any]) -> Any:
    """The first message that answers an operation."""
    async with connect(served.url.replace("http", "ws"), subprotocols=[SUBPROTOCOL]) as socket:  # type: ignore[list-item]
        await socket.send('{"type":"connection_init"}')
        await socket.recv()
        await socket.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": payload}).decode())
        while (message := orjson.loads(await socket.recv()))["type"] == "ping":
            pass
        return message


async def test_known_documents_are_served_by_id(strict: Served) -> None:
    id_ = digest(TYPENAME)
    for body in ({"documentId": f"sha256:{id_}"}, {"documentId": id_}, {"doc_id": id_}, {"id": id_}):
        assert (await strict.http.post(strict.url, json=body)).json() == ANSWER
    assert (await strict.http.post(strict.url, json={"extensions": persisted(TYPENAME)})).json() == ANSWER
    for parameters in ({"documentId": id_}, {"extensions": json.dumps(persisted(TYPENAME))}):
        browser = {"Accept": "text/html, */*;q=0.8"}
        assert (await strict.http.get(strict.url, params=parameters, headers=browser)).json() == ANSWER
    assert (await over_socket(strict, {"documentId": id_}))["payload"] == ANSWER
    assert (await over_socket(strict, {"extensions": persisted(TYPENAME)}))["payload"] == ANSWER


@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"])
async def test_known_documents_are_served_over_streams(strict: Served, accept: str) -> None:
    headers = {"Accept": accept}
    known = await strict.http.post(strict.url, json={"documentId": digest(TYPENAME)}, headers=headers)
    assert '{"data":{"__typename":"Query"}}' in known.text
    watched = await strict.http.post(strict.url, json={"documentId": digest(WATCH)}, headers=headers)
    assert "NOT_FOUND" in watched.text
    unknown = await strict.http.post(strict.url, json={"query": MUTATION}, headers=headers)
    assert "DOCUMENT_NOT_TRUSTED" in unknown.text


async def test_other_documents_are_not_served(strict: Served) -> None:
    for body in ({"query": MUTATION}, {"documentId": "x"}, {"query": MUTATION, "extensions": persisted(MUTATION)}):
        response = await strict.http.post(strict.url, json=body)
        assert error(response)["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
    message = await over_socket(strict, {"query": MUTATION})
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"


async def test_a_deployment_of_clients_needs_no_restart(strict: Served, manifest: Path) -> None:
    fresh = "{ fresh: __typename }"
    documents = {digest(each): each for each in (TYPENAME, SCHEMA, WATCH, fresh)}
    await asyncio.to_thread(manifest.write_text, json.dumps(documents), "utf-8")

    async def served() -> Any:
        return (await strict.http.post(strict.url, json={"documentId": digest(fresh)})).json()

    await eventually(served, lambda found: found == {"data": {"fresh": "Query"}})


async def test_automatic_persisted_queries(public: Served) -> None:
    text = "{ automatic: __typename }"
    missing = await public.http.post(public.url, json={"extensions": persisted(text)})
    assert missing.status_code == 200
    assert error(missing)["message"] == "PersistedQueryNotFound"
    assert error(missing)["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    told = await public.http.post(public.url, json={"query": text, "extensions": persisted(text)})
    assert told.json() == {"data": {"automatic": "Query"}}
    known = await public.http.get(public.url, params={"extensions": json.dumps(persisted(text))})
    assert known.json() == {"data": {"automatic": "Query"}}
    message = await over_socket(public, {"extensions": persisted(text)})
    assert message["payload"] == {"data": {"automatic": "Query"}}


async def test_a_persisted_mutation_is_still_no_get(public: Served) -> None:
    await public.http.post(public.url, json={"query": MUTATION, "extensions": persisted(MUTATION)})
    response = await public.http.get(public.url, params={"extensions": json.dumps(persisted(MUTATION))})
    assert response.status_code == 405


async def test_the_schema_is_not_told_where_it_is_switched_off(public: Served, strict: Served) -> None:
    for text in (
        SCHEMA,
        '{ __type(name: "Query") { name } }',
        "{ ...F } fragment F on Query { a: __schema { description } }",
    ):
        assert error(await public.ask(text))["extensions"]["code"] == "FORBIDDEN"
    assert (await public.ask(TYPENAME)).json() == ANSWER
    told = await strict.http.post(strict.url, json={"documentId": digest(SCHEMA)})
    assert told.json() == {"data": {"__schema": {"queryType": {"name": "Query"}}}}


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("{ workflov { id } }", None),
        ("{ workflows(frist: 1) { totalCount } }", None),
        ("{ workflows(filter: {status: [RUNING]}) { totalCount } }", None),
        ("query ($f: WorkflowFilter) { workflows(filter: $f) { totalCount } }", {"f": {"statuss": []}}),
        ("query ($f: WorkflowFilter) { workflows(filter: $f) { totalCount } }", {"f": {"status": ["RUNING"]}}),
    ],
)
async def test_names_are_not_suggested_to_strangers(public: Served, document: str, variables: Any) -> None:
    response = await public.ask(document, variables)
    assert error(response)["extensions"]["code"] == "BAD_USER_INPUT"
    assert "Did you mean" not in response.text


async def test_limits_are_the_operators(public: Served) -> None:
    deep = '{ workflow(workflowId: "a") { parent { parent { parent { id } } } } }'
    assert error(await public.ask(deep))["extensions"] | {"requestId": ""} == {
        "code": "QUERY_TOO_COMPLEX",
        "limit": "depth",
        "most": 4,
        "requestId": "",
    }
    dear = await public.ask("query ($n: Int) { workflows(first: $n) { nodes { id } } }", {"n": 100})
    cost = {"requested": 105, "actual": None, "limit": 60, "remaining": None, "resetAt": None}
    assert error(dear)["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
    assert dear.json()["extensions"] == {"cost": cost}
    assert error(dear)["extensions"]["cost"] == cost, "also over sockets, which carry only errors"
    asked = {"query": "{ workflows(first: 9) { nodes { id } } }", "extensions": {"cost": True}}
    told = (await public.http.post(public.url, json=asked)).json()["extensions"]["cost"]
    assert (told["requested"], told["actual"], told["limit"]) == (14, 5, 60)


async def test_batches_are_refused(public: Served) -> None:
    response = await public.http.post(public.url, json=[{"query": TYPENAME}] * 2)
    assert response.status_code == 400
    assert "Batches are not served" in error(response)["message"]
