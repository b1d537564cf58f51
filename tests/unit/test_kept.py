"""Written parts of answers: made once for what never changes, and told apart by all that they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from graphql import ExecutionResult

from app.access import Identity, Role, Scope
from app.api.answers import encode
from app.api.compiled import Kept, Written
from app.api.price import Shape
from app.gateway import Caller

CALLER = Caller(Identity("anybody", "default", "default", frozenset({Role.VIEWER}), Scope()), "request-1")


class Loaded:
    def __init__(self, name: str) -> None:
        self.name = name


class Code:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, source: str, found: Loaded, arguments: Mapping[str, Any]) -> Any:
        self.calls += 1
        return {"of": f"{source} {found.name}", **arguments}


def test_what_was_written_is_written_once() -> None:
    kept, made, found = Kept(), Code(), Loaded("a")
    values = [kept.value(made, "run", found, {"first": 5}) for _ in range(3)]
    assert made.calls == 1
    assert all(each is values[0] for each in values)
    assert values[0].value == {"of": "run a", "first": 5}


def test_it_is_told_apart_by_what_was_loaded_the_code_and_the_arguments() -> None:
    kept, one, other = Kept(), Code(), Code()
    a, b = Loaded("a"), Loaded("b")
    asked = [(one, a, {}), (one, b, {}), (other, a, {}), (one, a, {"first": 1}), (one, a, {"first": 2})]
    found = [kept.value(made, "run", loaded, arguments) for made, loaded, arguments in asked]
    assert len({id(each) for each in found}) == len(asked)


def test_lists_among_the_arguments_are_made_each_time() -> None:
    kept, made, found = Kept(), Code(), Loaded("a")
    for _ in range(2):
        assert kept.value(made, "run", found, {"status": ["FAILED"]}) == {"of": "run a", "status": ["FAILED"]}
    assert made.calls == 2


def test_what_cannot_be_written_goes_on_as_it_is() -> None:
    large = {"n": 2**70}
    assert Kept().value(lambda *_: large, "run", Loaded("a"), {}) is large


def test_what_fails_is_not_kept() -> None:
    kept, found = Kept(), Loaded("a")

    def fails(*_: Any) -> Any:
        raise LookupError("no such attribute")

    for _ in range(2):
        with pytest.raises(LookupError):
            kept.value(fails, "run", found, {})


def test_no_more_is_kept_than_there_is_room_for() -> None:
    kept, made = Kept(limit=20_000), Code()
    loaded = [Loaded(str(number)) for number in range(200)]
    for found in loaded:
        kept.value(made, "run", found, {})
    kept.value(made, "run", loaded[-1], {})
    assert made.calls == 200
    kept.value(made, "run", loaded[0], {})
    assert made.calls == 201


DATA: dict[str, Any] = {"nodes": [{"steps": [{"a": 1}, {"a": None}]}, {"steps": None}]}


def test_an_answer_has_the_same_bytes_and_costs_the_same() -> None:
    written = {"nodes": [{"steps": Written(orjson.dumps(each["steps"]))} for each in DATA["nodes"]]}
    assert encode(ExecutionResult(written), CALLER) == encode(ExecutionResult(DATA), CALLER)
    steps = Shape(own=2.0, each=1.0, inner={"a": Shape(own=0.5)})
    shape = Shape(inner={"nodes": Shape(each=1.0, inner={"steps": steps})})
    assert [shape.cost(written) for _ in range(2)] == [shape.cost(DATA)] * 2
    assert shape.cost(DATA) > shape.cost({"nodes": [{}, {}]})


def test_numbers_that_no_json_number_holds_do_not_keep_the_rest_from_being_written() -> None:
    written = ExecutionResult({"large": 2**70, "kept": Written(b'{"a":[1,2]}')})
    assert orjson.loads(encode(written, CALLER).replace(str(2**70).encode(), b"0")) == {
        "data": {"large": 0, "kept": {"a": [1, 2]}}
    }
