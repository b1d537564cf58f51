"""Each type of node against a real Temporal, a real Postgres and a real HTTP server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.workflows import demo
from tests.conftest import TemporalServer
from tests.graphs import ONCE, SECRET, Room, connections, failure, graph, hosted, node, node_server

SCHEMA = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}


@pytest.fixture
async def room(temporal: TemporalServer, task_queue: str, empty_database: str) -> AsyncIterator[Room]:
    await demo.seed(empty_database)
    async with (
        node_server() as server,
        hosted(temporal.client, task_queue, connections(server, empty_database)),
    ):
        yield Room(temporal.client, task_queue, server, empty_database)


async def test_api_call(room: Room) -> None:
    call = node(
        "call",
        "api_call",
        url=f"{room.server.url}/echo",
        method="POST",
        headers={"X-Name": "{{ parameters.name }}"},
        query={"page": 2, "name": "{{ parameters.name }}"},
        body={"wanted": "{{ parameters }}", "said": "Dear {{ parameters.name }}"},
    )
    found = await room.output(call, name="Ada")
    assert (found["status"], found["headers"]["content-type"]) == (200, "application/json")
    said = found["data"]
    assert (said["method"], said["query"]) == ("POST", {"page": "2", "name": "Ada"})
    assert said["body"] == {"wanted": {"name": "Ada"}, "said": "Dear Ada"}
    assert said["headers"]["x-name"] == "Ada"
    assert said["headers"]["idempotency-key"].startswith("msg_")


@pytest.mark.parametrize(
    ("connection", "authorization"), [("crm", "Basic cmVhZGVyOm9wZW4gc2VzYW1l"), ("keyed", "Bearer a-key")]
)
async def test_api_call_by_connection(room: Room, connection: str, authorization: str) -> None:
    handle = await room.start(graph([node("call", "api_call", url="/echo", connection=connection)]))
    found = (await handle.result()).outputs["call"]["data"]
    assert found["headers"]["authorization"] == authorization


@pytest.mark.parametrize(
    ("path", "type_", "asked"),
    [
        ("/status/503", "UnavailableError", 3),
        ("/status/429", "UnavailableError", 3),
        ("/status/404", "NotFoundError", 1),
        ("/status/401", "AuthenticationError", 1),
        ("/status/422", "ValidationError", 1),
        ("/status/302", "ValidationError", 1),
    ],
)
async def test_api_call_that_is_refused(room: Room, path: str, type_: str, asked: int) -> None:
    error = await room.error(node("call", "api_call", url=f"{room.server.url}{path}"))
    assert (error["type"], room.server.asked[path]) == (type_, asked)
    assert error["retry_state"] == ("maximum_attempts_reached" if asked == 3 else "non_retryable_failure")


async def test_api_call_is_tried_again(room: Room) -> None:
    path = "/status/503/2"
    result = await room.result(graph([node("call", "api_call", url=f"{room.server.url}{path}")]))
    assert (result.outputs["call"]["data"], result.nodes["call"].attempts) == ({"asked": 3}, 3)


async def test_a_node_that_takes_too_long(room: Room) -> None:
    slow = node("slow", "api_call", url=f"{room.server.url}/slow", timeout_seconds=0.5, retry=ONCE)
    error = await room.error(slow)
    assert error["type"] == "UnavailableError"
    assert room.server.asked["/slow"] == 1


async def test_an_answer_that_is_too_large(room: Room) -> None:
    error = await room.error(node("large", "api_call", url=f"{room.server.url}/large"))
    assert (error["type"], "more than 131072 bytes" in error["message"]) == ("ValidationError", True)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("api_call", {}),
        ("webhook", {"sign_with": "hooks", "method": "POST"}),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "{{ parameters.host }}"])
async def test_no_url_leads_into_a_private_network(
    temporal: TemporalServer, task_queue: str, kind: str, data: dict[str, Any], host: str
) -> None:
    async with (
        node_server() as server,
        hosted(temporal.client, task_queue, connections(server, ""), private=False),
    ):
        room = Room(temporal.client, task_queue, server, "")
        port = server.url.rpartition(":")[2]
        error = await room.error(node("call", kind, url=f"http://{host}:{port}/echo", **data), host="0x7f000001")
        assert (error["type"], error["retry_state"]) == ("ValidationError", "non_retryable_failure")
        assert "TIDELINE_OUTBOUND_NETWORKS" in error["message"]
        assert not server.asked
        assert not server.hooks


async def test_condition_and_transform(room: Room) -> None:
    nodes = [
        node("fetch", "api_call", url=f"{room.server.url}/items"),
        node("many", "condition", condition="inputs.data.total > parameters.least"),
        node("shape", "transform", mapping={"ids": "[each.id for each in nodes.fetch.output.data.items]"}),
        node("sum", "transform", transform_type="expression", expression="sum(e.price for e in inputs.data.items)"),
        node("both", "transform", mapping={"all": "inputs", "many": "nodes.many.output"}),
    ]
    edges = ("fetch>many", "fetch>shape", "fetch>sum", "many>both", "shape>both", "sum>both")
    result = await room.result(graph(nodes, *edges, parameters={"least": 1}))
    inputs = {"many": True, "shape": {"ids": [7, 8]}, "sum": 15.5}
    assert result.outputs == {"both": {"all": inputs, "many": True}}


async def test_an_expression_that_cannot_be_evaluated(room: Room) -> None:
    error = await room.error(node("shape", "transform", mapping={"a": "parameters.absent"}), present=1)
    assert error["type"] == "ExpressionError"
    assert error["message"] == "parameters.absent: there is no field 'absent'; there are present."
    error = await room.error(node("call", "api_call", url="https://{{ parameters.host }}"), host="a@b")
    assert (error["type"], "must not carry credentials" in error["message"]) == ("ValidationError", True)


async def test_delay(room: Room) -> None:
    nodes = [node("wait", "delay", delay_seconds=0.2), node("more", "delay", delay_seconds="{{ parameters.wait }}")]
    result = await room.result(graph(nodes, "wait>more", parameters={"wait": 0.3}))
    assert result.outputs == {"more": {"delayed_seconds": 0.3}}
    assert result.duration >= 0.5
    error = await room.error(node("more", "delay", delay_seconds="{{ parameters.wait }}"), wait="long")
    assert "must be 0 to 2678400 seconds" in error["message"]


async def test_database(room: Room) -> None:
    def rows(name: str, **data: Any) -> Any:
        return node(name, "database", connection="demo", **data)

    plan = {"tenant_id": "default", "environment_id": "default", "subscription_id": "sub-x"}
    values = {**plan, "plan_id": "plan-pro", "currency": "EUR", "interval": "month", "status": "active"}
    counting = "select count(*) as n, now() as at from demo.plan_prices where plan_id = $1;"
    renaming = "update demo.subscriptions set status = 'x' where plan_id = $1"
    nodes = [
        rows("count", query=counting, parameters=["{{ parameters.plan }}"]),
        rows("insert", operation="insert", table="demo.subscriptions", values=values),
        rows("update", operation="update", table="demo.subscriptions", values={"status": "paused"}, where=plan),
        rows("select", operation="select", table="demo.subscriptions", columns=["status"], where=plan),
        rows("few", operation="select", table="demo.plan_prices", limit=3),
        rows("execute", operation="execute", query=renaming, parameters=["plan-enterprise"]),
        rows("delete", operation="delete", table="demo.subscriptions", where=plan),
    ]
    edges = [f"{a.id}>{b.id}" for a, b in itertools.pairwise(nodes)]
    told = node("told", "transform", mapping={each.id: f"nodes.{each.id}.output" for each in nodes})
    request = graph([*nodes, told], *edges, "delete>told", parameters={"plan": "plan-pro"})
    found = (await room.result(request)).outputs["told"]
    assert (found["count"]["rows"][0]["n"], found["count"]["more"]) == (120, False)
    assert [found[each]["count"] for each in ("insert", "update", "execute", "delete")] == [1, 1, 8, 1]
    assert found["select"] == {"rows": [{"status": "paused"}], "count": 1, "more": False}
    assert (found["few"]["count"], found["few"]["more"]) == (3, True)
    assert isinstance(found["few"]["rows"][0]["amount"], int)


@pytest.mark.parametrize(
    ("data", "type_", "words"),
    [
        ({"query": "delete from demo.plan_prices returning 1"}, "ValidationError", "cannot be used"),
        ({"query": "with gone as (delete from demo.plan_prices returning 1) select 1"}, "ValidationError", ""),
        ({"query": "select 1; select 2"}, "ValidationError", ""),
        ({"query": "select * from demo.absent"}, "NotFoundError", "demo.absent"),
        ({"query": "select nextval('demo.numbers')"}, "NotFoundError", "demo.numbers"),
        ({"query": "select $1::int", "parameters": ["one"]}, "ValidationError", ""),
        ({"query": "select pg_sleep(20)", "timeout_seconds": 0.5}, "UnavailableError", ""),
        ({"query": "select 1", "connection": "absent"}, "NotFoundError", "TIDELINE_CONNECTIONS has: ai, crm, demo"),
        ({"query": "select 1", "connection": "crm"}, "ValidationError", "no postgresql connection"),
        ({"query": "select 1", "connection": "nowhere"}, "UnavailableError", "connection 'nowhere'"),
        ({"operation": "insert", "table": "demo.plan_prices", "values": {"absent": 1}}, "ValidationError", "absent"),
    ],
)  # fmt: skip
async def test_database_that_refuses(room: Room, data: dict[str, Any], type_: str, words: str) -> None:
    error = await room.error(node("ask", "database", **{"connection": "demo", "retry": ONCE, **data}))
    assert (error["type"], words in error["message"]) == (type_, True), error
    connection = await asyncpg.connect(room.database)
    try:
        assert await connection.fetchval("select count(*) from demo.plan_prices") == 396
    finally:
        await connection.close()


async def test_webhook_is_signed_retried_and_told_of(room: Room) -> None:
    nodes = [
        node("fetch", "api_call", url=f"{room.server.url}/items"),
        node("tell", "webhook", url=f"{room.server.url}/hooks/3", sign_with="hooks"),
    ]
    handle = await room.start(graph(nodes, "fetch>tell"))
    result = await handle.result()
    assert result.nodes["tell"].attempts == 3
    told = result.outputs["tell"]
    assert told == {**told, "delivered": True, "status": 204, "url": f"{room.server.url}/hooks/3"}
    assert len(room.server.hooks) == 3
    assert {headers["webhook-id"] for headers, _ in room.server.hooks} == {told["webhook_id"]}
    headers, body = room.server.hooks[-1]
    assert json.loads(body)["data"]["total"] == 2
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert SECRET not in (await handle.fetch_history()).to_json()


async def test_webhook_that_is_not_delivered_is_told_of_as_well(room: Room) -> None:
    nodes = [
        node("tell", "webhook", url=f"{room.server.url}/hooks/9", sign_with="hooks", payload=1, on_failure="continue"),
        node("note", "transform", mapping={"status": "nodes.tell.status", "error": "nodes.tell.error.type"}),
    ]
    result = await room.result(graph(nodes, "tell>note"))
    assert result.outputs == {"note": {"status": "failed", "error": "UnavailableError"}}
    assert len(room.server.hooks) == 3


async def test_ai_agent(room: Room) -> None:
    nodes = [
        node("fetch", "api_call", url=f"{room.server.url}/items"),
        node("ask", "ai_agent", connection="ai", agent_type="pricing analyst", prompt="Sum up."),
    ]
    handle = await room.start(graph(nodes, "fetch>ask"))
    found = (await handle.result()).outputs["ask"]
    usage = {"prompt_tokens": 30, "completion_tokens": 20, "total_tokens": 50}
    assert found == {"text": "fine", "model": "tiny", "usage": usage}
    (asked,) = room.server.prompts
    assert (asked["model"], 3800 < asked["max_tokens"] < 4000) == ("tiny", True)
    assert [each["role"] for each in asked["messages"]] == ["system", "user", "user"]
    assert "pricing analyst" in asked["messages"][0]["content"]
    assert json.loads(asked["messages"][2]["content"])["data"]["total"] == 2
    assert room.server.model_headers["authorization"] == "Bearer ai-key"
    assert "ai-key" not in (await handle.fetch_history()).to_json()


async def test_ai_agent_is_corrected_until_its_answer_fits(room: Room) -> None:
    room.server.answers = ["I think so", '{"sure": "yes"}', '```json\n{"sure": true}\n```']
    ask = node("ask", "ai_agent", connection="ai", prompt="Sure, {{ parameters.name }}?", output_schema=SCHEMA)
    found = await room.output(ask, name="Ada")
    assert (found["data"], found["usage"]["total_tokens"]) == ({"sure": True}, 150)
    first, second, third = room.server.prompts
    assert first["response_format"]["json_schema"]["schema"] == SCHEMA
    assert first["messages"][1]["content"] == "Sure, Ada?"
    assert "It is no JSON" in second["messages"][-1]["content"]
    assert "sure: 'yes' is not of type 'boolean'" in third["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("data", "type_", "words", "asked"),
    [
        ({"output_schema": SCHEMA}, "OutputError", "after 2 corrections", 3),
        ({"output_schema": SCHEMA, "token_budget": 100}, "BudgetError", "50 are spent|100 are spent", 1),
        ({"token_budget": 5}, "BudgetError", "0 are spent", 0),
        ({"connection": "mute"}, "ValidationError", "names a model", 0),
        ({"connection": "demo"}, "ValidationError", "no https connection", 0),
    ],
)
async def test_ai_agent_that_fails(room: Room, data: dict[str, Any], type_: str, words: str, asked: int) -> None:
    error = await room.error(node("ask", "ai_agent", **{"connection": "ai", "prompt": "Sure?", **data}))
    assert error["type"] == type_
    assert any(each in error["message"] for each in words.split("|")), error
    assert asked <= len(room.server.prompts) <= max(asked, 2 if type_ == "BudgetError" and asked else asked)


async def test_a_secret_is_missing(room: Room) -> None:
    error = await room.error(node("tell", "webhook", url=f"{room.server.url}/hooks", sign_with="mute"))
    assert "has no password to sign with" in error["message"]
    found = await failure(await room.start(graph([node("tell", "webhook", url="https://x.example")])))
    assert (found.type, found.non_retryable) == ("ValidationError", True)
    assert found.details[0] == [{"path": ["nodes", 0, "data", "sign_with"], "message": "sign_with is missing."}]
