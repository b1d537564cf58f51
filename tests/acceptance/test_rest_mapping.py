"""The documented queries that take the place of a REST monitoring API, run as they stand."""

from __future__ import annotations

import math
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from tests.acceptance.client import data
from tests.acceptance.process import ROOT, Tideline
from tests.waiting import eventually

SOON = timedelta(seconds=10)
_QUERY = re.compile(r"^## (\w+)\n.*?^```graphql\n(.*?)^```", re.M | re.S)
QUERIES: dict[str, str] = dict(_QUERY.findall((ROOT / "docs" / "rest.md").read_text(encoding="utf-8")))


@activity.defn
async def check_draft(subscription: str) -> bool:
    return subscription.startswith("sub")


@activity.defn
async def create_invoices() -> None:
    raise ApplicationError("database connection timeout", type="DatabaseTimeout")


@workflow.defn(sandboxed=False)
class Billing:
    @workflow.run
    async def run(self, subscription: str) -> None:
        await workflow.execute_activity(check_draft, subscription, start_to_close_timeout=SOON)
        await workflow.execute_activity(
            create_invoices,
            start_to_close_timeout=SOON,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=20), maximum_attempts=4),
        )


@dataclass(frozen=True)
class Billed:
    """A gateway, and five failed runs of one queue."""

    tideline: Tideline
    task_queue: str
    handles: tuple[WorkflowHandle[Any, Any], ...]

    async def ask(self, name: str, **variables: Any) -> Any:
        return await data(self.tideline.http, QUERIES[name], **variables)

    @property
    def names(self) -> list[dict[str, Any]]:
        return [{"workflowId": each.id, "runId": each.first_execution_run_id} for each in self.handles]


@pytest.fixture(scope="module")
async def billed(tideline: Tideline) -> Billed:
    client = await Client.connect(tideline.temporal)
    task_queue = f"billing-{uuid.uuid4().hex[:10]}"
    handles = []
    async with Worker(client, task_queue=task_queue, workflows=[Billing], activities=[check_draft, create_invoices]):
        for number in range(5):
            handle = await client.start_workflow(
                Billing.run,
                "sub-1",
                id=f"{task_queue}-{number}",
                task_queue=task_queue,
                memo={"createdBy": "ann@example.com", "metadata": {"plan": "pro"}},
            )
            handles.append(handle)
        for handle in handles:
            with suppress(WorkflowFailureError):
                await handle.result()
    found = Billed(tideline, task_queue, tuple(handles))

    async def failed() -> int:
        wanted = {"taskQueue": [task_queue], "status": ["FAILED"]}
        total: int = (await found.ask("List", filter=wanted, pageSize=1, offset=0))["workflows"]["totalCount"]
        return total

    await eventually(failed, lambda total: total == 5)
    return found


def test_each_call_is_documented() -> None:
    assert list(QUERIES) == ["List", "Summary", "Details", "Timeline", "Batch"]


def rest_row(row: dict[str, Any]) -> dict[str, Any]:
    """An item of a REST list."""
    return {
        "workflow_id": row["workflowId"],
        "run_id": row["runId"],
        "workflow_type": row["workflowType"],
        "task_queue": row["taskQueue"],
        "start_time": row["startTime"],
        "created_by": row["createdBy"],
        "tenant_id": row["tenant"],
        "environment_id": row["environment"],
        "metadata": row["metadata"],
    }


def rest_activity(found: dict[str, Any]) -> dict[str, Any]:
    """An activity as a REST answer has it."""
    failure = found["failure"]
    shown = {
        "activity_id": found["activityId"],
        "activity_type": found["activityType"],
        "status": found["status"],
        "start_time": found["startTime"],
        "close_time": found["closeTime"],
        "duration_ms": found["durationMs"],
        "retry_attempt": found["attempt"] - 1,
    }
    return {**shown, "error": {"message": failure["message"], "type": failure["type"]}} if failure else shown


async def rest_page(billed: Billed, page: int, page_size: int) -> dict[str, Any]:
    """A whole answer of a REST list."""
    wanted = {"taskQueue": [billed.task_queue], "workflowType": ["Billing"]}
    found = (await billed.ask("List", filter=wanted, pageSize=page_size, offset=(page - 1) * page_size))["workflows"]
    return {
        "workflows": [rest_row(each) for each in found["nodes"]],
        "total": found["totalCount"],
        "page": page,
        "page_size": page_size,
        "total_pages": math.ceil(found["totalCount"] / page_size),
    }


async def test_list(billed: Billed) -> None:
    pages = [await rest_page(billed, page, 2) for page in (1, 2, 3, 4)]
    assert [len(each["workflows"]) for each in pages] == [2, 2, 1, 0]
    assert [(each["total"], each["page"], each["total_pages"]) for each in pages] == [
        (5, number, 3) for number in (1, 2, 3, 4)
    ]
    rows = [row for page in pages for row in page["workflows"]]
    assert [row["workflow_id"] for row in rows] == [each.id for each in reversed(billed.handles)]
    expected = {
        "workflow_type": "Billing",
        "task_queue": billed.task_queue,
        "created_by": "ann@example.com",
        "tenant_id": "default",
        "environment_id": "default",
        "metadata": {"plan": "pro"},
    }
    for row in rows:
        assert {name: row[name] for name in expected} == expected
        assert datetime.fromisoformat(row["start_time"]).tzinfo is not None


async def test_summary(billed: Billed) -> None:
    found = (await billed.ask("Summary", **billed.names[0]))["workflow"]
    assert (found["workflowType"], found["status"], found["createdBy"]) == ("Billing", "FAILED", "ann@example.com")
    assert found["activities"] == {"totalCount": 2}
    assert found["failure"]["type"] == "create_invoices"
    lasted = datetime.fromisoformat(found["closeTime"]) - datetime.fromisoformat(found["startTime"])
    assert found["durationMs"] == pytest.approx(lasted / timedelta(milliseconds=1), abs=0.01)
    assert re.fullmatch(r"\d+ms|\d+s|\d+m( \d+s)?", found["durationText"])


async def test_an_unknown_run_is_null(billed: Billed) -> None:
    for name in ("Summary", "Details", "Timeline"):
        assert (await billed.ask(name, workflowId="unknown", runId=str(uuid.uuid4())))["workflow"] is None


async def test_details(billed: Billed) -> None:
    found = (await billed.ask("Details", **billed.names[0]))["workflow"]
    checked, invoices = (rest_activity(each) for each in found["activities"]["nodes"])
    assert (checked["activity_type"], checked["status"], checked["retry_attempt"]) == ("check_draft", "COMPLETED", 0)
    assert "error" not in checked
    assert checked["duration_ms"] >= 0
    assert (invoices["activity_type"], invoices["status"], invoices["retry_attempt"]) == (
        "create_invoices",
        "FAILED",
        3,
    )
    assert invoices["error"] == {"message": "database connection timeout", "type": "DatabaseTimeout"}
    assert invoices["duration_ms"] >= 20 + 40 + 80  # the waits between its attempts are part of it
    assert all(each["start_time"] < each["close_time"] for each in (checked, invoices))
    bars = [each for each in found["timeline"]["nodes"] if each["kind"] == "ACTIVITY"]
    assert [(each["name"], each["status"]) for each in bars] == [
        ("check_draft", "COMPLETED"),
        ("create_invoices", "FAILED"),
    ]


async def test_timeline(billed: Billed) -> None:
    timeline = (await billed.ask("Timeline", **billed.names[0]))["workflow"]["timeline"]
    assert timeline["pageInfo"]["hasNextPage"] is False
    for item in timeline["nodes"]:
        assert item["startTime"] <= item["endTime"]
        assert item["durationMs"] >= 0
        assert item["eventIds"]
    (failed,) = (each for each in timeline["nodes"] if each["failure"])
    assert (failed["name"], failed["attempt"]) == ("create_invoices", 4)
    assert failed["failure"]["message"] == "database connection timeout"


@pytest.mark.parametrize("include", [True, False])
async def test_batch(billed: Billed, include: bool) -> None:
    refs = [*billed.names[:2], {"workflowId": "unknown"}, *billed.names[2:]]
    found = (await billed.ask("Batch", refs=refs, includeActivities=include))["workflowBatch"]
    assert [each and each["workflowId"] for each in found] == [
        None if ref["workflowId"] == "unknown" else ref["workflowId"] for ref in refs
    ]
    for each in (each for each in found if each):
        assert each["status"] == "FAILED"
        assert ("activities" in each) is include
        if include:
            retries = [rest_activity(one)["retry_attempt"] for one in each["activities"]["nodes"]]
            assert retries == [0, 3]
