"""The messages of graphql-transport-ws: a table of what is said and what is malformed, and splicing."""

from __future__ import annotations

import contextlib
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.engine import Operation
from app.web.messages import Close, ClosedError, Complete, Init, Ping, Pong, Subscribe, Writer, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"type":"connection_init"}', Init({})),
        ('{"type":"connection_init","payload":null}', Init({})),
        ('{"type":"connection_init","payload":{"authorization":"x"}}', Init({"authorization": "x"})),
        ('{"type":"ping"}', Ping()),
        ('{"type":"ping","payload":{"any":[1]}}', Ping({"any": [1]})),
        ('{"type":"pong","payload":null}', Pong()),
        ('{"type":"complete","id":"1"}', Complete("1")),
        ('{"type":"subscribe","id":"1","payload":{"query":"{ a }"}}', Subscribe("1", Operation("{ a }"))),
        (
            '{"id":"é\\"","type":"subscribe","payload":{"query":"{ a }","variables":{"x":1},'
            '"operationName":"A","extensions":{"e":2}}}',
            Subscribe('é"', Operation("{ a }", {"x": 1}, "A", {"e": 2})),
        ),
    ],
)
def test_message(text: str, expected: object) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "text frames"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ("nonsense", "not JSON"),
        ('{"type":"ping","x":"\\ud800"}', "not JSON"),
        ("[" * 5000, "not JSON"),
        ("[]", "must be a JSON object"),
        ('"ping"', "must be a JSON object"),
        ("1", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ("{}", "Unknown message type null"),
        ('{"type":1}', "Unknown message type 1"),
        ('{"type":"start","id":"1"}', 'Unknown message type "start"'),
        ('{"type":"next","id":"1"}', 'Unknown message type "next"'),
        ('{"type":["ping"]}', r'Unknown message type \["ping"\]'),
        ('{"type":{"a":1}}', "Unknown message type"),
        ('{"type":"ping","payload":1}', "payload of ping must be an object"),
        ('{"type":"connection_init","payload":"x"}', "payload of connection_init must be an object"),
        ('{"type":"connection_init","payload":[]}', "payload of connection_init must be an object"),
        ('{"type":"subscribe","payload":{"query":"{ a }"}}', "id of subscribe"),
        ('{"type":"subscribe","id":"","payload":{"query":"{ a }"}}', "id of subscribe"),
        ('{"type":"subscribe","id":1,"payload":{"query":"{ a }"}}', "id of subscribe"),
        ('{"type":"subscribe","id":{"a":1},"payload":{"query":"{ a }"}}', "id of subscribe"),
        ('{"type":"subscribe","id":"1"}', "Expected a JSON object"),
        ('{"type":"subscribe","id":"1","payload":{}}', "query is missing"),
        ('{"type":"subscribe","id":"1","payload":{"query":["x"]}}', "query must be a string"),
        ('{"type":"subscribe","id":"1","payload":{"query":"x","variables":[]}}', "variables must be an object"),
        ('{"type":"complete"}', "id of complete"),
        ('{"type":"complete","id":null}', "id of complete"),
    ],
)
def test_malformed_message_closes_with_4400(text: str | None, reason: str) -> None:
    with pytest.raises(ClosedError, match=reason) as caught:
        parse(text)
    assert caught.value.code == Close.BAD_REQUEST


@given(st.text() | st.builds(lambda each: json.dumps({"type": each, "id": each, "payload": each}), st.text()))
def test_whatever_text_comes_is_a_message_or_a_close(text: str) -> None:
    with contextlib.suppress(ClosedError):
        parse(text)


@given(st.text(alphabet="€ü😀a", max_size=200))
def test_reason_fits_a_close_frame(reason: str) -> None:
    closed = ClosedError(Close.BAD_REQUEST, reason)
    assert len(closed.reason.encode()) <= 123
    assert reason.startswith(closed.reason)
    if len(reason.encode()) <= 123:
        assert closed.reason == reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.dictionaries(st.text(), JSON))
def test_splicing_equals_encoding(id_: str, payload: dict[str, object]) -> None:
    try:
        body = orjson.dumps(payload)
    except orjson.JSONEncodeError:
        return  # lone surrogates, which no body carries
    writer = Writer.of(id_)
    assert json.loads(writer.next(body)) == {"id": id_, "type": "next", "payload": payload}
    assert json.loads(writer.error(b"[" + body + b"]")) == {"id": id_, "type": "error", "payload": [payload]}
    assert json.loads(writer.complete) == {"id": id_, "type": "complete"}
