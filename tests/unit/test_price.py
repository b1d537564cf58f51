"""What operations may cost, and did cost: the table, and the formula with variables."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    parse,
    validate,
)

from app.api import costs
from app.api.price import Price, price
from app.api.schema import schema

SCHEMA = schema._schema
RUN = costs.ITEM
VIEW = costs.OWN["WorkflowExecution.activities"]
PART = costs.TYPES["Activity"]
LIST = costs.OWN["Query.workflows"]


def priced(document: str) -> Price:
    node = parse(document)
    assert validate(SCHEMA, node) == []
    [operation, *_] = [each for each in node.definitions if isinstance(each, OperationDefinitionNode)]
    return price(SCHEMA, node, operation)


@pytest.mark.parametrize(
    ("document", "variables", "points"),
    [
        ("{ __typename }", {}, 0),
        ("{ workflows { nodes { workflowId status memo } } }", {}, LIST + 50 * RUN),
        ("{ workflows(first: 3) { nodes { id } } }", {}, LIST + 3 * RUN),
        ("{ workflows(last: 3) { edges { cursor node { id } } } }", {}, LIST + 3 * RUN),
        ("{ workflows(first: 100000) { nodes { id } } }", {}, LIST + 100 * RUN),
        ("{ workflows(first: 0) { nodes { id } pageInfo { endCursor } } }", {}, LIST),
        ("{ workflows { totalCount } }", {}, LIST + 10),
        (
            "{ workflows(first: 50) { nodes { activities(first: 5) { nodes { activityId } } } } }",
            {},
            LIST + 50 * (RUN + VIEW + 5 * PART),
        ),
        ("query ($n: Int) { workflows(first: $n) { nodes { id } } }", {"n": 7}, LIST + 7 * RUN),
        ("query ($n: Int) { workflows(first: $n) { nodes { id } } }", {}, LIST + 50 * RUN),
        ("query ($n: Int = 9) { workflows(first: $n) { nodes { id } } }", {}, LIST + 9 * RUN),
        ("query ($n: Int = 9) { workflows(first: $n) { nodes { id } } }", {"n": -5}, LIST),
        ("query ($n: Int = 9) { workflows(first: $n) { nodes { id } } }", {"n": "many"}, LIST + 9 * RUN),
        ("query ($n: Int = 9) { workflows(first: $n) { nodes { id } } }", {"n": 10**30}, LIST + 100 * RUN),
        (
            "query ($n: Int, $m: Int) { workflows(first: $n) { nodes { activities(first: $m) { nodes { id } } } } }",
            {"n": 10, "m": 20},
            LIST + 10 * (RUN + VIEW + 20 * PART),
        ),
        ('{ a: workflow(workflowId: "a") { id } b: workflow(workflowId: "b") { id } }', {}, 2 * (RUN + 1)),
        ('{ workflow(workflowId: "a") { parent { parent { id } } } }', {}, 1 + 3 * RUN),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', {}, 3 * RUN),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a"] * 40}, 40 * RUN),
        (
            "{ workflows(first: 2) { ...P } } fragment P on WorkflowConnection { nodes { ...R ... on Node { id } } }"
            " fragment R on WorkflowExecution { progress { percent } }",
            {},
            LIST + 2 * (RUN + VIEW + costs.TYPES["Progress"]),
        ),
        ("{ workflowStats { count } }", {}, 100 + 100 * costs.ITEM),
        (
            'mutation { cancelWorkflow(input: {workflowId: "a"}) { execution { id } } }',
            {},
            costs.MUTATION + 2 * costs.ITEM,
        ),
    ],
)
def test_what_an_operation_may_cost(document: str, variables: dict[str, Any], points: float) -> None:
    assert priced(document).requested(variables) == pytest.approx(points)


def test_fields_that_wait_for_a_worker_are_dear_in_lists() -> None:
    document = "{ workflows(first: 100) { nodes { stackTrace } } }"
    assert priced(document).requested({}) == pytest.approx(
        LIST + 100 * (RUN + costs.OWN["WorkflowExecution.stackTrace"])
    )


def test_an_actual_cost_is_of_what_came() -> None:
    document = "{ list: workflows(first: 100) { totalCount nodes { activities { nodes { id } } progress { step } } } }"
    found = priced(document)
    runs = [
        {"activities": {"nodes": [{"id": "a"}] * 3}, "progress": {"step": "x"}},
        {"activities": None, "progress": None},
    ]
    came = {"list": {"totalCount": 2, "nodes": runs}}
    points = LIST + 10 + 2 * (RUN + 2 * VIEW) + 3 * PART + costs.TYPES["Progress"]
    assert found.actual(came) == pytest.approx(points)
    assert found.actual(None) == 0
    assert found.actual({"list": None}) == LIST
    assert found.requested({}) > found.actual(came)


def test_the_formula_of_known_sizes_is_one_number() -> None:
    assert len(priced("{ workflows(first: 9) { nodes { children(first: 9) { nodes { id } } } } }").terms) == 1


def test_every_name_of_the_table_is_in_the_schema() -> None:
    for name in (*costs.OWN, *costs.SIZES):
        parent, field = name.split(".")
        kind = SCHEMA.get_type(parent)
        assert isinstance(kind, GraphQLObjectType), name
        assert SCHEMA.get_field(kind, field) is not None, name
    for name in costs.TYPES:
        assert name in SCHEMA.type_map, name


def test_every_list_of_the_root_has_a_size() -> None:
    """A new root field with a list or a page must say how many items it may bring."""
    assert SCHEMA.query_type is not None
    for name, field in SCHEMA.query_type.fields.items():
        kind = get_named_type(field.type)
        is_list = is_list_type(get_nullable_type(field.type)) or kind.name.endswith("Connection")
        if is_list and is_composite_type(kind):
            assert f"Query.{name}" in costs.SIZES or name in {"namespaces"}, f"app/api/costs.py: SIZES lacks {name}"


def test_every_argument_of_the_table_is_in_the_schema() -> None:
    for name, size in costs.SIZES.items():
        parent, field = name.split(".")
        arguments = SCHEMA.get_field(SCHEMA.get_type(parent), field).args  # type: ignore[arg-type,union-attr]
        if isinstance(size, costs.Listed):
            assert size.argument in arguments
        elif isinstance(size, costs.Paged):
            assert set(size.arguments) & set(arguments), name
