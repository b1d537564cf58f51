"""Documents are prepared once; strangers' are bounded, trusted ones are not."""

from __future__ import annotations

import pytest
from graphql import GraphQLError

from app.api.answers import tideline_error
from app.api.documents import CACHED_DOCUMENTS, Documents
from app.api.schema import schema
from app.api.texts import Text
from app.bounds import Bounds
from app.errors import Forbidden, TooComplex

DEEP = '{ workflow(workflowId: "a") { parent { parent { id } } } }'
OVERLAPPING = '{ workflow(workflowId: "a") { ' + "parent { id } " * 150 + "} }"
SCHEMA = "{ __schema { queryType { name } } }"


def documents(bounds: Bounds | None = None) -> Documents:
    return Documents(schema._schema, bounds, introspection=False)


def cause(errors: tuple[GraphQLError, ...]) -> type[object]:
    [error] = errors
    return type(tideline_error(error))


@pytest.mark.parametrize(
    ("text", "refusal"),
    [(DEEP, TooComplex), (OVERLAPPING, TooComplex), (SCHEMA, Forbidden), ("{ a " * 500, TooComplex)],
)
def test_strangers_documents_are_bounded(text: str, refusal: type[Exception]) -> None:
    assert cause(documents(Bounds(depth=3, tokens=900)).prepare(Text(text)).errors) is refusal


@pytest.mark.parametrize("text", [DEEP, OVERLAPPING, SCHEMA])
def test_trusted_documents_are_not(text: str) -> None:
    prepared = documents(Bounds(depth=3, tokens=10)).prepare(Text(text, is_trusted=True))
    assert prepared.errors == ()
    assert prepared.node is not None


def test_a_flood_of_others_does_not_push_out_a_trusted_one() -> None:
    cached = documents()
    trusted = cached.prepare(Text(DEEP, is_trusted=True))
    for number in range(CACHED_DOCUMENTS + 1):
        cached.prepare(Text(f"{{ a{number}: __typename }}"))
    assert cached.prepare(Text(DEEP, is_trusted=True)) is trusted


def test_a_price_is_found_once() -> None:
    prepared = documents().prepare(Text(DEEP))
    operation = prepared.operation(None)
    assert prepared.price(schema._schema, operation) is prepared.price(schema._schema, operation)
