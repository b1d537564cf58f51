"""The code of a selection.

An object whose selected fields are plain throughout becomes one expression:

    {"workflowId": v if type(v := source.workflow_id) is str else c0(v), "status": c1[source.status], ...}

Any other becomes statements, one a field, each with the ordinary way behind it. Names of clients are written as
constants; values, such as types and functions, are bound by names of our own.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList

from app.api.compiled.loaded import Loaded, Told
from app.api.compiled.plain import (
    JSON_TYPES,
    OWN,
    SOURCES,
    TIMES,
    Attribute,
    Function,
    NotPlainError,
    coercion,
    items,
    names_of,
    passes,
)
from app.api.compiled.reads import made_of

_INNER = "inner = source.value if type(source) in wrappers else source"

Plain = Callable[[Any], dict[str, Any]]
"""The response of a source, or NotPlainError or whatever reading it raises."""


@dataclass(frozen=True, slots=True)
class Selected:
    """One field of a selection. `constant` is its value where that is the same for every source."""

    key: str
    details: FieldDetailsList
    definition: GraphQLField
    reads: Attribute | Function | None
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class Mixed:
    """How to complete an object of which some fields are plain.

    `begin` puts all fields in order into `results`, and the names of those that must be waited for into `waiting`; with
    `later`, those that are loaded ahead are left to `fill`, which is called when they are.
    """

    begin: Callable[..., None]
    fill: Callable[..., None]
    loads: tuple[Loaded, ...]
    is_rest_plain: bool
    """Whether nothing but what `loads` name is loaded for the fields."""
    ahead: Plain | None
    """Then the response without what is loaded, which `behind` puts into it, of an execution, a source, what was loaded
    for it and the response. Both raise as `Plain`."""
    behind: Callable[..., None]

    @property
    def parts(self) -> frozenset[str] | None:
        """What must be loaded; None stands for everything."""
        return frozenset().union(*(each.parts for each in self.loads)) if self.is_rest_plain else None


class Writer:
    """Writes one selection. `plain_of` gives the code of an object below it, None where that is not plain.

    Of glimpses, attributes are read as items. That is another code, which is written when the first one comes.
    """

    def __init__(
        self,
        plain_of: Callable[[GraphQLObjectType, FieldDetailsList], Plain | None],
        *,
        of_glimpses: bool = False,
    ) -> None:
        self._plain_of = plain_of
        self._of_glimpses = of_glimpses
        self._bound: dict[str, Any] = {
            "sources": SOURCES.glimpses if of_glimpses else SOURCES.known,
            "glimpses": () if of_glimpses else SOURCES.glimpses,
            "check": SOURCES.check,
            "json_types": JSON_TYPES,
            "wrappers": SOURCES.wrappers,
            **TIMES,
            "items": items,
            "NotPlain": NotPlainError,
        }

    def plain(self, type_: GraphQLObjectType, fields: Sequence[Selected]) -> Plain | None:
        """The code of an object whose fields are all plain; None where one is not."""
        entries = []
        for field in fields:
            if isinstance(field.reads, Function) and field.reads.loaded is not None:
                return None
            entry = self.entry(field)
            if entry is None:
                return None
            entries.append(f"{field.key!r}: {entry}")
        return self._expression(type_, entries, lambda writer: writer.plain(type_, fields))

    def _expression(self, type_: GraphQLObjectType, entries: Sequence[str], again: Callable[[Writer], Any]) -> Plain:
        """The code of an object as one expression; `again` writes it for glimpses."""
        lines = [
            "if type(source) not in sources:",
            f" if type(source) in glimpses: return {self.bind(self._later(again))}()(source)",
            " check(source)",
        ]
        if type_.is_type_of:
            lines.append(f"if {self.bind(type_.is_type_of)}(source, None) is not True: raise NotPlain")
        if not self._of_glimpses:
            lines.append(_INNER)
        return self.function("source", [*lines, f"return {{{', '.join(entries)}}}"])

    def mixed(self, type_: GraphQLObjectType, fields: Sequence[Selected]) -> Mixed:
        """The code of any other object."""
        other = self.bind(self._later(lambda writer: writer.mixed(type_, fields).begin))
        ahead = f"if type(source) in glimpses: return {other}()(x, source, path, later, results, waiting)"
        begin, fill = [] if self._of_glimpses else [ahead, _INNER], ["pass"]
        loads: list[Loaded] = []
        is_rest_plain = True
        entries, behind = [], ["pass"]
        for field in fields:
            ordinary = (
                f"x.put({self.bind(type_)}, {self.bind(field.details)}, source, path, {field.key!r}, results, waiting)"
            )
            later = self._loaded(field, loads)
            entry = None if later else self.entry(field)
            is_rest_plain = is_rest_plain and bool(later or entry)
            entries.append(f"{field.key!r}: {None if later else entry}")
            behind += [f"results[{field.key!r}] = {later}"] if later else []
            if later is not None:
                begin += [f"if later: results[{field.key!r}] = None", f"else: {ordinary}"]
                fill += ["try:", f" results[{field.key!r}] = {later}", "except Exception:", f" {ordinary}"]
            elif entry is not None:
                begin += ["try:", f" results[{field.key!r}] = {entry}", "except Exception:", f" {ordinary}"]
            else:
                begin.append(ordinary)
        return Mixed(
            begin=self.function("x, source, path, later, results, waiting", begin),
            fill=self.function("x, source, path, found, results, waiting", fill),
            loads=tuple(loads),
            is_rest_plain=is_rest_plain,
            ahead=self._expression(type_, entries, lambda writer: writer.mixed(type_, fields).ahead)
            if is_rest_plain and loads
            else None,
            behind=self.function("x, source, found, results", behind),
        )

    def _loaded(self, field: Selected, loads: list[Loaded]) -> str | None:
        """The expression of a field that was loaded ahead, in a list."""
        function = field.reads
        if not isinstance(function, Function) or function.loaded is None:
            return None
        loaded = function.loaded
        source = f"{function.parameter}=source" if function.parameter else "source"
        read = f"{self.bind(function.call)}({source}, {loaded.argument}=found.{loaded.part}, **arguments)"
        if isinstance(loaded, Told):
            read = f"{self.bind(function.call)}(found)"
        value = self.value(field.definition.type, read, field.details)
        if value is None:
            return None
        loads.append(loaded)
        made = self.bind(self.function("source, found, arguments", [f"return {value}"]))
        arguments = f"x.arguments({self.bind(field.definition)}, {self.bind(field.details)})"
        return f"x.made({made}, {self.bind(loaded)}, source, found, {arguments})"

    def entry(self, field: Selected) -> str | None:
        """The expression of one field's value; None where it is not plain."""
        if field.constant is not None:
            return repr(field.constant)
        match field.reads:
            case Attribute(name) if name.isidentifier() and not keyword.iskeyword(name):
                return self.value(field.definition.type, self._read(name), field.details)
            case Function() if self._of_glimpses and (made := made_of(field.definition)):
                function, names = made
                read = f"{self.bind(function)}({', '.join(map(self._read, names))})"
                return self.value(field.definition.type, read, field.details)
            case Function(call, parameter, None):
                source = f"{parameter}=source" if parameter else "source"
                return self.value(field.definition.type, f"{self.bind(call)}({source})", field.details)
        return None

    def _read(self, name: str) -> str:
        if self._of_glimpses:
            return f"source[{name!r}]"
        return f"{'source' if name in OWN else 'inner'}.{name}"

    def _later(self, write: Callable[[Writer], Any]) -> Callable[[], Any]:
        """The code of glimpses, once it is asked for."""
        return cache(lambda: write(Writer(self._plain_of, of_glimpses=True)))

    def value(self, type_: GraphQLOutputType, read: str, details: FieldDetailsList, depth: int = 0) -> str | None:
        """The expression that completes what `read` reads."""
        nullable = not is_non_null_type(type_)
        inner: Any = type_ if nullable else type_.of_type  # type: ignore[union-attr]
        if is_leaf_type(inner):
            return self._leaf(inner, read, nullable=nullable)
        if is_list_type(inner):
            item = self.value(inner.of_type, f"i{depth}", details, depth + 1)
            made = None if item is None else f"[{item} for i{depth} in items({{}})]"
        elif is_object_type(inner):
            plain = self._plain_of(inner, details)
            made = None if plain is None else f"{self.bind(plain)}({{}})"
        else:
            return None
        if made is None:
            return None
        return f"(None if (v := {read}) is None else {made.format('v')})" if nullable else made.format(read)

    def _leaf(self, type_: Any, read: str, *, nullable: bool) -> str:
        otherwise = "None if v is None else " if nullable else ""
        if isinstance(type_, GraphQLEnumType):
            names = self.bind(names_of(type_))
            return f"({otherwise.replace('v is', f'(v := {read}) is')}{names}[v])" if nullable else f"{names}[{read}]"
        other = f"{self.bind(coercion(type_, nullable=nullable))}(v)"
        condition = passes(type_)
        if condition is None:
            return other.replace("(v)", f"({read})")
        first, _, rest = condition.format(v="v").partition("type(v)")
        return f"(v if {first}type(v := {read}){rest} else {otherwise}{other})"

    def bind(self, value: object) -> str:
        name = f"c{len(self._bound)}"
        self._bound[name] = value
        return name

    def function(self, parameters: str, lines: Sequence[str]) -> Callable[..., Any]:
        source = f"def complete({parameters}):\n" + "\n".join(f" {line}" for line in lines)
        exec(compile(source, "<selection>", "exec"), self._bound)
        return self._bound.pop("complete")  # type: ignore[no-any-return]
