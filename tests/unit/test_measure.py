"""How large documents are: each limit from both sides, and documents that are made to be larger than they look."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import parse

from app.api.measure import check, check_text, check_variables
from app.bounds import Bounds
from app.errors import BadUserInput, ConfigurationError, TooComplex

WIDE = Bounds(document=10**9, tokens=10**6, fields=10**6, aliases=10**6, roots=10**6, directives=10**6, depth=10**3)


def chain(count: int, body: str) -> str:
    """A query over fragments, each of which has `body` with the next one's spread in place of $."""
    each = [f"fragment F{i} on T {{ {body.replace('$', f'...F{i + 1}')} }}" for i in range(count)]
    return "{ ...F0 } " + " ".join(each) + f" fragment F{count} on T {{ id }}"


@pytest.mark.parametrize(
    ("document", "limit", "amount"),
    [
        ("{ a { b { c } } }", "depth", 3),
        ("{ a { ... { ... on T { b } } } }", "depth", 2),
        ("{ a { ...F } } fragment F on T { b { c } }", "depth", 3),
        ("{ a b { c d } }", "fields", 4),
        ("{ a a a }", "fields", 3),
        ("{ ...F ...F } fragment F on T { a b { c } }", "fields", 6),
        ("{ x: a y: b { z: c } }", "aliases", 3),
        ("{ a { ...F } b { ...F } } fragment F on T { x: c }", "aliases", 2),
        ("{ a b ...F ... { c } } fragment F on Query { d e }", "roots", 5),
        ("{ a @skip(if: true) @include(if: true) b { c @x } }", "directives", 3),
        ("query ($v: Int @x) @y { ...F @z } fragment F on T { a @x }", "directives", 4),
        ("{ ... @x { a @y } }", "directives", 2),
        ("query A { a } query B { a } mutation C { a }", "operations", 3),
        ("{ ...F } fragment F on T { a } fragment G on T { b }", "fragments", 2),
        ("query ($a: Int, $b: Int) { a }", "variables", 2),
        ("{ a } fragment Unused on T { b { c { d } } }", "depth", 3),
    ],
)
def test_each_limit_is_the_most_that_is_granted(document: str, limit: str, amount: int) -> None:
    node = parse(document)
    check(node, Bounds(**{limit: amount}))
    with pytest.raises(TooComplex) as caught:
        check(node, Bounds(**{limit: amount - 1}))
    assert caught.value.details == {"limit": limit, "most": amount - 1}
    assert f"limit '{limit}'" in caught.value.message


@pytest.mark.parametrize("body", ["a: p { $ } b: p { $ }", "p { $ } q { $ }", "$ $"])
def test_fragments_that_double_are_counted_as_they_unfold(body: str) -> None:
    node = parse(chain(60, body))
    with pytest.raises(TooComplex, match="millions of"):
        check(node, Bounds(depth=1000))


@pytest.mark.parametrize(
    "document",
    [
        "{ ...A } fragment A on T { ...A }",
        "{ a } fragment A on T { b { ...B } } fragment B on T { ...C } fragment C on T { x: c { ... { ...A } } }",
    ],
)
def test_fragments_in_a_circle_are_found(document: str) -> None:
    with pytest.raises(BadUserInput, match="spreads itself"):
        check(parse(document), WIDE)


def test_a_spread_of_what_is_not_there_is_left_to_validation() -> None:
    assert check(parse("{ ...Gone }"), Bounds()) is False


@pytest.mark.parametrize(
    ("document", "introspects"),
    [
        ("{ __typename a { __typename } }", False),
        ("{ __schema { types { name } } }", True),
        ('{ a ...F } fragment F on Query { ... { x: __type(name: "A") { name } } }', True),
        ("query A { a } query B { __schema { description } }", True),
    ],
)
def test_whether_the_schema_is_asked_for(document: str, introspects: bool) -> None:
    assert check(parse(document), Bounds()) is introspects


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("{ a }", 3),
        ('{ a(x: "b c") }', 8),
        ('{ a(x: """b " c\n""") }', 8),
        ('{ a(x: "\\"") ...F }', 10),
        ("{ a(x: -1.5e3, y: $v) }", 12),
        ("# a comment of many words\n{ a }", 4),
        ('"""never ended ' + '\\"""' * 1000, 1),
        ('"never ended ' + '\\"' * 1000, 1),
    ],
)
def test_tokens_are_counted_before_anything_is_parsed(text: str, tokens: int) -> None:
    check_text(text, Bounds(tokens=tokens))
    with pytest.raises(TooComplex):
        check_text(text, Bounds(tokens=tokens - 1))


def test_a_long_text_is_refused_for_its_length() -> None:
    check_text("x" * 50, Bounds(document=50))
    with pytest.raises(TooComplex, match="51 characters"):
        check_text("x" * 51, Bounds(document=50))


def nested(depth: int, leaf: Any) -> Any:
    for _ in range(depth):
        leaf = [leaf]
    return leaf


@pytest.mark.parametrize(
    ("variables", "limit"),
    [
        ({"x": list(range(10))}, "values"),
        ({"x": {"a": list(range(5)), "b": list(range(5))}}, "values"),
        ({"x": nested(6, 1)}, "nesting"),
        ({"x": {"a": {"a": {"a": {"a": {"a": {}}}}}}}, "nesting"),
        ({"x": nested(100_000, 1)}, "nesting"),
    ],
)
def test_variables_that_hold_too_much(variables: dict[str, Any], limit: str) -> None:
    with pytest.raises(TooComplex) as caught:
        check_variables(variables, Bounds(values=10, nesting=5))
    assert caught.value.details["limit"] == limit


@pytest.mark.parametrize("variables", [None, {}, {"x": list(range(9))}, {"x": nested(4, 1)}])
def test_variables_that_are_fine(variables: dict[str, Any] | None) -> None:
    check_variables(variables, Bounds(values=10, nesting=5))


def test_limits_are_changed_by_name() -> None:
    assert Bounds.of([]) == Bounds()
    assert Bounds.of([("depth", 3), ("cost", 10)]) == Bounds(depth=3, cost=10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [([("dept", 3)], "names 'dept': expected one of document, tokens"), ([("cost", 10**9)], "at least the cost")],
)
def test_limits_that_cannot_be_meant(changes: list[tuple[str, int]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Bounds.of(changes)
