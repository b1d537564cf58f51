"""The catalog, and the checks of inputs at the edge."""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from temporalio import common, workflow

from app.errors import ConfigurationError
from app.model import RetryPolicy
from app.registry import CATALOG, DEFINITIONS, Argument, Handler, Problem, Registry
from app.registry.typed import definition_of
from app.worker import hosted_queues
from app.workflows.entry import Entry
from app.workflows.outbound import Connections

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


@pytest.mark.parametrize("entry", CATALOG, ids=lambda each: each.name)
def test_an_entry_names_what_is_there(entry: Entry) -> None:
    definition = definition_of(entry)
    assert definition.description == inspect.cleandoc(entry.workflow.__doc__ or "")
    fields = (definition.json_schema or {}).get("properties", {})
    assert {definition.tenant_field, definition.environment_field} - {None} <= set(fields)
    if entry.activities:
        assert pkgutil.resolve_name(entry.activities)(Connections())


def test_names_and_mutations_are_unique() -> None:
    for values in ([each.name for each in DEFINITIONS], [each.mutation for each in DEFINITIONS]):
        assert len(set(values)) == len(values)


def test_finds_by_name() -> None:
    assert REGISTRY.find("PriceSyncWorkflow") is DEFINITIONS[0]
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
    assert top.message.endswith("source, destination, page_size, rate_limit.")
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
    assert schema["properties"]["page_size"]["description"] == "Prices read and written at a time, 1 to 1000."
    assert schema["required"] == ["plan_id", "tenant_id", "environment_id", "source", "destination"]


def test_the_gateway_does_without_the_libraries_of_activities() -> None:
    program = "import sys, app.registry; print(*(sys.modules.keys() & {'asyncpg', 'httpx', 'simpleeval'}))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.strip() == ""


class Order(BaseModel):
    """What to send where."""

    model_config = ConfigDict(alias_generator=to_camel)

    order_id: str
    """As the shop knows it."""
    lines: list[int] = []


@workflow.defn(name="order-approval")
class OrderApproval:
    """Waits until somebody approves."""

    @workflow.run
    async def run(self, order: Order) -> None: ...

    @workflow.signal
    def approve(self, by: str, note: str | None = None) -> None:
        """Let it go."""

    @workflow.query(description="Who approved")
    def approved_by(self) -> str:
        return ""

    @workflow.update
    def change(self, order: Order) -> int:
        return 1


APPROVAL = Entry(
    workflow=OrderApproval,
    task_queue="orders",
    execution_timeout=timedelta(hours=1),
    retry_policy=common.RetryPolicy(maximum_attempts=3, non_retryable_error_types=["Wrong"]),
    memo={"team": "billing"},
)


def test_handlers_are_read_from_the_class() -> None:
    definition = definition_of(APPROVAL)
    text = {"type": "string"}
    assert definition.signals == (
        Handler(
            "approve",
            "Let it go.",
            (Argument("by", True, text), Argument("note", False, {"anyOf": [text, {"type": "null"}]})),
        ),
    )
    assert definition.queries == (Handler("approved_by", "Who approved", ()),)
    (change,) = definition.updates
    assert change.arguments is not None
    assert change.arguments[0].schema["additionalProperties"] is False
    assert definition.mutation == "startOrderApproval"


def test_options_are_told_in_our_words() -> None:
    definition = definition_of(APPROVAL)
    assert (definition.execution_timeout, definition.run_timeout, definition.memo) == (
        3600.0,
        None,
        {"team": "billing"},
    )
    assert definition.retry_policy == RetryPolicy(1.0, 2.0, None, 3, ("Wrong",))


def test_a_model_is_checked_by_the_names_of_the_wire() -> None:
    definition = definition_of(APPROVAL)
    assert definition.problems([{"orderId": "1", "lines": [1]}]) == []
    assert definition.problems([{"order_id": "1", "lines": ["x"]}]) == [
        Problem((0, "orderId"), "orderId is missing."),
        Problem((0, "lines", 0), 'lines.0 should be a valid integer; it is "x".'),
        Problem((0, "order_id"), "order_id is no field of order-approval's input. It has: orderId, lines."),
    ]


@workflow.defn
class Nothing:
    @workflow.run
    async def run(self) -> None: ...


def test_a_workflow_may_take_nothing() -> None:
    definition = definition_of(Entry(workflow=Nothing, task_queue="one"))
    assert definition.json_schema is None
    assert definition.problems([]) == []
    assert definition.problems([1]) == [Problem((), "Nothing takes no input; 1 are given.")]


@workflow.defn
class Other:
    @workflow.run
    async def run(self) -> None: ...


def test_a_worker_hosts_all_queues_or_those_that_are_wanted() -> None:
    catalog = (Entry(workflow=Nothing, task_queue="one"), APPROVAL, Entry(workflow=Other, task_queue="one"))
    assert {queue: [each.name for each in found] for queue, found in hosted_queues((), catalog).items()} == {
        "one": ["Nothing", "Other"],
        "orders": ["order-approval"],
    }
    assert list(hosted_queues(("orders",), catalog)) == ["orders"]


def test_an_unknown_queue_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"names three, which no workflow .* There are: one, orders"):
        hosted_queues(("one", "three"), (Entry(workflow=Nothing, task_queue="one"), APPROVAL))
