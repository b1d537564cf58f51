"""The language of a graph's expressions: what it says, what it refuses, and that it always ends."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workflows.dag.evaluator import evaluate, rendered
from app.workflows.dag.expressions import Expression, ExpressionError, parse, parts

SCOPE: dict[str, Any] = {
    "parameters": {"least": 10, "name": "Ada"},
    "inputs": {"data": {"items": [{"id": 7, "price": 12.5}, {"id": 8, "price": 3}], "total": 2}},
    "nodes": {
        "fetch": {"status": "completed", "output": {"items": [{"id": 7}], "keys": "own", "none": None}, "error": None},
        "a-b": {"status": "failed", "output": None, "error": {"type": "UnavailableError"}},
    },
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nodes.fetch.output.items[0].id", 7),
        ('nodes["a-b"].error.type', "UnavailableError"),
        ("nodes.fetch.output.keys", "own"),
        ("nodes.fetch.output.none is None", True),
        ("inputs.data", SCOPE["inputs"]["data"]),
        ("inputs.data.total >= 2 and not inputs.data.total > parameters.least", True),
        ("[each.id for each in inputs.data.items if each.price > parameters.least]", [7]),
        ("{str(each.id): each.price * 2 for each in inputs.data.items}", {"7": 25.0, "8": 6}),
        ("sum(each.price for each in inputs.data.items) / len(inputs.data.items)", 7.75),
        ("sorted([each.price for each in inputs.data.items])[0]", 3),
        ('"none" if parameters.name == "Bob" else upper(parameters.name) + "!"', "ADA!"),
        ('get(inputs.data, "absent", 5) + -1 // 1 + 7 % 4', 7),
        ('join([1, "b", true], "-")', "1-b-true"),
        ('split("a,b", ",")[-1]', "b"),
        ("7 in [each.id for each in inputs.data.items]", True),
        ("(1, 2)", [1, 2]),
        ("{'a': null, **{'b': false}}", {"a": None, "b": False}),
        ("round(2.345, 1) + abs(-1) + min(2, 1) + max([4, 5])", 9.3),
        ("1 < 2 < 3", True),
        ("values({'a': 1}) + keys({'a': 1})", [1, "a"]),
    ],
)
def test_what_an_expression_comes_to(text: str, value: Any) -> None:
    found = evaluate(parse(text), SCOPE)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no expression"),
        ("a +", "no expression"),
        ("x = 1", "no expression"),
        ("import os", "no expression"),
        ("lambda: 1", "Lambda"),
        ("f'{parameters:>9999999999}'", "JoinedStr"),
        ("2 ** 99999999", "Pow"),
        ("1 << 99999999", "LShift"),
        ("{1, 2}", "Set"),
        ("b'x'", "no value of JSON"),
        ("1j", "no value of JSON"),
        ("(x := 1)", "NamedExpr"),
        ("[*parameters]", "Starred"),
        ("parameters.__class__", "__class__ is not allowed"),
        ("().__class__.__mro__[1].__subclasses__()", "no function"),
        ("parameters.name.format(1)", "no function"),
        ("eval('1')", "no function"),
        ("__import__('os')", "no function"),
        ("len(parameters)(1)", "no function"),
        ("[len][0]", "len is unknown"),
        ("sorted([1], key=1)", "by position"),
        ("unknown + 1", "unknown is unknown"),
        ("nodes", "followed by the id"),
        ("[n for n in nodes]", "followed by the id"),
        ("nodes[parameters.name].output", "followed by the id"),
        ("nodes.fetch", "output, status, error"),
        ("nodes.fetch.result", "output, status, error"),
        ("[nodes for nodes in [1]]", "meaning of its own"),
        ("[1 for a in x for b in a for c in b for d in c]".replace("x", "inputs"), "at most 3 loops"),
        ("-" * 60 + "1", "nested at most"),
        ("(" * 300 + "1" + ")" * 300, "no expression"),
        ("not " * 400 + "1", "nested"),
        ("1 +" * 1000 + "1", "at most 2000 characters"),
    ],
)
def test_what_is_no_expression(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words):
        parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nodes.fetch.output.absent", "no field 'absent'; there are items, keys, none"),
        ("nodes.fetch.output.items[3]", "no item 3; there are 1"),
        ("parameters.name.upper", "a text has no 'upper'"),
        ("parameters.pop", "no field 'pop'"),
        ("parameters.name % 3", "only numbers"),
        ("'%9999999999d' % 1", "only numbers"),
        ("'a' * 9999999999", "only numbers"),
        ("[0] * 9999999999", "only numbers"),
        ("1 / 0", "division by zero"),
        ("'a' + 1", "concatenate"),
        ("float('nan')", "Out of range|not JSON compliant"),
        ("round(1, -999999999)", "at most 20 digits"),
        ("int('9' + '9999999999999999999999')", "beyond 64 bits"),
        ("9223372036854775807 * 9223372036854775807 * 9", "beyond 64 bits"),
        ("1e308 * 10", "not JSON compliant"),
        ("sum([[1], [2]])", "unsupported operand"),
    ],
)
def test_what_cannot_be_evaluated(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words):
        evaluate(parse(text), SCOPE)


_LARGE = {"inputs": list(range(9000)), "parameters": "x" * 100_000}


@pytest.mark.parametrize(
    "text",
    [
        "[1 for a in inputs for b in inputs for c in inputs]",
        "[a in inputs for a in inputs]",
        "[inputs == inputs for a in inputs]",
        "[join(inputs, parameters) for a in inputs]",
        "[parameters + parameters for a in inputs]",
        "[sorted(inputs) for a in inputs]",
        f"[c for a in [[{'1,' * 300}]] for b in [[{'a,' * 300}]] for c in [[{'b,' * 300}]]]",
        f"[[{'a,' * 900}] for a in [inputs]]",
        "[str(inputs) for a in inputs]",
    ],
)
def test_an_expression_ends_by_its_budget_whatever_it_says(text: str) -> None:
    """Each would take minutes or gigabytes."""
    with pytest.raises(ExpressionError, match=r"too many steps|too large|too many elements"):
        evaluate(parse(text), _LARGE)


def test_templates() -> None:
    config = {
        "url": "https://api.example.com/{{ nodes.fetch.output.items[0].id }}?name={{parameters.name}}",
        "body": {"whole": "{{ inputs.data.items }}", "plain": "as it is", "number": 3},
        "list": ["{{ 1 + 1 }}", "{{ {'a': {'b': 1}} }}"],
    }
    assert rendered(config, SCOPE) == {
        "url": "https://api.example.com/7?name=Ada",
        "body": {"whole": SCOPE["inputs"]["data"]["items"], "plain": "as it is", "number": 3},
        "list": [2, {"a": {"b": 1}}],
    }
    assert [each.text if isinstance(each, Expression) else each for each in parts("a{{ 1 }}b")] == ["a", " 1 ", "b"]
    # What a value says is never read as an expression again.
    assert rendered("{{ parameters }}", {"parameters": "{{ 1 + 1 }}"}) == "{{ 1 + 1 }}"


def test_what_an_expression_refers_to() -> None:
    found = parse('nodes.a.output + nodes["b-c"].output if inputs else [n for n in nodes.d.error]')
    assert (set(found.references), found.inputs) == ({"a", "b-c", "d"}, True)
    assert not parse("parameters").inputs


@given(st.text(max_size=60) | st.text(alphabet="nodes.fetchupu[]()'\"0123+-*/%<> =!inotrf_,:{}", max_size=60))
def test_any_text_is_evaluated_or_refused(text: str) -> None:
    with suppress(ExpressionError):
        evaluate(parse(text), SCOPE)
