"""The code of a document's selections, kept with the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    Node,
    TypeNameMetaFieldDef,
    VariableNode,
)
from graphql.execution import VariableValues
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList

from app.api.compiled.kept import Kept
from app.api.compiled.plain import reading
from app.api.compiled.reads import Names, Reader
from app.api.compiled.resolver import Resolver, resolver_of
from app.api.compiled.writing import Mixed, Plain, Selected, Writer

MAX_VARIANTS = 16
"""Of one document: as many combinations of @skip and @include are kept."""
MAX_FIELDS = 2000
"""Of one variant. A larger one goes on the ordinary way from there."""

Collect = Callable[[GraphQLObjectType, FieldDetailsList], CollectedFields]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to complete the objects of one selection: `plain`, else `mixed` where some fields are."""

    plain: Plain | None = None
    mixed: Mixed | None = None


ORDINARY = Plan()


@dataclass(slots=True)
class Variant:
    """The plans of a document under one combination of @skip and @include."""

    schema: GraphQLSchema
    plans: dict[tuple[Any, ...], Plan] = field(default_factory=dict)
    reads: dict[tuple[Any, ...], Names | None] = field(default_factory=dict)
    resolvers: dict[tuple[Any, ...], Resolver | None] = field(default_factory=dict)
    fields: int = 0

    def plan(self, type_: GraphQLObjectType, details: FieldDetailsList, collect: Collect) -> Plan:
        """The plan of a selection. `details` may be other lists of the same nodes from one execution to the next."""
        key = (type_, *[id(each.node) for each in details])
        plan = self.plans.get(key)
        if plan is None:
            plan = self.plans[key] = self._made(type_, details, collect)
        return plan

    def resolver(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Resolver | None:
        """How to resolve a field; None for one that is left to the ordinary way."""
        key = (type_, *[id(each.node) for each in details])
        try:
            return self.resolvers[key]
        except KeyError:
            definition = self.schema.get_field(type_, details[0].node.name.value)
            found = None if definition is None else resolver_of(definition, details)
            if len(self.resolvers) < MAX_FIELDS:
                self.resolvers[key] = found
            return found

    def read(self, of: str, type_: GraphQLObjectType, details: FieldDetailsList, collect: Collect) -> Names | None:
        """The attributes that a selection reads of the objects of one type in it; None stands for any."""
        key = (of, type_, *[id(each.node) for each in details])
        if key not in self.reads:
            self.reads[key] = self._read(of, type_, details, collect)
        return self.reads[key]

    def _read(self, of: str, type_: GraphQLObjectType, details: FieldDetailsList, collect: Collect) -> Names | None:
        reader = Reader(
            of,
            lambda below, nested: self.read(of, below, nested, collect),
            lambda below, nested: self.plan(below, nested, collect).plain is not None,
        )
        selected = self._selected(type_, collect(type_, details))
        found: Names = frozenset()
        for each in selected or ():
            names = reader.of(type_, each)
            if names is None:
                return None
            found |= names
        return None if selected is None else found

    def _made(self, type_: GraphQLObjectType, details: FieldDetailsList, collect: Collect) -> Plan:
        selected = self._selected(type_, collect(type_, details))
        if selected is None:
            return ORDINARY

        def plain_of(below: GraphQLObjectType, nested: FieldDetailsList) -> Plain | None:
            return self.plan(below, nested, collect).plain

        plain = Writer(plain_of).plain(type_, selected)
        if plain is not None:
            return Plan(plain)
        return Plan(None, Writer(plain_of).mixed(type_, selected))

    def _selected(self, type_: GraphQLObjectType, collected: CollectedFields) -> list[Selected] | None:
        found = []
        self.fields += len(collected.grouped_field_set)
        if self.fields > MAX_FIELDS or collected.new_defer_usages:
            return None
        for key, details in collected.grouped_field_set.items():
            definition = self.schema.get_field(type_, details[0].node.name.value)
            if definition is None or any(each.fragment_variable_values for each in details):
                return None
            constant = type_.name if definition is TypeNameMetaFieldDef else None
            found.append(Selected(key, details, definition, reading(definition), constant))
        return found


class Plans:
    """All plans of a document, which must outlive them: they are found by its nodes."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, kept: Kept | None = None) -> None:
        self._schema = schema
        self.kept = kept or Kept()
        self._deciding = tuple(sorted(set(_deciding(document))))
        self._variants: dict[tuple[Any, ...], Variant] = {}

    def variant(self, variables: VariableValues) -> Variant:
        key = tuple(variables.coerced.get(name) for name in self._deciding)
        variant = self._variants.get(key)
        if variant is None:
            if len(self._variants) >= MAX_VARIANTS:
                self._variants.clear()
            variant = self._variants[key] = Variant(self._schema)
        return variant


_DIRECTIVES = {GraphQLSkipDirective.name, GraphQLIncludeDirective.name}


def _deciding(node: Node) -> Iterator[str]:
    """The variables that decide which fields are selected."""
    if isinstance(node, (FieldNode, InlineFragmentNode, FragmentSpreadNode)):
        for directive in node.directives or ():
            if directive.name.value in _DIRECTIVES:
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        yield argument.value.name.value
    for key in node.keys:
        value = getattr(node, key, None)
        for child in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(child, Node):
                yield from _deciding(child)
