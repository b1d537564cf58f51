"""GraphQL input types made from the dataclasses and pydantic models that workflows take.

GraphQL shows camelCase names and upper-case enums; on the wire stands what the Python type says.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

import strawberry
from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_jsonable_python
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from app.model import Json

_SCALARS = {each: each for each in (str, int, float, bool, datetime, date, time, Decimal, uuid.UUID)}
_TEXTS = (datetime, date, time, Decimal, uuid.UUID)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value of an input is in GraphQL, and the way back to the wire. `kind` is None for JSON, which goes as it
    is; `fields` are there for an object, `item` for a list."""

    kind: Any = JSON
    optional: bool = False
    fields: Mapping[str, Field] = dataclasses.field(default_factory=dict)
    item: Shape | None = None

    def wire(self, value: Any) -> Json:
        """The value as it stands on the wire, without the fields that were not given."""
        if value is None:
            return None
        if self.item is not None:
            return [self.item.wire(each) for each in value]
        if self.fields:
            given = ((field, getattr(value, name)) for name, field in self.fields.items())
            return {field.wire: field.shape.wire(each) for field, each in given if each is not strawberry.UNSET}
        if isinstance(value, enum.Enum):
            return value.value
        return to_jsonable_python(value) if isinstance(value, _TEXTS) else value

    def shown(self, path: Sequence[str | int]) -> tuple[str | int, ...]:
        """A path on the wire, in the names of GraphQL."""
        if not path:
            return ()
        first, rest = path[0], path[1:]
        if self.item is not None:
            return first, *self.item.shown(rest)
        for name, field in self.fields.items():
            if field.wire == first:
                return to_camel_case(name), *field.shape.shown(rest)
        return tuple(path)

    def names(self) -> Iterator[tuple[str, str]]:
        """The names of fields, on the wire and in GraphQL, of this and everything within."""
        for name, field in self.fields.items():
            yield field.wire, to_camel_case(name)
            yield from field.shape.names()
        if self.item is not None:
            yield from self.item.names()


@dataclass(frozen=True, slots=True)
class Field:
    wire: str
    shape: Shape


class InputTypes:
    """Makes each type once. Raises ValueError where two would have the same name."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, str], Shape] = {}
        self._names: dict[str, Any] = {}
        self._making: set[type] = set()

    def root(self, kind: type, name: str, schema: Mapping[str, Json]) -> Shape:
        """The input of a workflow under a name of its own; `schema` has the descriptions of its fields."""
        return self._object(kind, name, schema)

    def _shape(self, kind: Any, schema: Mapping[str, Json], owner: str) -> Shape:
        """The shape of a type; `owner` names what has no name itself, such as a choice of literals."""
        if isinstance(kind, NewType):
            return self._shape(kind.__supertype__, schema, owner)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._shape(arguments[0], schema, owner)
        if origin in {Union, types.UnionType}:
            return self._choice(arguments, schema, owner)
        if origin is Literal and all(isinstance(each, str) for each in arguments):
            return self._enum(kind, owner, {each: each for each in arguments})
        if isinstance(origin, type) and issubclass(origin, Collection) and not issubclass(origin, Mapping):
            if origin is tuple and arguments[1:] != (...,):
                return Shape()
            item = self._shape(arguments[0], schema, owner)
            inner: Any = item.kind | None if item.optional else item.kind
            return Shape(list[inner], item=item)
        if not isinstance(kind, type):
            return Shape()
        if issubclass(kind, enum.Enum):
            return self._enum(kind, kind.__name__, {name: each.value for name, each in kind.__members__.items()})
        if kind in self._making:
            return Shape()  # a type that contains itself would need another way to be named
        if dataclasses.is_dataclass(kind) or issubclass(kind, BaseModel):
            return self._object(kind, f"{kind.__name__.removesuffix('Input')}Input", schema)
        return Shape(_SCALARS[kind]) if kind in _SCALARS else Shape()

    def _choice(self, arguments: Sequence[Any], schema: Mapping[str, Json], owner: str) -> Shape:
        rest = [each for each in arguments if each is not type(None)]
        if set(rest) == {int, float}:
            rest = [float]
        found = self._shape(rest[0], schema, owner) if len(rest) == 1 else Shape()
        return dataclasses.replace(found, optional=len(rest) < len(arguments) or found.optional)

    def _enum(self, kind: Any, name: str, values: Mapping[str, Any]) -> Shape:
        names = {_upper(each): value for each, value in values.items()}
        if (known := self._made.get((kind, name))) is not None:
            return known
        if len(names) < len(values) or not all(each.isidentifier() for each in names):
            return Shape()
        self._claim(name, kind)
        made = Shape(strawberry.enum(enum.Enum(name, names)))  # type: ignore[call-overload]
        self._made[kind, name] = made
        return made

    def _object(self, kind: type, name: str, schema: Mapping[str, Json]) -> Shape:
        if (known := self._made.get((kind, name))) is not None:
            return known
        self._claim(name, kind)
        self._making.add(kind)
        said = _part(schema, kind.__name__)
        hints = get_type_hints(kind, include_extras=True)
        fields: dict[str, Field] = {}
        body: dict[str, Any] = {"__annotations__": {}}
        for field, wire, default in _fields_of(kind):
            shape = self._shape(hints[field], schema, f"{kind.__name__.removesuffix('Input')}{_title(field)}")
            description = said.get("properties", {}).get(wire, {}).get("description")
            shown, optional = _default(default, shape)
            annotation = shape.kind | None if optional else shape.kind
            body["__annotations__"][field] = annotation
            body[field] = strawberry.field(description=description, **shown)
            fields[field] = Field(wire, shape)
        self._making.discard(kind)
        made = strawberry.input(type(name, (), body), description=said.get("description"))
        self._made[kind, name] = Shape(made, fields=fields)
        return self._made[kind, name]

    def _claim(self, name: str, kind: Any) -> None:
        other = self._names.setdefault(name, kind)
        if other != kind:
            raise ValueError(f"{kind} and {other} would both be {name} in GraphQL. Rename one of them.")


def _fields_of(kind: Any) -> Iterator[tuple[str, str, Any]]:
    """Each field with its name on the wire and its default, PydanticUndefined for none, None for one made anew."""
    if issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            made = info.default_factory is not None
            yield name, info.alias or name, strawberry.UNSET if made else info.default
        return
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            yield field.name, field.name, field.default
        elif field.default_factory is not dataclasses.MISSING:
            yield field.name, field.name, strawberry.UNSET
        else:
            yield field.name, field.name, PydanticUndefined


def _default(value: Any, shape: Shape) -> tuple[dict[str, Any], bool]:
    """How a default is told to strawberry, and whether the field may be null. Defaults of scalars are shown in the
    schema; any other field may be left out, and then the workflow has its own default."""
    if value is PydanticUndefined:
        return {}, shape.optional
    if isinstance(shape.kind, type) and issubclass(shape.kind, enum.Enum):
        plain = value.value if isinstance(value, enum.Enum) else value
        return {"default": shape.kind(plain)}, shape.optional
    if isinstance(value, str | int | float) and not isinstance(value, enum.Enum) and shape.kind in _SCALARS:
        return {"default": value}, shape.optional
    return {"default": strawberry.UNSET}, True


def _part(schema: Mapping[str, Json], name: str) -> Mapping[str, Any]:
    """The part of a JSON Schema that is about the class of this name."""
    if schema.get("title") == name:
        return schema
    found: Mapping[str, Any] = schema.get("$defs", {}).get(name, {})
    return found


def _upper(name: str) -> str:
    return "".join(each if each.isalnum() else "_" for each in name).upper()


def _title(name: str) -> str:
    return "".join(each.title() for each in name.split("_"))
