"""The README's worked examples of adding a workflow type, as they stand."""

from __future__ import annotations

import importlib
import re
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import strawberry
from temporalio.worker import Worker

from app.api.mutations.typed import typed_mutations
from app.api.queries import Query
from app.api.scalars import CONFIG
from app.registry import Registry
from app.registry.file import configured_registry
from app.registry.typed import definition_of
from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted, member

README = Path(__file__).parents[2] / "README.md"
START = """mutation ($input: StartWorkflowInput!) { startWorkflow(input: $input) {
  created execution { workflowId taskQueue } userErrors { code path message } } }"""


def block(language: str) -> str:
    section = README.read_text(encoding="utf-8").split("## Adding a workflow type\n")[1].split("\n## ")[0]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.M | re.S)
    return str(found)


@pytest.fixture
def reminders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    name = f"reminders_{uuid.uuid4().hex[:8]}"
    (tmp_path / f"{name}.py").write_text(block("python"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module(name)


async def started(host: Host, workflow_type: str, value: Any) -> Any:
    given = {"workflowType": workflow_type, "input": [value], "workflowId": f"readme-{uuid.uuid4().hex[:8]}"}
    return (await host.data(START, member("acme"), input=given))["startWorkflow"]


async def test_a_python_type(temporal: TemporalServer, database: str, reminders: ModuleType) -> None:
    (entry,) = reminders.WORKFLOWS
    definition = definition_of(entry)
    async with hosted(temporal.address, database, registry=Registry([definition])) as host:
        wrong = await started(host, "ReminderWorkflow", {"invoice_id": "i-1", "days_late": 0})
        assert [(each["path"], each["message"]) for each in wrong["userErrors"]] == [
            (["input", "0", "days_late"], "days_late must be above 0.")
        ]
        right = await started(host, "ReminderWorkflow", {"invoice_id": "i-1", "channels": ["mail", "phone"]})
        assert right["execution"]["taskQueue"] == "reminders"
        worker = Worker(
            temporal.client, task_queue="reminders", workflows=[entry.workflow], activities=reminders.activities({})
        )
        async with worker:
            handle = temporal.client.get_workflow_handle(right["execution"]["workflowId"])
            assert await handle.result() == "i-1 by mail and phone"
        (paid,) = definition.signals
        assert (paid.name, paid.description) == ("paid", "The invoice was paid after all.")


def test_its_mutation(reminders: ModuleType) -> None:
    mutation = typed_mutations([definition_of(each) for each in reminders.WORKFLOWS])
    text = strawberry.Schema(query=Query, mutation=mutation, config=CONFIG).as_str()
    assert "startReminder(input: ReminderInput!, options: StartOptions = null): StartWorkflowPayload!" in text
    assert (
        '"""As the billing system knows it."""\n  invoiceId: String!\n  daysLate: Int! = 14\n  channels: [String!]\n'
        in text
    )


async def test_a_type_of_another_language(temporal: TemporalServer, database: str, tmp_path: Path) -> None:
    path = tmp_path / "workflows.yaml"
    path.write_text(block("yaml"), encoding="utf-8")
    async with hosted(temporal.address, database, registry=configured_registry(path)) as host:
        wrong = await started(host, "OrderWorkflow", {"tenant": "acme", "orderId": "7", "fast": True})
        assert {tuple(each["path"]): each["message"] for each in wrong["userErrors"]} == {
            ("input", "0", "orderId"): 'orderId must match ^o-[0-9]+$; it is "7".',
            ("input", "0", "fast"): "fast is no field of OrderWorkflow's input. It has: tenant, orderId, express.",
        }
        other = await started(host, "OrderWorkflow", {"tenant": "other", "orderId": "o-7"})
        assert [each["code"] for each in other["userErrors"]] == ["NOT_ALLOWED"]
        right = await started(host, "OrderWorkflow", {"tenant": "acme", "orderId": "o-7"})
        assert (right["created"], right["execution"]["taskQueue"]) == (True, "orders")
        said = await host.data(
            """{ workflowType(name: "OrderWorkflow") { mutation phases signals { name arguments { schema } }
                 queries { name arguments { name } } defaults { executionTimeoutSeconds memo
                 retryPolicy { maximumAttempts } } } }"""
        )
        assert said["workflowType"] == {
            "mutation": None,
            "phases": ["reserve", "charge", "ship"],
            "signals": [{"name": "approve", "arguments": [{"schema": {"type": "string"}}]}],
            "queries": [{"name": "position", "arguments": None}],
            "defaults": {
                "executionTimeoutSeconds": 86400,
                "memo": {"team": "fulfilment"},
                "retryPolicy": {"maximumAttempts": 3},
            },
        }
