"""What clients ask for, as a table: parameters and media types."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.api.engine import Operation
from app.errors import BadUserInput
from app.web.request import (
    EVENT_STREAM,
    HTML,
    MULTIPART,
    PLAIN_JSON,
    RESPONSE_JSON,
    best_type,
    headers_of,
    is_json,
    operation_from_json,
    operation_from_parameters,
)

OFFERS = (RESPONSE_JSON, PLAIN_JSON, EVENT_STREAM, MULTIPART)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, PLAIN_JSON),
        ("", PLAIN_JSON),
        ("*/*", PLAIN_JSON),
        ("application/*", PLAIN_JSON),
        ("image/png", None),
        ("application/json;q=0", None),
        ("application/json;q=0, */*", RESPONSE_JSON),
        ("*/*;q=0.1, application/*;q=0.5, text/event-stream;q=0.3", PLAIN_JSON),
        ("application/*;q=0, text/event-stream;q=0.1, */*", EVENT_STREAM),
        ("*/*;q=0", None),
        ("application/json", PLAIN_JSON),
        ("Application/GraphQL-Response+JSON; charset=utf-8", RESPONSE_JSON),
        ("application/graphql-response+json, application/json;q=0.9", RESPONSE_JSON),
        ("application/json;q=0.5, application/graphql-response+json;q=0.6", RESPONSE_JSON),
        ("application/json, application/graphql-response+json", PLAIN_JSON),
        ("*/*, application/graphql-response+json", RESPONSE_JSON),
        ("text/event-stream", EVENT_STREAM),
        ("text/event-stream, multipart/mixed", EVENT_STREAM),
        ("multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json;q=0.9", MULTIPART),
        ('Multipart/Mixed; SubscriptionSpec="1.0", application/json', MULTIPART),
        ("multipart/mixed;deferSpec=20220824,application/json", PLAIN_JSON),
        ("multipart/mixed", None),
        ("application/json, multipart/mixed;subscriptionSpec=1.0", PLAIN_JSON),
        ("application/graphql-response+json, application/json, text/event-stream", RESPONSE_JSON),
        ("text/event-stream;q=0", None),
        ("text/event-stream;q=soon, application/graphql-response+json;q=0.1", RESPONSE_JSON),
        ("text/html", None),
    ],
)
def test_media_type(accept: str | None, expected: str | None) -> None:
    assert best_type(accept, OFFERS) == expected


def test_browser_prefers_the_page() -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
    assert best_type(browser, (HTML, *OFFERS)) == HTML
    assert best_type("*/*", (HTML, *OFFERS)) == PLAIN_JSON


@pytest.mark.parametrize(
    ("content_type", "readable"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ('application/json; charset="UTF-8"', True),
        ("APPLICATION/JSON", True),
        ("application/json; charset=latin-1", False),
        ("text/plain; application/json", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("", False),
        (None, False),
    ],
)
def test_content_type(content_type: str | None, readable: bool) -> None:
    assert is_json(content_type) is readable


def test_operation_with_everything() -> None:
    body = {"query": "{ a }", "variables": {"x": 1}, "operationName": "A", "extensions": {"e": True}, "id": 7}
    assert operation_from_json(orjson.dumps(body)) == Operation("{ a }", {"x": 1}, "A", {"e": True})


def test_nulls_are_absent() -> None:
    body = b'{"query": "{ a }", "variables": null, "operationName": null, "extensions": null}'
    assert operation_from_json(body) == Operation("{ a }", None, None, None)


def test_persisted_query_needs_no_document() -> None:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": "ab"}}
    assert operation_from_json(orjson.dumps({"extensions": extensions})) == Operation(None, None, None, extensions)


@pytest.mark.parametrize("name", ["documentId", "doc_id", "id"])
def test_a_document_is_named_instead_of_sent(name: str) -> None:
    assert operation_from_json(orjson.dumps({name: "sha256:ab", "variables": {"x": 1}})) == Operation(
        None, {"x": 1}, document_id="sha256:ab"
    )
    assert operation_from_parameters({name: "ab"}) == Operation(None, document_id="ab")


@pytest.mark.parametrize("id_", ["", 7, None, {}, ["ab"]])
def test_what_is_no_id_names_no_document(id_: object) -> None:
    with pytest.raises(BadUserInput, match="query is missing"):
        operation_from_json(orjson.dumps({"documentId": id_}))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b'"x"', "Expected a JSON object"),
        (b"null", "Expected a JSON object"),
        (b"1", "Expected a JSON object"),
        (b'[{"query": "{ a }"}]', "Batches are not served"),
        (b"{}", "query is missing"),
        (b'{"query": ""}', "query is missing"),
        (b'{"query": null}', "query is missing"),
        (b'{"query": 1}', "query must be a string, not a number"),
        (b'{"query": true}', "query must be a string, not a boolean"),
        (b'{"query": {"a": 1}}', "query must be a string, not an object"),
        (b'{"query": ["{ a }"]}', "query must be a string, not a list"),
        (b'{"query": "{ a }", "variables": "{}"}', "variables must be an object, not a string"),
        (b'{"query": "{ a }", "variables": [1]}', "variables must be an object, not a list"),
        (b'{"query": "{ a }", "operationName": 1.5}', "operationName must be a string, not a number"),
        (b'{"query": "{ a }", "extensions": 0}', "extensions must be an object, not a number"),
    ],
)
def test_body_that_is_no_operation(body: bytes, message: str) -> None:
    with pytest.raises(BadUserInput, match=message):
        operation_from_json(body)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"query": "{ a }"}, Operation("{ a }")),
        ({"query": "{ a }", "variables": '{"x": 1}', "operationName": "A"}, Operation("{ a }", {"x": 1}, "A")),
        ({"query": "{ a }", "variables": "", "operationName": "", "extensions": "null"}, Operation("{ a }")),
    ],
)
def test_parameters(parameters: dict[str, str], expected: Operation) -> None:
    assert operation_from_parameters(parameters) == expected


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "query is missing"),
        ({"query": "{ a }", "variables": "{"}, "variables is not JSON"),
        ({"query": "{ a }", "variables": "[]"}, "variables must be an object, not a list"),
        ({"query": "{ a }", "extensions": '"x"'}, "extensions must be an object, not a string"),
    ],
)
def test_parameters_that_are_no_operation(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(BadUserInput, match=message):
        operation_from_parameters(parameters)


def test_of_a_header_that_came_twice_the_first_counts() -> None:
    raw = [(b"host", b"a"), (b"x-tenant-id", b"acme"), (b"x-tenant-id", b"other"), (b"x-name", "ü".encode("latin-1"))]
    assert headers_of({"headers": raw}) == {"host": "a", "x-tenant-id": "acme", "x-name": "ü"}


@pytest.mark.parametrize("length", [1, 300])
def test_a_header_of_any_length_is_read_alike(length: int) -> None:
    accept = f"{EVENT_STREAM};q=0.5, {'x' * length}/*, {PLAIN_JSON}"
    assert [best_type(accept, (EVENT_STREAM, PLAIN_JSON)) for _ in range(2)] == [PLAIN_JSON] * 2
    assert [is_json(f"{PLAIN_JSON}; charset={'x' * length}") for _ in range(2)] == [False] * 2
