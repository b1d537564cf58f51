"""Which fields only read, and how their values become those of the response."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import iscoroutine, iscoroutinefunction
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import is_awaitable, is_iterable
from strawberry.schema.types.base_scalars import DateTimeDefinition
from strawberry.types.field import StrawberryField

from app.api.compiled.loaded import Loaded, Told
from app.model import Glimpse


class NotPlainError(Exception):
    """Compiled code met what it was not written for: the ordinary way decides."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field that reads the attribute of its own name."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A field whose resolver takes nothing but the source, by `parameter` or in first place, and awaits nothing."""

    call: Callable[..., Any]
    parameter: str | None
    loaded: Loaded | None = None


def reading(field: GraphQLField) -> Attribute | Function | None:
    """How a field is read; None for one that the ordinary way must resolve."""
    definition = field.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryField) or definition.is_subscription:
        return None
    if definition.is_basic_field:
        return Attribute(definition.python_name) if definition.default_resolver is getattr else None
    extensions = definition.extensions
    loaded = extensions[0] if len(extensions) == 1 and isinstance(extensions[0], Loaded) else None
    if (extensions and loaded is None) or (definition.arguments and loaded is None):
        return None
    if isinstance(loaded, Told):
        return Function(loaded.told, None, loaded)
    return _function(definition, loaded)


def _function(definition: StrawberryField, loaded: Loaded | None) -> Function | None:
    resolver = definition.base_resolver
    if resolver is None or resolver.is_async or iscoroutinefunction(resolver.wrapped_func) or resolver.info_parameter:
        return None
    call = resolver.wrapped_func
    if not callable(call):
        return None
    named = resolver.parent_parameter or resolver.root_parameter
    if (named is None) == (resolver.self_parameter is None):
        return None
    return Function(call, named.name if named else None, loaded)


_LARGEST_INT = 2**31 - 1
_EXACT: dict[GraphQLLeafType, str] = {
    GraphQLString: "type({v}) is str",
    GraphQLID: "type({v}) is str",
    GraphQLBoolean: "type({v}) is bool",
    GraphQLInt: f"type({{v}}) is int and {-_LARGEST_INT - 1} <= {{v}} <= {_LARGEST_INT}",
    # Neither infinite nor no number.
    GraphQLFloat: "type({v}) is float and {v} - {v} == 0.0",
}
_TIME = "type({v}) is datetime and {v}.tzinfo is utc"
"""The encoder writes such a time as the scalar does, only sooner."""
_JSON_TYPES = "type({v}) in json_types"
JSON_TYPES = frozenset({dict, list, str, int, float, bool})


def passes(type_: GraphQLLeafType) -> str | None:
    """A condition on `{v}` under which a value of this type is written as it is; None where there is no such one."""
    if type_ in _EXACT:
        return _EXACT[type_]
    if isinstance(type_, GraphQLScalarType):
        if type_.coerce_output_value is DateTimeDefinition.serialize:
            return _TIME
        if type_.coerce_output_value is str:
            return _EXACT[GraphQLString]
        if type_.coerce_output_value is GraphQLScalarType.serialize:
            return _JSON_TYPES
    return None


def names_of(type_: GraphQLEnumType) -> dict[Any, str]:
    """The names of an enum's members."""
    members = getattr(type_, "wrapped_cls", ())
    return {member: type_.coerce_output_value(member) for member in members}


def coercion(type_: GraphQLLeafType, *, nullable: bool) -> Callable[[Any], Any]:
    """Any value of a leaf type, by the type itself."""
    coerce = type_.coerce_output_value

    def coerced(value: Any) -> Any:
        if value is None and nullable:
            return None
        if value is None or value is Undefined or isinstance(value, Exception):
            raise NotPlainError
        refuse_awaitable(value)
        found = coerce(value)
        if found is None or found is Undefined:
            raise NotPlainError
        return found

    return coerced


def refuse_awaitable(value: Any) -> None:
    if is_awaitable(value):
        if iscoroutine(value):
            value.close()  # the ordinary way asks for another one
        raise NotPlainError


def items(value: Any) -> Sequence[Any]:
    """A list whose items can be read more than once."""
    if type(value) in {list, tuple} or (isinstance(value, Sequence) and is_iterable(value)):
        return value  # type: ignore[no-any-return]
    refuse_awaitable(value)
    raise NotPlainError


OWN = frozenset({"ref", "value"})


class Wrapper:
    """A source whose fields are those of its `value`, but for those in OWN."""

    __slots__ = ()
    value: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)


class Sources:
    """The Python types that were seen to be values: neither exceptions, nor awaitable, nor nothing. `glimpses` are
    those whose attributes are their items."""

    def __init__(self) -> None:
        self.known: set[type] = set()
        self.glimpses: set[type] = set()
        self.wrappers: set[type] = set()

    def check(self, source: Any) -> None:
        if source is None or source is Undefined or isinstance(source, Exception):
            raise NotPlainError
        refuse_awaitable(source)
        if isinstance(source, Glimpse):
            self.glimpses.add(type(source))
            return
        if isinstance(source, Wrapper):
            self.wrappers.add(type(source))
        self.known.add(type(source))

    def hold(self, sources: Sequence[Any]) -> bool:
        """Whether all of them are such values."""
        try:
            for each in sources:
                if type(each) not in self.known and type(each) not in self.glimpses:
                    self.check(each)
        except NotPlainError:
            return False
        return True


SOURCES = Sources()
TIMES = {"datetime": datetime, "utc": UTC}
