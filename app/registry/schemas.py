"""Workflow types whose input is described by a JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import orjson
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from app.model import Json
from app.registry.problems import MOST_PROBLEMS, Problem, encoded, missing, names_at, unknown, wrong


@dataclass(frozen=True)
class SchemaInput:
    """The one argument, checked against a JSON Schema; references lead only into the schema itself."""

    json_schema: Mapping[str, Json]

    @cached_property
    def _validator(self) -> Validator:
        cls = validator_for(self.json_schema, default=Draft202012Validator)
        # Without a registry, references to addresses on the net would be fetched.
        return cls(self.json_schema, registry=Registry(), format_checker=cls.FORMAT_CHECKER)

    def problems(self, workflow_type: str, args: Sequence[Json]) -> list[Problem]:
        if len(args) != 1:
            return [Problem((), f"{workflow_type} takes one input; {len(args)} are given.")]
        text = encoded(args[0])
        if isinstance(text, Problem):
            return [text]
        found = (
            problem
            for error in self._validator.iter_errors(orjson.loads(text))
            for problem in _problems(workflow_type, error, self.json_schema)
        )
        return list(islice(dict.fromkeys(found), MOST_PROBLEMS))


class AnyInput:
    """Nothing is known of the arguments."""

    json_schema: Mapping[str, Json] | None = None

    def problems(self, workflow_type: str, args: Sequence[Json]) -> list[Problem]:
        return []


def flaw(schema: Json) -> tuple[tuple[str | int, ...], str] | None:
    """Why this is no JSON Schema that can be used, with the path of what is wrong; None where it is one."""
    cls = validator_for(schema, default=Draft202012Validator)
    try:
        cls.check_schema(schema)
    except SchemaError as error:
        return tuple(error.absolute_path), error.message
    resolver = Registry().resolver_with_root(Resource.from_contents(schema, default_specification=DRAFT202012))
    for path, reference in _references(schema, ()):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            return path, f"{reference!r} leads nowhere: references are followed only within the schema"
    return None


def _references(schema: Json, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield (*path, "$ref"), reference
        for key, value in schema.items():
            yield from _references(value, (*path, key))
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from _references(value, (*path, number))


def _problems(workflow_type: str, error: ValidationError, schema: Json) -> Iterator[Problem]:
    path: tuple[str | int, ...] = tuple(error.absolute_path)
    value: Any = error.instance
    wanted: Any = error.validator_value
    if error.validator == "required":
        yield from (missing((*path, name)) for name in wanted if name not in value)
    elif error.validator == "additionalProperties" and wanted is False:
        known = names_at(schema, path)
        yield from (unknown((*path, name), workflow_type, schema) for name in value if name not in known)
    elif error.validator in {"anyOf", "oneOf"}:
        yield wrong(path, "fits none of the forms that it may have", value)
    else:
        yield wrong(path, _said(error), value)


_SAID: Mapping[str, str] = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be above {}",
    "exclusiveMaximum": "must be below {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "pattern": "must match {}",
    "format": "must be a valid {}",
}


def _said(error: ValidationError) -> str:
    """What a value must be, as the end of a sentence about it."""
    wanted: Any = error.validator_value
    if error.validator == "type":
        return f"must be of type {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
    if error.validator in {"enum", "const"}:
        choices = [orjson.dumps(each).decode() for each in (wanted if error.validator == "enum" else [wanted])]
        return f"must be {'one of ' if len(choices) > 1 else ''}{', '.join(choices)}"
    return _SAID.get(str(error.validator), f"does not fit {error.validator} of its schema").format(wanted)
