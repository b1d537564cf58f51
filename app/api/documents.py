"""Documents parsed and validated once: the same text is the same operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    VariableNode,
    get_operation_ast,
    parse,
    specified_rules,
)
from strawberry.schema.schema import validate_document

from app.api.compiled import Plans

CACHED_DOCUMENTS = 512
LONGEST_CACHED = 20_000
MAX_TOKENS = 4000
"""Validation of a document takes time that grows faster than its length."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text, or what is wrong with it. One that is kept has plans of how to complete its selections."""

    node: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()
    plans: Plans | None = None

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation of this name, or the only one. Raises GraphQLError where that is not clear."""
        found = get_operation_ast(self.node, name) if self.node is not None else None
        if found is None:
            raise GraphQLError(
                f"The document has no operation {name!r}."
                if name
                else "The document has several operations: name one in operationName."
            )
        return found


_PLACING = {"after"}


def placing_variables(document: DocumentNode, operation: OperationDefinitionNode) -> frozenset[str]:
    """The variables that only say where a subscription begins, not what its updates are."""
    used = Counter(_variables(document))
    declared = len(operation.variable_definitions or ())
    placing = {
        argument.value.name.value
        for field in operation.selection_set.selections
        if isinstance(field, FieldNode)
        for argument in field.arguments or ()
        if argument.name.value in _PLACING and isinstance(argument.value, VariableNode)
    }
    # Each is named once where it is declared and once where it is used.
    return frozenset(name for name in placing if declared and used[name] == 2)


def _variables(node: Node) -> Iterator[str]:
    if isinstance(node, VariableNode):
        yield node.name.value
    for key in node.keys:
        value = getattr(node, key, None)
        for child in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(child, Node):
                yield from _variables(child)


class Documents:
    """A bounded cache. Long documents are never kept, so that its memory stays small."""

    def __init__(self, schema: GraphQLSchema, *, compiled: bool = True) -> None:
        self._schema = schema
        self._compiled = compiled
        self._cached = lru_cache(maxsize=CACHED_DOCUMENTS)(self._kept)

    def prepare(self, text: str) -> Document:
        return self._cached(text) if len(text) <= LONGEST_CACHED else self._prepared(text)

    def _kept(self, text: str) -> Document:
        document = self._prepared(text)
        if document.node is None or document.errors or not self._compiled:
            return document
        return replace(document, plans=Plans(self._schema, document.node))

    def _prepared(self, text: str) -> Document:
        try:
            node = parse(text, max_tokens=MAX_TOKENS)
        except GraphQLSyntaxError as error:
            return Document(None, (error,))
        except RecursionError:
            return Document(None, (GraphQLError("The document is nested too deeply."),))
        return Document(node, tuple(validate_document(self._schema, node, tuple(specified_rules))))
