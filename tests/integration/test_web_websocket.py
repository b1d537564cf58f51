"""graphql-transport-ws over real sockets: every message, every close code, and clients that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Subprotocol

from app.metrics import REGISTRY
from app.settings import Settings
from app.web.messages import SUBPROTOCOL
from tests.integration.web_host import Host, closed, fast, hear, hosted, say, small_buffer
from tests.waiting import eventually


@pytest.fixture(scope="module")
async def host() -> AsyncIterator[Host]:
    async with hosted(pace=fast(operations=3)) as running:
        yield running


async def subscribe(websocket: object, id_: object, query: str, **variables: object) -> None:
    payload = {"query": query, "variables": variables or None}
    await say(websocket, id=id_, type="subscribe", payload=payload)  # type: ignore[arg-type]


async def test_stream_is_delivered_and_completed(host: Host) -> None:
    async with host.session() as ws:
        assert ws.subprotocol == SUBPROTOCOL
        await subscribe(ws, "1", "count", to=2)
        assert await hear(ws) == {"id": "1", "type": "next", "payload": {"data": {"count": 0}}}
        assert await hear(ws) == {"id": "1", "type": "next", "payload": {"data": {"count": 1}}}
        assert await hear(ws) == {"id": "1", "type": "complete"}


async def test_query_is_one_next_and_complete(host: Host) -> None:
    async with host.session() as ws:
        payload = {"query": "echo", "variables": {"x": [1, None]}, "operationName": "E", "extensions": {}}
        await say(ws, id="q", type="subscribe", payload=payload)
        told = {"query": "echo", "variables": {"x": [1, None]}, "name": "E"}
        assert await hear(ws) == {"id": "q", "type": "next", "payload": {"data": told}}
        assert await hear(ws) == {"id": "q", "type": "complete"}


@pytest.mark.parametrize("id_", ['"', "\\", 'a"b\\c\n\t', "id with spaces", "日本語 😀 é", "}{", "\x00", "x" * 2000])
async def test_any_id_comes_back_whole(host: Host, id_: str) -> None:
    async with host.session() as ws:
        await subscribe(ws, id_, "count", to=1)
        assert await hear(ws) == {"id": id_, "type": "next", "payload": {"data": {"count": 0}}}
        assert await hear(ws) == {"id": id_, "type": "complete"}


async def test_refused_operation_is_an_error_and_spares_the_socket(host: Host) -> None:
    async with host.session() as ws:
        await subscribe(ws, "alive", "wait")
        assert (await hear(ws))["id"] == "alive"
        await subscribe(ws, "bad", "syntax")
        assert await hear(ws) == {"id": "bad", "type": "error", "payload": [{"message": "Syntax Error: what?"}]}
        await subscribe(ws, "bad", "count", to=1)
        assert await hear(ws) == {"id": "bad", "type": "next", "payload": {"data": {"count": 0}}}


async def test_crash_of_the_engine_is_a_masked_error_of_its_id(host: Host) -> None:
    with capture_logs() as logs:
        await crash(host)
    assert [entry["exc_info"] for entry in logs if entry["event"] == "operation failed"] == [True]


async def crash(host: Host) -> None:
    async with host.session() as ws:
        await subscribe(ws, "1", "crash")
        message = await hear(ws)
        assert (message["id"], message["type"]) == ("1", "error")
        [error] = message["payload"]
        assert error["extensions"]["code"] == "INTERNAL"
        assert error["extensions"]["requestId"]
        assert "secret" not in orjson.dumps(message).decode()
        await subscribe(ws, "2", "count", to=0)
        assert await hear(ws) == {"id": "2", "type": "complete"}


async def test_complete_ends_the_stream_and_frees_its_id() -> None:
    async with hosted() as host, host.session() as ws:
        await subscribe(ws, "1", "wait")
        await hear(ws)
        await say(ws, id="1", type="complete")
        async with asyncio.timeout(5):
            await host.script.ended["wait"].wait()
        await subscribe(ws, "1", "count", to=1)
        assert (await hear(ws))["payload"] == {"data": {"count": 0}}


async def test_id_may_be_used_again_as_soon_as_its_end_is_heard(host: Host) -> None:
    async with host.session() as ws:
        for _ in range(50):
            await subscribe(ws, "same", "count", to=0)
            assert await hear(ws) == {"id": "same", "type": "complete"}


async def test_completing_what_does_not_run_is_harmless(host: Host) -> None:
    async with host.session() as ws:
        await say(ws, id="nobody", type="complete")
        await subscribe(ws, "1", "count", to=0)
        assert await hear(ws) == {"id": "1", "type": "complete"}


@pytest.mark.parametrize("abrupt", [False, True])
async def test_leaving_ends_every_stream(abrupt: bool) -> None:
    async with hosted() as host:
        async with host.session() as ws:
            await subscribe(ws, "1", "wait")
            await hear(ws)
            if abrupt:
                ws.transport.abort()
        async with asyncio.timeout(5):
            await host.script.ended["wait"].wait()


async def test_ping_is_answered_and_pong_is_welcome(host: Host) -> None:
    async with host.session() as ws:
        await say(ws, type="pong")
        await say(ws, type="pong", payload={"any": "thing"})
        await say(ws, type="ping")
        assert await hear(ws) == {"type": "pong"}
        await say(ws, type="ping", payload={"any": ["thing", None]})
        assert await hear(ws) == {"type": "pong", "payload": {"any": ["thing", None]}}


async def test_a_query_that_is_completed_before_its_end_has_no_result() -> None:
    async with hosted() as host, host.session() as ws:
        await subscribe(ws, "1", "slow")
        await host.script.started["slow"].wait()
        await say(ws, id="1", type="complete")
        async with asyncio.timeout(5):
            await host.script.ended["slow"].wait()
        host.script.more.set()
        await subscribe(ws, "2", "count", to=0)
        assert await hear(ws) == {"id": "2", "type": "complete"}, "and nothing of the first"


async def test_what_comes_after_the_end_of_an_operation_is_ignored(host: Host) -> None:
    async with host.session() as ws:
        for query in ("count", "syntax"):
            await subscribe(ws, "1", query, to=0)
            assert (await hear(ws))["type"] in {"complete", "error"}
            await say(ws, id="1", type="complete")
        await say(ws, type="ping")
        assert await hear(ws) == {"type": "pong"}


async def test_server_pings() -> None:
    async with hosted(pace=fast(ping_interval=0.05)) as host, host.session() as ws:
        async with asyncio.timeout(5):
            for _ in range(3):
                assert orjson.loads(await ws.recv()) == {"type": "ping"}


async def test_ping_is_answered_before_initialisation(host: Host) -> None:
    async with host.socket() as ws:
        await say(ws, type="ping")
        assert await hear(ws) == {"type": "pong"}


async def test_too_many_operations_are_an_error_of_the_last(host: Host) -> None:
    async with host.session() as ws:
        for number in range(3):
            await subscribe(ws, f"{number}", "wait")
            await hear(ws)
        await subscribe(ws, "3", "wait")
        message = await hear(ws)
        assert (message["id"], message["type"]) == ("3", "error")
        assert "already has 3 operations" in message["payload"][0]["message"]
        await say(ws, id="0", type="complete")
        await subscribe(ws, "3", "count", to=0)
        assert await hear(ws) == {"id": "3", "type": "complete"}


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("nonsense", "not JSON"),
        ("[]", "JSON object"),
        ("null", "JSON object"),
        ("{}", "Unknown message type"),
        (b'{"type":"ping"}', "text frames"),
        (b"\xff\x00", "text frames"),
        ('{"type":"subscribe","id":1,"payload":{"query":"count"}}', "id of subscribe"),
        ('{"type":"subscribe","id":"","payload":{"query":"count"}}', "id of subscribe"),
        ('{"type":"subscribe","payload":{"query":"count"}}', "id of subscribe"),
        ('{"type":"subscribe","id":"1"}', "JSON object"),
        ('{"type":"subscribe","id":"1","payload":{}}', "query is missing"),
        ('{"type":"complete"}', "id of complete"),
        ('{"type":"ping","payload":[]}', "payload of ping"),
        ('{"type":"connection_init","payload":"x"}', "payload of connection_init"),
        ('{"type":"next","id":"1","payload":{}}', "Unknown message type"),
        ('{"type":"connection_ack"}', "Unknown message type"),
        ('{"type":"start","id":"1","payload":{"query":"count"}}', "Unknown message type"),
        ('{"type":"subscribe","id":"1","payload":"count"}', "payload of subscribe"),
        ('{"type":"subscribe","id":"1","payload":{"query":"a","variables":"x"}}', "variables must be an object"),
        ('{"type":"' + "é" * 100 + '"}', "Unknown message type"),
    ],
)
@pytest.mark.parametrize("initialised", [False, True])
async def test_malformed_message_closes_4400_without_a_traceback(
    host: Host, caplog: pytest.LogCaptureFixture, frame: str | bytes, reason: str, initialised: bool
) -> None:
    with capture_logs() as logs:
        async with host.session() if initialised else host.socket() as ws:
            await ws.send(frame)
            code, why = await closed(ws)
    assert code == 4400
    assert reason in (why or "")
    assert [entry for entry in logs if entry["log_level"] == "error"] == []
    assert caplog.text == "", "uvicorn has nothing to say either"


async def test_subscribe_before_ack_closes_4401(host: Host) -> None:
    async with host.socket() as ws:
        await subscribe(ws, "1", "count")
        assert (await closed(ws))[0] == 4401


async def test_second_init_closes_4429(host: Host) -> None:
    async with host.session() as ws:
        await say(ws, type="connection_init")
        assert await closed(ws) == (4429, "Too many initialisation requests")


async def test_second_init_before_the_first_is_answered_closes_4429(host: Host) -> None:
    async with host.socket() as ws:
        await say(ws, type="connection_init")
        await say(ws, type="connection_init")
        assert await hear(ws) == {"type": "connection_ack"}
        assert (await closed(ws))[0] == 4429


async def test_same_id_twice_closes_4409_and_ends_the_first() -> None:
    async with hosted() as host, host.session() as ws:
        await subscribe(ws, "é", "wait")
        await hear(ws)
        await subscribe(ws, "é", "count")
        assert await closed(ws) == (4409, "Subscriber for é already exists")
        async with asyncio.timeout(5):
            await host.script.ended["wait"].wait()


async def test_silence_instead_of_init_closes_4408() -> None:
    async with hosted(pace=fast(init_timeout=0.1)) as host, host.socket() as ws:
        assert await closed(ws) == (4408, "Connection initialisation timeout")


async def test_identification_without_end_closes_4408() -> None:
    async with hosted(pace=fast(init_timeout=0.1)) as host, host.socket() as ws:
        await say(ws, type="connection_init", payload={"authorization": "Bearer slow"})
        assert (await closed(ws))[0] == 4408


async def test_initialised_connection_outlives_the_init_timeout() -> None:
    async with hosted(pace=fast(init_timeout=0.2, ping_interval=0.1)) as host, host.session() as ws:
        for _ in range(4):
            assert orjson.loads(await ws.recv()) == {"type": "ping"}
        await subscribe(ws, "1", "count", to=0)
        assert await hear(ws) == {"id": "1", "type": "complete"}


@pytest.mark.parametrize("subprotocols", [None, ["graphql-ws"], ["graphql-transport-ws2", "chat"]])
async def test_other_subprotocol_closes_4406(host: Host, subprotocols: list[str] | None) -> None:
    async with host.socket(subprotocols=subprotocols) as ws:
        assert ws.subprotocol is None
        assert (await closed(ws))[0] == 4406


async def test_ours_is_chosen_among_several(host: Host) -> None:
    async with host.socket(subprotocols=["graphql-ws", SUBPROTOCOL]) as ws:
        assert ws.subprotocol == SUBPROTOCOL


@pytest.mark.parametrize(("token", "code"), [("Bearer wrong", 4403), ("Bearer down", 1013), ("Bearer crash", 1011)])
@pytest.mark.parametrize("key", ["authorization", "Authorization"])
async def test_identity_that_fails_closes(host: Host, token: str, code: int, key: str) -> None:
    async with host.socket() as ws:
        await say(ws, type="connection_init", payload={key: token})
        found, reason = await closed(ws)
    assert found == code
    assert "secret" not in (reason or "")


async def test_who_calls_is_read_from_payload_else_from_headers() -> None:
    async with hosted() as host:
        headers = {"Authorization": "Bearer h", "X-Tenant-Id": "acme", "X-Request-Id": "trace-1"}
        for payload in ({"authorization": "Bearer p", "X-Tenant-Id": "other", "x-environment-id": "eu"}, None):
            async with host.socket(additional_headers=headers) as ws:
                await say(ws, type="connection_init", payload=payload)
                await hear(ws)
                await subscribe(ws, "1", "echo")
                await hear(ws)
        by_payload, by_header = host.script.callers
        assert by_payload.identity.subject == "Bearer p"
        assert by_header.identity.subject == "Bearer h"
        assert by_payload.identity.tenant == "acme", "a header that a proxy may have set wins"
        assert by_payload.identity.environment == "eu"
        assert by_payload.request_id == "trace-1.1"
        assert by_payload.address == "127.0.0.1"


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (None, True),
        ("https://app.example", True),
        ("SELF", True),
        ("https://evil.example", False),
        ("null", False),
    ],
)
async def test_origin(origin: str | None, welcome: bool) -> None:
    async with hosted(settings=Settings(allowed_origins=("https://app.example",), shutdown_grace=1.0)) as host:
        origin = f"http://127.0.0.1:{host.port}" if origin == "SELF" else origin
        async with host.socket(origin=origin) as ws:
            if welcome:
                await say(ws, type="connection_init")
                assert await hear(ws) == {"type": "connection_ack"}
            else:
                code, reason = await closed(ws)
                assert code == 4403
                assert "TIDELINE_ALLOWED_ORIGINS" in (reason or "")


async def test_one_connection_too_many_is_turned_away_until_one_leaves() -> None:
    async with hosted(pace=fast(connections=1)) as host:
        async with host.session():
            with pytest.raises(InvalidStatus) as caught:
                await connect(host.url.replace("http", "ws"), subprotocols=[Subprotocol(SUBPROTOCOL)])
            refused = caught.value.response
            assert refused.status_code == 503
            assert refused.headers["Retry-After"] == "5"
            assert orjson.loads(refused.body or b"")["errors"][0]["extensions"]["code"] == "UNAVAILABLE"

        async def enters() -> bool:
            try:
                async with host.session():
                    return True
            except InvalidStatus:
                return False

        await eventually(enters)


async def test_too_long_a_message_closes_1009(host: Host) -> None:
    async with host.session() as ws:
        await say(ws, type="ping", payload={"x": "x" * 300_000})
        assert (await closed(ws))[0] == 1009


async def test_client_that_stops_reading_is_dropped_with_its_stream() -> None:
    async with hosted(pace=fast()) as host:
        client = small_buffer()
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", host.port))
        async with host.socket(sock=client, max_queue=1, ping_interval=None, close_timeout=0.1) as ws:
            await say(ws, type="connection_init")
            await hear(ws)
            await subscribe(ws, "1", "flood")
            await host.script.started["flood"].wait()
            ws.transport.pause_reading()
            async with asyncio.timeout(10):
                await host.script.ended["flood"].wait()

            async def is_forgotten() -> bool:
                return not host.server.server_state.connections

            await eventually(is_forgotten)
            ws.transport.resume_reading()
            with pytest.raises(ConnectionClosedError):
                async for _ in ws:
                    pass  # what was under way when it was cut
            assert ws.close_code == 1006


async def test_slow_client_does_not_hold_up_another() -> None:
    async with hosted() as host:
        client = small_buffer()
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", host.port))
        async with host.socket(sock=client, max_queue=1, close_timeout=0.1) as slow, host.session() as quick:
            await say(slow, type="connection_init")
            await hear(slow)
            await subscribe(slow, "1", "flood")
            slow.transport.pause_reading()
            await subscribe(quick, "1", "count", to=100)
            for number in range(100):
                assert (await hear(quick))["payload"] == {"data": {"count": number}}
            slow.transport.abort()


async def test_peer_without_pongs_is_dropped_with_its_stream() -> None:
    """A peer whose machine is gone: it answers nothing, and does not close either."""
    async with hosted(ping=0.1) as host, host.session() as ws:
        await subscribe(ws, "1", "wait")
        await hear(ws)
        ws.transport.pause_reading()
        async with asyncio.timeout(5):
            await host.script.ended["wait"].wait()
        ws.transport.resume_reading()


async def test_shutdown_closes_1012_without_complete_and_ends_streams() -> None:
    async with hosted() as host, host.session() as ws:
        await subscribe(ws, "1", "wait")
        assert (await hear(ws))["type"] == "next"
        await host.stop()
        assert (await closed(ws))[0] == 1012
        with pytest.raises(ConnectionClosedError):  # a `complete` would stop the client from coming back
            await hear(ws)
        async with asyncio.timeout(5):
            await host.script.ended["wait"].wait()


async def test_many_at_once(host: Host) -> None:
    async def one(number: int) -> None:
        async with host.session() as ws:
            await subscribe(ws, f"{number}", "count", to=20)
            for count in range(20):
                expected = {"id": f"{number}", "type": "next", "payload": {"data": {"count": count}}}
                assert await hear(ws) == expected
            assert await hear(ws) == {"id": f"{number}", "type": "complete"}

    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(one(number))


async def test_connections_and_messages_are_counted() -> None:
    def count(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(f"tideline_{name}", labels) or 0.0

    async with hosted() as host:
        open_before, sent_before = (
            count("websocket_connections"),
            count("messages_delivered_total", transport="websocket"),
        )
        odd_before = count("websocket_closes_total", code="other")
        async with host.session() as ws:
            assert count("websocket_connections") == open_before + 1
            await subscribe(ws, "1", "count", to=5)
            while (await hear(ws))["type"] == "next":
                pass
            assert count("messages_delivered_total", transport="websocket") == sent_before + 5
            await ws.close(4999)

        async def is_over() -> bool:
            return count("websocket_connections") == open_before

        await eventually(is_over)
        assert count("websocket_closes_total", code="other") == odd_before + 1
        assert count("websocket_closes_total", code="4999") == 0, "a client cannot make a series"
