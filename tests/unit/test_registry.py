"""The catalog, and the checks of inputs at the edge."""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio import workflow

from app.errors import ConfigurationError
from app.registry import CATALOG, Problem, Registry, WorkflowDefinition
from app.worker import hosted_queues

REGISTRY = Registry()
GOOD: dict[str, Any] = {
    "plan_id": "plan-pro",
    "tenant_id": "default",
    "environment_id": "default",
    "source": {"kind": "http", "url": "https://billing.example/prices"},
    "destination": {
        "kind": "postgres",
        "connection": "demo",
        "table": "demo.subscription_prices",
        "subscriptions": "demo.subscriptions",
    },
}


def problems(**changes: Any) -> list[Problem]:
    return REGISTRY.problems("PriceSyncWorkflow", [GOOD | changes])


@pytest.mark.parametrize("definition", CATALOG, ids=lambda each: each.name)
def test_a_definition_says_what_its_code_says(definition: WorkflowDefinition) -> None:
    known = workflow._Definition.must_from_class(definition.workflow)
    assert known.name == definition.name
    assert known.arg_types == [definition.input_type]
    assert set(known.signals) == set(definition.signals)
    assert set(known.queries) == set(definition.queries)
    assert set(known.updates) == set(definition.updates)
    assert definition.description == inspect.cleandoc(definition.workflow.__doc__ or "")
    fields = definition.json_schema["properties"]
    assert {definition.tenant_field, definition.environment_field} - {None} <= set(fields)
    assert pkgutil.resolve_name(definition.activities)({})


def test_names_and_mutations_are_unique() -> None:
    for values in ([each.name for each in CATALOG], [each.mutation for each in CATALOG]):
        assert len(set(values)) == len(values)


def test_finds_by_name() -> None:
    assert REGISTRY.find("PriceSyncWorkflow") is CATALOG[0]
    assert REGISTRY.find("Elsewhere") is None
    assert REGISTRY.problems("Elsewhere", [1, 2]) == []
    assert REGISTRY.json_schema("Elsewhere") is None


def test_a_good_input_has_no_problems() -> None:
    assert problems() == []
    assert problems(page_size=10, rate_limit=5) == []


def test_every_wrong_type_is_named_with_its_path() -> None:
    wrong = GOOD | {"plan_id": 7, "source": {"kind": "ftp"}, "page_size": "10"}
    del wrong["tenant_id"]
    assert REGISTRY.problems("PriceSyncWorkflow", [wrong]) == [
        Problem((0, "plan_id"), "plan_id should be a valid string; it is 7."),
        Problem((0, "tenant_id"), "tenant_id is missing."),
        Problem((0, "source", "kind"), "source.kind should be 'http' or 'postgres'; it is \"ftp\"."),
        Problem((0, "page_size"), 'page_size should be a valid integer; it is "10".'),
    ]


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    (top,) = problems(plan="plan-pro")
    assert top.path == (0, "plan")
    assert top.message.startswith("plan is no field of PriceSyncWorkflow's input. It has: plan_id, tenant_id,")
    (nested,) = problems(source=GOOD["source"] | {"uri": "x"})
    assert nested == Problem(
        (0, "source", "uri"),
        "source.uri is no field of PriceSyncWorkflow's input. It has: kind, url, connection, table.",
    )


def test_what_types_cannot_say_is_checked_too() -> None:
    assert [each.path for each in problems(plan_id="", page_size=0)] == [(0, "plan_id"), (0, "page_size")]


@pytest.mark.parametrize("args", [[], [GOOD, GOOD]])
def test_the_number_of_inputs_counts(args: list[Any]) -> None:
    (problem,) = REGISTRY.problems("PriceSyncWorkflow", args)
    assert problem == Problem((), f"PriceSyncWorkflow takes one input, a PriceSyncInput; {len(args)} are given.")


@pytest.mark.parametrize("value", [None, 3, "text", []])
def test_an_input_that_is_no_object(value: Any) -> None:
    (problem,) = REGISTRY.problems("PriceSyncWorkflow", [value])
    assert problem.path == (0,)
    assert problem.message.startswith("The input should be an object; it is ")


@pytest.mark.parametrize("value", [2**64, "\ud800", [[]]])
def test_what_json_cannot_carry_is_a_problem_too(value: Any) -> None:
    for _ in range(300 if value == [[]] else 0):
        value = [value]
    (problem,) = problems(plan_id=value)
    assert problem.path == (0,)
    assert problem.message.startswith("The input cannot be written as JSON: ")


def test_problems_are_bounded() -> None:
    assert len(problems(**{f"field_{number}": number for number in range(1000)})) == 50


def test_a_long_value_is_shown_in_part() -> None:
    (problem,) = problems(page_size="9" * 1000)
    assert len(problem.message) < 150


def test_json_schema_is_closed_and_has_defaults() -> None:
    schema = REGISTRY.json_schema("PriceSyncWorkflow") or {}
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["PriceSource"]["additionalProperties"] is False
    assert schema["properties"]["page_size"]["default"] == 50
    assert schema["required"] == ["plan_id", "tenant_id", "environment_id", "source", "destination"]


def test_the_gateway_does_without_the_libraries_of_activities() -> None:
    program = "import sys, app.registry; print(*(sys.modules.keys() & {'asyncpg', 'httpx'}))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.strip() == ""


@dataclass(frozen=True)
class Nothing:
    pass


def other(name: str, task_queue: str) -> WorkflowDefinition:
    return WorkflowDefinition(
        name=name,
        workflow=Nothing,
        input_type=Nothing,
        task_queue=task_queue,
        mutation=f"start{name}",
        activities="",
    )


def test_a_worker_hosts_all_queues_or_those_that_are_wanted() -> None:
    catalog = (other("A", "one"), other("B", "two"), other("C", "one"))
    assert {queue: [each.name for each in found] for queue, found in hosted_queues((), catalog).items()} == {
        "one": ["A", "C"],
        "two": ["B"],
    }
    assert list(hosted_queues(("two",), catalog)) == ["two"]


def test_an_unknown_queue_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"names three, which no workflow .* There are: one, two"):
        hosted_queues(("one", "three"), (other("A", "one"), other("B", "two")))
