"""GraphQL over HTTP on a real port: the matrix of statuses, headers, limits, CORS and probes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from app.errors import DatabaseUnavailable
from app.gateway.health import Finding
from app.settings import Settings
from app.web.page import CONTENT_SECURITY_POLICY
from tests.integration.web_host import Host, fast, hosted, small_buffer
from tests.waiting import eventually

PLAIN = "application/json"
MODERN = "application/graphql-response+json"
ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
async def host() -> AsyncIterator[Host]:
    settings = Settings(max_body=10_000, allowed_origins=(ORIGIN,), shutdown_grace=2.0)
    async with hosted(settings=settings, pace=fast()) as running:
        yield running


async def post(host: Host, accept: str | None = None, **more: Any) -> httpx.Response:
    headers = {**({"Accept": accept} if accept else {}), **more.pop("headers", {})}
    return await host.http.post("/graphql", headers=headers, **more)


def cycles(host: Host) -> list[Any]:
    """The requests that the server is about."""
    found = [getattr(each, "cycle", None) for each in host.server.server_state.connections]
    return [each for each in found if each is not None]


def only_error(response: httpx.Response) -> Any:
    body = response.json()
    assert set(body) == {"errors"}
    [error] = body["errors"]
    assert error["extensions"]["requestId"] == response.headers["X-Request-Id"]
    return error


@pytest.mark.parametrize("accept", [PLAIN, MODERN, "*/*"])
async def test_query_is_200_in_the_type_that_was_asked_for(host: Host, accept: str) -> None:
    response = await post(host, accept, json={"query": "echo", "variables": {"é": 1}, "operationName": "A"})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == f"{MODERN if accept == MODERN else PLAIN}; charset=utf-8"
    assert "Accept" in response.headers["Vary"].split(", ")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json() == {"data": {"query": "echo", "variables": {"é": 1}, "name": "A"}}


async def test_nothing_acceptable_is_406(host: Host) -> None:
    response = await post(host, "image/png, text/html;q=0.5", json={"query": "echo"})
    assert response.status_code == 406
    assert response.headers["Content-Type"].startswith(PLAIN)
    error = only_error(response)
    assert error["extensions"]["code"] == "NOT_ACCEPTABLE"
    assert MODERN in error["message"]


async def test_get_serves_queries(host: Host) -> None:
    response = await host.http.get("/graphql", params={"query": "echo", "variables": '{"x":1}'})
    assert response.status_code == 200
    assert response.json()["data"]["variables"] == {"x": 1}


@pytest.mark.parametrize(("accept", "status"), [(PLAIN, 200), (MODERN, 400)])
async def test_refused_graphql_request(host: Host, accept: str, status: int) -> None:
    response = await post(host, accept, json={"query": "syntax"})
    assert response.status_code == status
    assert response.json() == {"errors": [{"message": "Syntax Error: what?"}]}


@pytest.mark.parametrize("accept", [PLAIN, MODERN])
async def test_too_much_is_429_for_everybody_and_says_when_to_come_back(host: Host, accept: str) -> None:
    response = await post(host, accept, json={"query": "busy"})
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "3"
    assert response.headers["Content-Type"] == f"{accept}; charset=utf-8"


@pytest.mark.parametrize("accept", [PLAIN, MODERN])
async def test_mutation_by_get_is_405(host: Host, accept: str) -> None:
    response = await host.http.get("/graphql", params={"query": "mutation"}, headers={"Accept": accept})
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert (await post(host, accept, json={"query": "mutation"})).status_code == 200


@pytest.mark.parametrize("accept", [PLAIN, MODERN])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"null", "JSON object"),
        (b'"x"', "JSON object"),
        (b"[1]", "Batches"),
        (b"{}", "query is missing"),
        (b'{"query":{}}', "query must be a string"),
        (b'{"query":"echo","variables":"x"}', "variables must be an object"),
        (b'{"query":"echo","operationName":{}}', "operationName must be a string"),
        (b'{"query":"echo","extensions":[]}', "extensions must be an object"),
    ],
)
async def test_malformed_request_is_400_for_everybody(host: Host, accept: str, body: bytes, message: str) -> None:
    response = await post(host, accept, content=body, headers={"Content-Type": PLAIN})
    assert response.status_code == 400
    error = only_error(response)
    assert message in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_get_without_query_is_400(host: Host) -> None:
    response = await host.http.get("/graphql", headers={"Accept": PLAIN})
    assert response.status_code == 400
    assert "query is missing" in only_error(response)["message"]


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/plain; application/json",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
    ],
)
async def test_other_media_type_is_415(host: Host, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = await post(host, content=b'{"query":"mutation"}', headers=headers)
    assert response.status_code == 415
    assert response.headers["Accept"] == "application/json; charset=utf-8"
    assert only_error(response)["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_other_method_is_405(host: Host, method: str) -> None:
    response = await host.http.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, POST"
    if method != "HEAD":
        assert method in only_error(response)["message"]


async def test_body_over_the_limit_is_413_declared_or_not(host: Host) -> None:
    body = b'{"query":"' + b"x" * 20_000 + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    for content in (body, chunks()):
        response = await post(host, content=content, headers={"Content-Type": PLAIN})
        assert response.status_code == 413
        assert "10000 bytes" in only_error(response)["message"]
    fits = b'{"query":"echo"}'.ljust(10_000)
    assert (await post(host, content=fits, headers={"Content-Type": PLAIN})).status_code == 200


@pytest.mark.parametrize(("token", "status"), [("wrong", 401), ("down", 503)])
async def test_identity_that_fails(host: Host, token: str, status: int) -> None:
    response = await post(host, json={"query": "echo"}, headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == status
    only_error(response)
    assert response.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


async def test_crash_is_a_masked_500_and_logged(host: Host) -> None:
    with capture_logs() as logs:
        response = await post(host, json={"query": "crash"}, headers={"Origin": ORIGIN})
    assert response.status_code == 500
    assert only_error(response)["extensions"]["code"] == "INTERNAL"
    assert "secret" not in response.text
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN, "so that the page can read it"
    assert [entry["exc_info"] for entry in logs if entry["event"] == "request failed"] == [True]
    assert [entry["status"] for entry in logs if entry["event"] == "request"] == [500]


async def test_a_client_that_leaves_within_its_request_is_no_failure(host: Host) -> None:
    with capture_logs() as logs:
        _, writer = await asyncio.open_connection("127.0.0.1", host.port)
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        await writer.drain()

        async def is_held() -> bool:
            return any(not each.response_complete for each in cycles(host))

        await eventually(is_held)
        writer.close()

        async def told() -> list[Any]:
            return [entry["status"] for entry in logs if entry["event"] == "request"]

        assert await eventually(told) == [499]
    assert not [entry for entry in logs if entry["event"] == "request failed"]


async def test_unknown_path_is_404(host: Host) -> None:
    response = await host.http.get("/nowhere")
    assert response.status_code == 404
    assert only_error(response)["message"] == "There is nothing at /nowhere."


@pytest.mark.parametrize(
    ("given", "kept"), [("trace-1.2:3", True), ("a" * 129, False), ("sp ace", False), ("<b>", False), ("", False)]
)
async def test_request_id_is_the_callers_where_it_is_sane(host: Host, given: str, kept: bool) -> None:
    response = await post(host, json={"query": "echo"}, headers={"X-Request-Id": given})
    found = response.headers["X-Request-Id"]
    assert (found == given) is kept
    assert host.script.callers[-1].request_id == found
    assert len(found) > 0


async def test_request_is_logged_without_its_query_string(host: Host) -> None:
    with capture_logs() as logs:
        await host.http.get("/graphql", params={"query": "echo", "token": "hush"})
        await host.http.get("/health/live")
    [entry] = [entry for entry in logs if entry["event"] == "request" and entry["log_level"] == "info"]
    assert {"method": "GET", "path": "/graphql", "status": 200}.items() <= entry.items()
    assert "hush" not in str(logs)


async def test_security_headers(host: Host) -> None:
    for response in (await post(host, json={"query": "echo"}), await host.http.get("/nowhere")):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "Server" not in response.headers


async def test_cors(host: Host) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    headers = {"Access-Control-Request-Headers": "authorization,content-type,x-tenant-id"}
    welcome = await host.http.options("/graphql", headers={**asked, **headers})
    assert welcome.status_code == 200
    assert welcome.headers["Access-Control-Allow-Origin"] == ORIGIN
    stranger = await host.http.options("/graphql", headers={**asked, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in stranger.headers
    answered = await post(host, json={"query": "echo"}, headers={"Origin": ORIGIN})
    assert answered.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answered.headers["Access-Control-Expose-Headers"] == "X-Request-Id"


async def test_a_page_of_a_stranger_cannot_act(host: Host) -> None:
    """What a browser sends without asking first is a GET, or a POST of one of three types: none of them acts."""
    acts = '{"query":"mutation"}'
    stranger = {"Origin": "https://evil.example"}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        response = await post(host, content=acts, headers={**stranger, "Content-Type": kind})
        assert response.status_code == 415
    got = await host.http.get("/graphql", params={"query": "mutation"}, headers={**stranger, "Accept": PLAIN})
    assert got.status_code == 405
    asked = await host.http.options(
        "/graphql",
        headers={
            **stranger,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert "Access-Control-Allow-Origin" not in asked.headers
    read = await post(host, json={"query": "echo"}, headers=stranger)
    assert "Access-Control-Allow-Origin" not in read.headers, "so that the page cannot read it"


def test_the_page_may_load_nothing_but_what_is_pinned() -> None:
    rules = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == "'none'"
    assert rules["connect-src"] == "'self' ws: wss:"
    scripts = rules["script-src"].split()
    assert len(scripts) == 4
    assert all(re.fullmatch(r"https://unpkg\.com/[\w-]+@[\d.]+/\S+\.js|'sha256-\S+'", each) for each in scripts)
    page = (Path(__file__).parents[2] / "app/web/graphiql.html").read_text(encoding="utf-8")
    loaded = re.findall(r'(?:src|href)="(https://[^"]+)"', page)
    assert len(loaded) == page.count('integrity="sha384-') == page.count('crossorigin="anonymous"') == 4


async def test_graphiql_can_be_switched_off() -> None:
    async with hosted(settings=Settings(graphiql=False, shutdown_grace=2.0)) as host:
        page = await host.http.get("/graphql", headers={"Accept": "text/html, */*;q=0.1"})
        assert page.status_code == 400
        assert "query is missing" in only_error(page)["message"]


async def test_browser_gets_graphiql(host: Host) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    page = await host.http.get("/graphql", headers={"Accept": accept})
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "'sha256-" in CONTENT_SECURITY_POLICY
    assert "GraphiQL.createFetcher" in page.text
    data = await host.http.get("/graphql", params={"query": "echo"}, headers={"Accept": accept})
    assert data.headers["Content-Type"].startswith(PLAIN), "a query is answered, whoever asks"


async def test_liveness_and_metrics(host: Host) -> None:
    live = await host.http.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "live"})
    await post(host, json={"query": "echo"})
    metrics = await host.http.get("/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain")
    assert 'tideline_http_request_seconds_count{method="POST",path="/graphql",status="200"}' in metrics.text


async def test_strangers_paths_make_no_series(host: Host) -> None:
    await host.http.get("/made/up/path")
    metrics = (await host.http.get("/metrics")).text
    assert "/made/up/path" not in metrics
    assert 'path="other",status="404"' in metrics


async def test_readiness_tells_what_each_part_says() -> None:
    ok = asyncio.Event()

    async def postgres() -> Finding:
        if not ok.is_set():
            raise DatabaseUnavailable("Postgres does not answer.")
        return Finding(True)

    async def indexer() -> Finding:
        return Finding(True, None, {"lagSeconds": 0.1})

    async with hosted(checks={"postgres": postgres, "indexer": indexer}) as host:
        unready = await host.http.get("/health/ready")
        assert unready.status_code == 503
        assert unready.json() == {
            "status": "not ready",
            "checks": {
                "postgres": {"ok": False, "reason": "Postgres does not answer."},
                "indexer": {"ok": True, "reason": None, "lagSeconds": 0.1},
            },
        }
        ok.set()
        ready = await host.http.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")


async def test_client_that_does_not_read_its_answers_is_cut_off() -> None:
    async with hosted(pace=fast()) as host:
        body = b'{"query":"' + b"x" * 900_000 + b'"}'
        head = f"POST /graphql HTTP/1.1\r\nHost: h\r\nContent-Type: {PLAIN}\r\nContent-Length: {len(body)}\r\n\r\n"
        with small_buffer() as client:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", host.port))
            async with asyncio.timeout(15):
                with pytest.raises(OSError):
                    # Many requests on one connection, whose answers together are more than any buffer takes.
                    await loop.sock_sendall(client, (head.encode() + body) * 30)
