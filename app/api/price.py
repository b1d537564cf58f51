"""What an operation may cost at most, as a formula of its variables; and what its result did cost.

The formula is a sum of products: each a number of points, multiplied by the sizes of the lists that it stands in. Sizes
that the document itself says are multiplied out when the formula is made, so that most formulas are one number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from app.api import costs
from app.api.compiled import Written
from app.api.costs import Listed, Paged

_ITEMS = {"nodes", "edges"}


@dataclass(frozen=True, slots=True)
class Size:
    """How many items there are: known, or as a variable says. Of several variables the largest counts."""

    names: tuple[str, ...]
    default: int
    most: int

    def of(self, variables: Mapping[str, Any]) -> int:
        asked = [_size(variables.get(name)) for name in self.names]
        given = [each for each in asked if each is not None]
        return min(max(given), self.most) if given else self.default


def _size(value: Any) -> int | None:
    if isinstance(value, list):
        return len(value)
    return max(value, 0) if type(value) is int else None


Sizes = tuple[Size, ...]


@dataclass(slots=True)
class Shape:
    """What a field's value costs as it came: `own` for the field, `each` for every object."""

    own: float = 0.0
    each: float = 0.0
    inner: dict[str, Shape] = field(default_factory=dict)

    def cost(self, value: Any) -> float:
        if value is None:
            return self.own
        if isinstance(value, Written):
            return self._written(value)
        if not isinstance(value, list):
            return self.own + self._object(value)
        if not self.inner:
            return self.own + self.each * len(value)
        return self.own + sum(self._object(each) for each in value)

    def _written(self, value: Written) -> float:
        """Found out once, as the value is written once."""
        found = value.costs.get(id(self))
        if found is None:
            found = value.costs[id(self)] = self.cost(value.value)
        return found

    def _object(self, value: Any) -> float:
        if not self.inner or not isinstance(value, dict):
            return self.each
        return self.each + sum(shape.cost(value[key]) for key, shape in self.inner.items() if key in value)


@dataclass(frozen=True, slots=True)
class Price:
    """`terms` are sums of points by the sizes that multiply them; `shape` is the operation's root."""

    terms: tuple[tuple[Sizes, float], ...]
    shape: Shape

    def requested(self, variables: Mapping[str, Any] | None) -> float:
        """What it may cost at most."""
        given = variables or {}
        return sum(points * prod(size.of(given) for size in sizes) for sizes, points in self.terms)

    def actual(self, data: Any) -> float:
        """What its data did cost."""
        return self.shape.cost(data)


def price(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Price:
    """The price of an operation of a valid document, whose size has been checked."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    root = schema.get_root_type(operation.operation)
    assert root is not None, "a valid operation has a root"
    pricing = _Pricing(schema, fragments, _defaults(operation))
    shape = Shape()
    pricing.selections(operation.selection_set, root, (), None, 1.0, shape)
    return Price(tuple(pricing.terms.items()), shape)


def _defaults(operation: OperationDefinitionNode) -> dict[str, int]:
    found = {}
    for each in operation.variable_definitions or ():
        size = _literal(each.default_value)
        if size is not None:
            found[each.variable.name.value] = size
    return found


def _literal(node: Any) -> int | None:
    if isinstance(node, IntValueNode):
        return max(int(node.value[:9]), 0)
    return len(node.values) if isinstance(node, ListValueNode) else None


class _Pricing:
    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], defaults: Mapping[str, int]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._defaults = defaults
        self.terms: defaultdict[Sizes, float] = defaultdict(float)

    def selections(
        self, node: SelectionSetNode, parent: Any, sizes: Sizes, page: Size | int | None, times: float, shape: Shape
    ) -> None:
        """Add what is selected on a parent, which is there `times` times and as often as `sizes` say."""
        for each in node.selections:
            if isinstance(each, FieldNode):
                self._field(each, parent, sizes, page, times, shape)
                continue
            kind, inner = self._fragment(each, parent)
            if inner is not None:
                self.selections(inner, kind, sizes, page, times, shape)

    def _fragment(self, node: Any, parent: Any) -> tuple[Any, SelectionSetNode | None]:
        if isinstance(node, FragmentSpreadNode):
            known = self._fragments.get(node.name.value)
            return (None, None) if known is None else (self._named(known.type_condition.name), known.selection_set)
        assert isinstance(node, InlineFragmentNode)
        condition = node.type_condition
        return parent if condition is None else self._named(condition.name), node.selection_set

    def _named(self, name: NameNode) -> Any:
        return self._schema.get_type(name.value)

    def _field(
        self, node: FieldNode, parent: Any, sizes: Sizes, page: Size | int | None, times: float, shape: Shape
    ) -> None:
        name = node.name.value
        own = costs.own(parent.name, name)
        definition = self._schema.get_field(parent, name)
        kind = get_named_type(definition.type) if definition is not None else None
        if not own and not is_composite_type(kind):
            return
        self._add(sizes, own * times)
        key = node.alias.value if node.alias else name
        inner = shape.inner.setdefault(key, Shape())
        inner.own = max(inner.own, own)
        if definition is None or kind is None or not is_composite_type(kind) or node.selection_set is None:
            return
        each = costs.TYPES.get(kind.name, 0.0 if _is_page(kind) else costs.ITEM)
        inner.each = max(inner.each, each)
        known = costs.SIZES.get(f"{parent.name}.{name}")
        within = self._size(known, node) if known is not None else None
        if _is_list(definition.type):
            count = within if within is not None else page if page is not None and name in _ITEMS else costs.USUAL
            if isinstance(count, Size):
                sizes = tuple(sorted((*sizes, count), key=repr))
            else:
                times *= count
            within = None
        self._add(sizes, each * times)
        self.selections(node.selection_set, kind, sizes, within, times, inner)

    def _add(self, sizes: Sizes, points: float) -> None:
        if points:
            self.terms[sizes] += points

    def _size(self, known: Paged | Listed | int, node: FieldNode) -> Size | int:
        if isinstance(known, int):
            return known
        arguments = {each.name.value: each.value for each in node.arguments or ()}
        names: Sequence[str]
        if isinstance(known, Listed):
            names, default, most = (known.argument,), 0, 100_000
        else:
            names, default, most = known.arguments, known.default, known.most
        given = [arguments[name] for name in names if name in arguments]
        said = [size for each in given if (size := _literal(each)) is not None]
        asked = tuple(each.name.value for each in given if isinstance(each, VariableNode))
        preset = [self._defaults[name] for name in asked if name in self._defaults]
        fallback = min(max([*said, *preset], default=default), most)
        return Size(asked, fallback, most) if asked else fallback


def _is_list(kind: GraphQLOutputType) -> bool:
    return is_list_type(get_nullable_type(kind))


def _is_page(kind: Any) -> bool:
    """Whether the type is only the frame of a list."""
    return isinstance(kind, GraphQLObjectType) and kind.name.endswith("Connection")
