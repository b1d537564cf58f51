"""Which attributes of its objects a selection reads, so that no others need be fetched.

A field that reads the attribute of its own name needs no word. Any other says so in its metadata, or else may read
anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from graphql import GraphQLField, GraphQLObjectType, get_named_type, is_leaf_type, is_object_type
from graphql.execution.collect_fields import FieldDetailsList

from app.api.compiled.plain import Attribute, Function

if TYPE_CHECKING:
    from app.api.compiled.writing import Selected

Names = frozenset[str]
_READS = "reads"
_OF = "of"


def reads(*names: str, of: Callable[..., Any] | None = None) -> Mapping[str, Any]:
    """Metadata of a field: the attributes that it reads of the object, or of the items of the list, that it is of.
    `of` makes its value of theirs, in this order."""
    return {_READS: frozenset(names), _OF: None if of is None else (of, names)}


def made_of(field: GraphQLField) -> tuple[Callable[..., Any], tuple[str, ...]] | None:
    """The function that makes a field's value, and the attributes of which it does; None where that is not known."""
    definition = field.extensions.get("strawberry-definition")
    return definition.metadata.get(_OF) if definition is not None else None


class Reader:
    """Finds what is read of objects of one type. `below` gives what a selection within reads of them, `is_plain`
    whether all of a selection is plain; None stands for anything."""

    def __init__(
        self,
        type_: str,
        below: Callable[[GraphQLObjectType, FieldDetailsList], Names | None],
        is_plain: Callable[[GraphQLObjectType, FieldDetailsList], bool],
    ) -> None:
        self._type = type_
        self._below = below
        self._is_plain = is_plain

    def of(self, type_: GraphQLObjectType, field: Selected) -> Names | None:
        """What a field reads."""
        if field.constant is not None:
            return frozenset()
        definition = field.definition.extensions.get("strawberry-definition")
        declared: Names | None = definition.metadata.get(_READS) if definition is not None else None
        inner: Any = get_named_type(field.definition.type)
        match field.reads:
            case Function(loaded=loaded) if loaded is not None:
                # What is not plain may ask for the object that it hangs on.
                return loaded.reads if is_object_type(inner) and self._is_plain(inner, field.details) else None
            case _ if declared is not None:
                return declared
            case Attribute(name) if is_leaf_type(inner):
                return frozenset({name}) if type_.name == self._type else None
            case Attribute() if is_object_type(inner):
                return self._below(inner, field.details)
        return None
