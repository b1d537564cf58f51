"""Documents parsed and validated once: the same text is the same operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged as overlapping
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.api import measure
from app.api.answers import as_graphql
from app.api.compiled import Kept, Plans
from app.api.price import Price, price
from app.api.texts import Text
from app.bounds import Bounds
from app.errors import Forbidden, TidelineError, TooComplex

CACHED_DOCUMENTS = 512
LONGEST_CACHED = 20_000
MAX_ERRORS = 20
"""Of one document that are told."""
RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)

COMPARISONS = 15_000
"""What the one rule whose time grows with the square of what it reads may take, in its own measure: about 30 ms."""
TRUSTED_COMPARISONS = 500_000


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text, or what is wrong with it. One that is kept has plans of how to complete its selections."""

    node: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()
    plans: Plans | None = None
    _prices: dict[int, Price] = field(default_factory=dict, compare=False)

    def price(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> Price:
        """What one of its operations may cost: found out once."""
        assert self.node is not None, "only what can be executed has a price"
        found = self._prices.get(id(operation))
        if found is None:
            found = self._prices[id(operation)] = price(schema, self.node, operation)
        return found

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
    """A bounded cache. Long documents are never kept, so that its memory stays small. Trusted ones are not bounded by
    what strangers' are, and are kept apart from them, so that a flood of others does not push them out."""

    def __init__(
        self,
        schema: GraphQLSchema,
        bounds: Bounds | None = None,
        *,
        introspection: bool = True,
        suggestions: bool = False,
        compiled: bool = True,
    ) -> None:
        self._schema = schema
        self._bounds = bounds or Bounds()
        self._introspection = introspection
        self._compiled = compiled
        self._suggestions = suggestions
        self._kept_parts = Kept()
        self._cached = lru_cache(maxsize=CACHED_DOCUMENTS)(self._kept)
        self._trusted = lru_cache(maxsize=CACHED_DOCUMENTS)(self._kept_trusted)

    def prepare(self, text: Text) -> Document:
        if text.is_trusted:
            return self._trusted(text.document)
        document = text.document
        return self._cached(document) if len(document) <= LONGEST_CACHED else self._bounded(document)

    def _kept(self, text: str) -> Document:
        return self._planned(self._bounded(text))

    def _kept_trusted(self, text: str) -> Document:
        return self._planned(self._prepared(text))

    def _planned(self, document: Document) -> Document:
        """With what is compiled of it, which only pays where it is kept."""
        if document.node is None or document.errors or not self._compiled:
            return document
        return replace(document, plans=Plans(self._schema, document.node, self._kept_parts))

    def _bounded(self, text: str) -> Document:
        return self._prepared(text, self._bounds)

    def _prepared(self, text: str, bounds: Bounds | None = None) -> Document:
        try:
            if bounds is not None:
                measure.check_text(text, bounds)
            node = parse(text, max_tokens=bounds.tokens if bounds is not None else None)
            if bounds is not None and measure.check(node, bounds) and not self._introspection:
                raise Forbidden("What the schema holds is not told here (TIDELINE_INTROSPECTION).")
        except GraphQLSyntaxError as error:
            return Document(None, (error,))
        except TidelineError as error:
            return Document(None, (as_graphql(error),))
        except RecursionError:
            return Document(None, (as_graphql(TooComplex("The document is nested too deeply.")),))
        return Document(node, self._validated(node, COMPARISONS if bounds is not None else TRUSTED_COMPARISONS))

    def _validated(self, node: DocumentNode, comparisons: int) -> tuple[GraphQLError, ...]:
        overlapping.MAX_COMPLEXITY_BUDGET = comparisons  # read at the start of each validation
        errors = validate(self._schema, node, RULES, max_errors=MAX_ERRORS, hide_suggestions=not self._suggestions)
        if errors and isinstance(errors[-1], ValidationAbortedError) and len(errors) <= MAX_ERRORS:
            words = "The document selects the same fields too many times, or nests its fragments too deeply."
            errors[-1] = as_graphql(TooComplex(words))
        return tuple(errors)
