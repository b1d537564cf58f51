"""Documents that strangers send to make a server work: each small to write, and dear to answer unless it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

COMPLEX = "QUERY_TOO_COMPLEX"
INPUT = "BAD_USER_INPUT"
COST = "COST_LIMIT_EXCEEDED"


@dataclass(frozen=True)
class Attack:
    """A document and the code that it is refused with."""

    name: str
    document: str
    code: str = COMPLEX
    variables: dict[str, Any] = field(default_factory=dict)


def _run(selections: str) -> str:
    return f'{{ workflow(workflowId: "a") {{ {selections} }} }}'


def _fragments(count: int, body: str, kind: str = "WorkflowExecution") -> str:
    """Fragments, each of which has the next one in place of $; the last has an id."""
    each = [f"fragment F{i} on {kind} {{ {body.replace('$', f'...F{i + 1}')} }}" for i in range(count)]
    return " ".join([*each, f"fragment F{count} on {kind} {{ id }}"])


def _deep() -> Iterator[Attack]:
    yield Attack("deep", _run("parent { " * 150 + "id" + " }" * 150))
    yield Attack("deeper than the parser goes", "{ a " * 1200 + "}" * 1200)
    yield Attack("deep list literal", "{ nodes(ids: " + "[" * 1000 + "]" * 1000 + ") { id } }", INPUT)
    negations = "{not: " * 400 + "{}" + "}" * 400
    yield Attack("deep object literal", f"{{ workflows(filter: {negations}) {{ totalCount }} }}", INPUT)
    yield Attack("deep type", "query ($v: " + "[" * 800 + "Int" + "]" * 800 + ") { __typename }", INPUT)
    nested: Any = 1
    for _ in range(200):
        nested = [nested]
    yield Attack("deep variables", "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", variables={"ids": nested})


def _wide() -> Iterator[Attack]:
    yield Attack("wide root", "{ " + "health { ok } " * 500 + "}")
    yield Attack("wide objects", _run("parent { id } " * 600))
    yield Attack("one field many times", _run("id " * 2400))
    yield Attack("wide and nested", _run(("parent { " + "parent { id } " * 24 + "} ") * 24))
    yield Attack("typenames", "{ " + "__typename " * 2400 + "}")
    yield Attack("aliases", "{ " + " ".join(f'a{i}: workflow(workflowId: "a") {{ id }}' for i in range(200)) + " }")
    yield Attack("aliased leaves", _run(" ".join(f"a{i}: id" for i in range(800))))
    yield Attack(
        "lists in lists", "{ workflows(first: 100) { nodes { children(first: 100) { nodes { id } } } } }", COST
    )
    within = "{ nodes { children(first: 100) " * 6 + "{ nodes { id } }" + " } }" * 6
    yield Attack("lists in lists in lists", "{ workflows(first: 100) " + within + " }", COST)
    sized = "query ($n: Int) { workflows(first: $n) { nodes { activities(first: $n) { nodes { id } } } } }"
    yield Attack("sizes by variables", sized, COST, {"n": 1000})
    asking = 'stackTrace currentDetails query(name: "q") interface { queries { name } }'
    family = f"children(first: 100) {{ nodes {{ {asking} }} }}"
    yield Attack("stack traces", f"{{ workflows(first: 100) {{ nodes {{ {asking} {family} }} }} }}", COST)
    yield Attack(
        "statistics",
        "{ " + " ".join(f"s{i}: workflowStats {{ count statusCounts {{ count }} }}" for i in range(15)) + " }",
        COST,
    )


def _fragmented() -> Iterator[Attack]:
    yield Attack("circle of one", _run("...A") + " fragment A on WorkflowExecution { ...A }", INPUT)
    circle = " fragment A on WorkflowExecution { parent { ...B } } fragment B on WorkflowExecution { parent { ...A } }"
    yield Attack("circle of two", _run("...A") + circle, INPUT)
    ring = " ".join(f"fragment F{i} on WorkflowExecution {{ ...F{(i + 1) % 90} ...F{i * 7 % 90} }}" for i in range(90))
    yield Attack("circles through each other", _run("...F0") + ring, INPUT)
    yield Attack("a fragment that doubles", _run("...F0") + _fragments(18, "a: parent { $ } b: parent { $ }"))
    yield Attack("without aliases", _run("...F0") + _fragments(18, "parent { $ } root { $ } previousRun { $ }"))
    yield Attack("without fields", _run("...F0") + _fragments(60, "$ $"))
    yield Attack("a long chain", _run("...F0") + _fragments(90, "id parent { $ }"))
    each = [f"fragment F{i} on WorkflowExecution {{ id }}" for i in range(300)]
    yield Attack("all of many", _run(" ".join(f"...F{i}" for i in range(300))) + " ".join(each))
    all_ = [
        f"fragment F{i} on WorkflowExecution {{ parent {{ {' '.join(f'...F{j}' for j in range(i + 1, 18))} }} id }}"
        for i in range(18)
    ]
    yield Attack("each spreads all behind it", _run("...F0") + " ".join(all_))
    overlapping = _fragments(18, "parent { $ } parent { $ } parent { $ }")
    yield Attack("fields that overlap", _run("...F0") + overlapping)
    pairs = " ".join(f"...F{i}" for i in range(40))
    same = " ".join(
        f"fragment F{i} on WorkflowExecution {{ parent {{ id status memo }} root {{ id }} }}" for i in range(40)
    )
    yield Attack("fragments that overlap", _run(pairs) + same)


def _flooding() -> Iterator[Attack]:
    yield Attack("directives on one field", "{ health " + "@include(if: true) " * 300 + "{ ok } }")
    yield Attack("unknown directives", "{ __typename " + "@x " * 1000 + "}")
    yield Attack("directives on fragments", "{ " + "... @skip(if: true) { __typename } " * 100 + "}")
    yield Attack("operations", " ".join(f"query Q{i} {{ __typename }}" for i in range(400)))
    yield Attack(
        "variables that are declared", "query (" + " ".join(f"$v{i}: Int" for i in range(800)) + ") { __typename }"
    )
    yield Attack("tokens", "{ " + "a " * 40_000 + "}")
    yield Attack("unknown fields", "{ " + " ".join(f"workflov{i}" for i in range(2000)) + " }")
    yield Attack("twenty unknown fields", "{ " + " ".join(f"workflov{i}" for i in range(20)) + " }", INPUT)
    yield Attack("commas", "," * 900_000 + "{ __typename }")
    yield Attack("comments", "#\n" * 300_000 + "{ __typename }")
    yield Attack("short comments", "#\n" * 40_000 + "{ __typename }")
    yield Attack("a huge string", f'{{ workflow(workflowId: "{"a" * 900_000}") {{ id }} }}')
    yield Attack("strings that never end", '{ a(x: "' + '\\"' * 40_000, "SYNTAX")
    yield Attack("blocks that never end", '{ a(x: """' + '\\"""' * 20_000, "SYNTAX")
    yield Attack("a huge number", f"{{ workflows(first: {'9' * 90_000}) {{ totalCount }} }}", INPUT)
    yield Attack("a huge name", f"{{ {'a' * 90_000} }}", INPUT)
    yield Attack("a huge list", "{ nodes(ids: [" + '"a" ' * 2400 + "]) { id } }", INPUT)
    yield Attack(
        "a long list in variables",
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        variables={"ids": ["a"] * 50_000},
    )
    yield Attack("a list in variables", "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", COST, {"ids": ["a"] * 9000})


def _introspecting() -> Iterator[Attack]:
    bomb = "fields { type { " * 6 + "name" + " } }" * 6
    yield Attack("introspection in circles", f"{{ __schema {{ types {{ {bomb} }} }} }}", INPUT)
    whole = "__schema { types { fields { args { type { name } } type { name } } inputFields { name } } }"
    yield Attack("introspection many times", "{ " + " ".join(f"a{i}: {whole}" for i in range(19)) + " }", COST)


ATTACKS = (*_deep(), *_wide(), *_fragmented(), *_flooding(), *_introspecting())
