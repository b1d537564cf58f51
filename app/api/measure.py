"""How large a document is, in one pass over its text's tree.

A fragment that is spread twice counts twice, as it will be executed, but is looked at once: what it holds is added up
where it is used. So the pass is linear in the document's size, whatever the numbers become; and a document whose
fragments go round in a circle is found here, before anything walks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from app.bounds import Bounds
from app.errors import BadUserInput

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.?|"(?!""))*+(?:"""|\Z)'  # what is not terminated is one token to its end, never read again
    r'|"(?:[^"\\\n]|\\.?)*+"?'
    r"|\.\.\.|[\w.+-]+|\#[^\n\r]*+|[^\s,\w\ufeff]",
    re.S,
)
"""What the grammar takes for a token, and comments, which cost a parser as much."""
_INTROSPECTION = {"__schema", "__type"}


@dataclass(frozen=True, slots=True)
class Measure:
    """What is in a selection, through its fragments."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    introspects: bool = False


_NOTHING = Measure()


def check_text(text: str, bounds: Bounds) -> None:
    """Raise TooComplex for a text that is too long to be parsed; takes no longer for a longer one."""
    bounds.check("document", len(text), f"has a document of {len(text)} characters")
    tokens = sum(1 for _ in islice(_TOKEN.finditer(text), bounds.tokens + 1))
    bounds.check("tokens", tokens, f"has a document of more than {bounds.tokens} tokens")


def check(document: DocumentNode, bounds: Bounds) -> bool:
    """Whether the document asks for the schema itself. Raises TooComplex where it asks for too much, and BadUserInput
    for fragments that spread each other in a circle."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    bounds.check("operations", len(operations), f"has {len(operations)} operations")
    bounds.check("fragments", len(fragments), f"has {len(fragments)} fragments")
    measures: dict[str, Measure] = {}
    roots: dict[str, int] = {}
    for name in _inside_out(fragments):
        measures[name] = _measured(fragments[name].selection_set, measures)
        roots[name] = _roots(fragments[name].selection_set, roots)
    introspects = False
    for operation in operations:
        found = _measured(operation.selection_set, measures)
        directives = found.directives + _own_directives(operation)
        declared = len(operation.variable_definitions or ())
        bounds.check("variables", declared, f"declares {declared} variables")
        asked = _roots(operation.selection_set, roots)
        bounds.check("depth", found.depth, f"is nested {found.depth} deep")
        bounds.check("roots", asked, f"asks for {_number(asked)} fields of the root")
        bounds.check("aliases", found.aliases, f"has {_number(found.aliases)} aliases")
        bounds.check("directives", directives, f"has {_number(directives)} directives")
        bounds.check("fields", found.fields, f"selects {_number(found.fields)} fields")
        introspects = introspects or found.introspects
    for name, found in measures.items():  # also what no operation uses is validated
        for limit in ("depth", "fields", "aliases", "directives"):
            amount = getattr(found, limit)
            bounds.check(limit, amount, f"has in fragment {name!r} {_number(amount)} as its {limit}")
    return introspects


def _number(count: int) -> str:
    return str(count) if count < 1_000_000 else "millions of"


def _inside_out(fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[str]:
    """Each fragment behind those that it spreads."""
    done: set[str] = set()
    for root in fragments:
        path: dict[str, Iterator[str]] = {}
        if root not in done:
            path[root] = _spreads(fragments[root].selection_set)
        while path:
            name = next(reversed(path))
            inner = next((each for each in path[name] if each in fragments and each not in done), None)
            if inner is None:
                del path[name]
                done.add(name)
                yield name
            elif inner in path:
                raise BadUserInput(f"Fragment {inner!r} spreads itself, directly or through others.")
            else:
                path[inner] = _spreads(fragments[inner].selection_set)


def _spreads(selections: SelectionSetNode) -> Iterator[str]:
    for each in selections.selections:
        if isinstance(each, FragmentSpreadNode):
            yield each.name.value
        elif (inner := getattr(each, "selection_set", None)) is not None:
            yield from _spreads(inner)


def _measured(selections: SelectionSetNode, fragments: Mapping[str, Measure]) -> Measure:
    depth = fields = aliases = directives = 0
    introspects = False
    for each in selections.selections:
        inner, own = _NOTHING, 0
        if isinstance(each, FragmentSpreadNode):
            inner = fragments.get(each.name.value, _NOTHING)
        else:
            if (nested := getattr(each, "selection_set", None)) is not None:
                inner = _measured(nested, fragments)
            if isinstance(each, FieldNode):
                own = 1
                aliases += each.alias is not None
                introspects = introspects or each.name.value in _INTROSPECTION
        depth = max(depth, inner.depth + own)
        fields += inner.fields + own
        aliases += inner.aliases
        directives += inner.directives + len(each.directives or ())
        introspects = introspects or inner.introspects
    return Measure(depth, fields, aliases, directives, introspects)


def _roots(selections: SelectionSetNode, fragments: Mapping[str, int]) -> int:
    """How many fields stand at the top, through fragments."""
    found = 0
    for each in selections.selections:
        if isinstance(each, FieldNode):
            found += 1
        elif isinstance(each, FragmentSpreadNode):
            found += fragments.get(each.name.value, 0)
        else:
            found += _roots(each.selection_set, fragments)  # type: ignore[attr-defined]
    return found


def _own_directives(operation: OperationDefinitionNode) -> int:
    declared = operation.variable_definitions or ()
    return len(operation.directives or ()) + sum(len(each.directives or ()) for each in declared)


def check_variables(variables: object, bounds: Bounds) -> None:
    """Raise TooComplex for variables that hold too much."""
    values = 0
    level = [variables]
    for _ in range(bounds.nesting + 1):
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        values += len(inner)
        bounds.check("values", values, f"has variables of more than {bounds.values} values")
        if not inner:
            return
        level = inner
    bounds.check("nesting", bounds.nesting + 1, f"has variables nested more than {bounds.nesting} deep")
