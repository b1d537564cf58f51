"""Workflow types in other languages, by a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.datastructures import Secret

from app.errors import ConfigurationError
from app.model import RetryPolicy
from app.registry import Handler, Problem, WorkflowDefinition
from app.registry.file import configured_registry, read
from app.settings import Settings
from app.web.parts import join

ORDERS = """
workflows:
  OrderWorkflow:
    description: Takes an order to its customer.
    taskQueue: orders
    phases: [reserve, charge, ship]
    tenantField: tenant
    input:
      type: object
      required: [tenant, orderId]
      additionalProperties: false
      properties:
        tenant: {type: string}
        orderId: {type: string, pattern: "^o-"}
        amount: {type: integer, minimum: 1}
        currency: {enum: [EUR, USD]}
        due: {type: string, default: 2026-01-01}
        address: {$ref: "#/$defs/Address"}
      $defs:
        Address: {type: object, required: [city], properties: {city: {type: string}}, additionalProperties: false}
    signals:
      approve: {description: Let it go., input: {type: string}}
      remind:
    defaults:
      runTimeoutSeconds: 60
      retryPolicy: {maximumAttempts: 3}
      memo: {team: billing}
  Elsewhere:
    taskQueue: other
"""


def orders(tmp_path: Path) -> tuple[WorkflowDefinition, ...]:
    return read(written(tmp_path, ORDERS))


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "workflows.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_of_a_definition(tmp_path: Path) -> None:
    order, elsewhere = orders(tmp_path)
    assert (order.name, order.description, order.task_queue) == (
        "OrderWorkflow", "Takes an order to its customer.", "orders",
    )  # fmt: skip
    assert (order.phases, order.tenant_field, order.mutation) == (("reserve", "charge", "ship"), "tenant", None)
    assert (order.execution_timeout, order.run_timeout, order.memo) == (None, 60.0, {"team": "billing"})
    assert order.retry_policy == RetryPolicy(1.0, 2.0, None, 3)
    approve, remind = order.signals
    assert approve.arguments is not None
    assert [(each.name, each.schema) for each in approve.arguments] == [("input", {"type": "string"})]
    assert remind == Handler("remind")
    assert (elsewhere.description, elsewhere.json_schema, elsewhere.problems([1, 2])) == ("Elsewhere", None, [])


def test_every_wrong_value_is_told_at_its_path(tmp_path: Path) -> None:
    order, _ = orders(tmp_path)
    assert order.problems([{"tenant": "acme", "orderId": "o-1", "address": {"city": "Ulm"}}]) == []
    wrong = {"orderId": "1", "amount": 0, "currency": "GBP", "address": {"town": "Ulm"}, "due": 3, "note": "x"}
    assert sorted(order.problems([wrong])) == [
        Problem((0, "address", "city"), "address.city is missing."),
        Problem((0, "address", "town"), "address.town is no field of OrderWorkflow's input. It has: city."),
        Problem((0, "amount"), "amount must be at least 1; it is 0."),
        Problem((0, "currency"), 'currency must be one of "EUR", "USD"; it is "GBP".'),
        Problem((0, "due"), "due must be of type string; it is 3."),
        Problem(
            (0, "note"),
            "note is no field of OrderWorkflow's input. It has: tenant, orderId, amount, currency, due, address.",
        ),
        Problem((0, "orderId"), 'orderId must match ^o-; it is "1".'),
        Problem((0, "tenant"), "tenant is missing."),
    ]
    assert [each.message for each in order.problems([])] == ["OrderWorkflow takes one input; 0 are given."]
    assert [each.message for each in order.problems([[]])] == ["The input must be of type object; it is []."]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("workflows: [", 1, "expected"),
        ("workflows:\n  A:\n    taskQueue: a\n  A:\n    taskQueue: b", 4, "'A' is there twice"),
        ("flows: {}", 1, "workflows: Field required"),
        ("workflows:\n  A: {}", 2, "workflows.A.taskQueue: Field required"),
        ("workflows:\n  A:\n    taskQueue: a\n    tasks: 3", 4, "workflows.A.tasks: Extra inputs are not permitted"),
        ("workflows:\n  A:\n    taskQueue: 3", 3, "workflows.A.taskQueue: should be a valid string"),
        ("workflows:\n  PriceSyncWorkflow:\n    taskQueue: a", 2, "is a workflow type of the catalog already"),
        ("workflows:\n  A:\n    taskQueue: a\n    defaults:\n      runTimeoutSeconds: 0", 5, "greater than 0"),
        ("workflows:\n  A:\n    taskQueue: a\n    input:\n      type: thing", 5, "A.input.type: is no JSON Schema"),
        (
            "workflows:\n  A:\n    taskQueue: a\n    queries:\n      q:\n        input:\n          $ref: '#/$defs/B'",
            7,
            "leads nowhere",
        ),
        ("workflows:\n  A:\n    taskQueue: a\n    input: {$ref: 'http://127.0.0.1:1/x'}", 4, "leads nowhere"),
        ("workflows:\n  A:\n    taskQueue: a\n    tenantField: t", 4, "names 't', which is no property of the input"),
        ("", 1, "should be a valid dictionary"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        configured_registry(path)
    assert caught.value.message.startswith(f"{path}, line {line}: ")
    assert said in caught.value.message
    assert caught.value.message.endswith(".")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere.yaml \(TIDELINE_WORKFLOWS\) cannot be read"):
        configured_registry(tmp_path / "nowhere.yaml")


def test_without_a_file_there_is_the_catalog() -> None:
    assert configured_registry(None).find("PriceSyncWorkflow")


async def test_a_mistake_stops_the_gateway_at_its_start(tmp_path: Path) -> None:
    nowhere = Secret("postgresql://nowhere.invalid/x")
    settings = Settings(database_url=nowhere, auth="open", workflows=written(tmp_path, "[]"))
    with pytest.raises(ConfigurationError, match=r"workflows.yaml, line 1: "):
        await join(settings)
