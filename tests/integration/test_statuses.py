"""Each of Temporal's statuses as a real server gives it, in our words."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    ListWorkflowExecutionsRequest,
    QueryWorkflowRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)

from app.errors import (
    BadUserInput,
    Conflict,
    DeadlineExceeded,
    NotFound,
    RateLimited,
    Refusal,
    TemporalUnavailable,
    TidelineError,
)
from app.model import ExecutionRef
from app.temporal import actions, starts
from app.temporal.connection import Temporal
from app.temporal.starts import AlreadyStarted, Start
from app.temporal.statuses import closed_or_unknown
from tests.conftest import TemporalServer, free_port
from tests.waiting import eventually

OPEN, CLOSED, UNKNOWN = "open", "closed", "unknown"


@pytest.fixture
async def connection(temporal: TemporalServer) -> AsyncIterator[Temporal]:
    made = Temporal({"target_host": temporal.address}, ["default"], timeout=2.0)
    yield made
    await made.close()


def start(workflow_id: str, size: int = 0, **fields: Any) -> StartWorkflowExecutionRequest:
    return StartWorkflowExecutionRequest(
        namespace="default",
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="Nothing"),
        task_queue=TaskQueue(name="nobody"),
        request_id=str(uuid.uuid4()),
        input=Payloads(payloads=[Payload(data=b"x" * size)]),
        **fields,
    )


def named(workflow_id: str) -> WorkflowExecution:
    return WorkflowExecution(workflow_id=workflow_id)


Request = Callable[[str], Message]
CASES: dict[str, tuple[str, Request, type[TidelineError], str]] = {
    "no such workflow": (
        "describe_workflow_execution",
        lambda _: DescribeWorkflowExecutionRequest(namespace="default", execution=named(UNKNOWN)),
        NotFound,
        "not found",
    ),
    "no such namespace": (
        "describe_workflow_execution",
        lambda w: DescribeWorkflowExecutionRequest(namespace="nowhere", execution=named(w)),
        NotFound,
        "nowhere",
    ),
    "a closed run": (
        "signal_workflow_execution",
        lambda w: SignalWorkflowExecutionRequest(
            namespace="default", workflow_execution=named(f"{w}-closed"), signal_name="go", request_id="r"
        ),
        NotFound,
        "already completed",
    ),
    "an id in use": ("start_workflow_execution", start, Conflict, "already running"),
    "an id too long": ("start_workflow_execution", lambda _: start("x" * 1001), BadUserInput, "maximum allowed length"),
    "a bad query": (
        "list_workflow_executions",
        lambda _: ListWorkflowExecutionsRequest(namespace="default", query="Nonsense = 1"),
        BadUserInput,
        "Nonsense",
    ),
    "an input too large": ("start_workflow_execution", lambda w: start(f"{w}-2", 3_000_000), BadUserInput, "limit"),
    "a message too large": ("start_workflow_execution", lambda w: start(f"{w}-3", 5_000_000), RateLimited, "larger"),
    "a worker that does not answer": (
        "query_workflow",
        lambda w: QueryWorkflowRequest(namespace="default", execution=named(w), query=WorkflowQuery(query_type="q")),
        DeadlineExceeded,
        "did not answer",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_status_in_our_words(connection: Temporal, temporal: TemporalServer, case: str) -> None:
    workflow_id = f"status-{uuid.uuid4().hex[:8]}"
    await temporal.client.start_workflow("Nothing", id=workflow_id, task_queue="nobody")
    closed = await temporal.client.start_workflow("Nothing", id=f"{workflow_id}-closed", task_queue="nobody")
    await closed.terminate()
    rpc, request, expected, words = CASES[case]

    async def told() -> TidelineError:
        with pytest.raises(TidelineError) as caught:
            await connection.call(rpc, request(workflow_id))
        return caught.value

    # A busy server may first say that it is not available.
    error = await eventually(told, lambda error: not isinstance(error, TemporalUnavailable), within=30)
    assert type(error) is expected
    assert re.search(words, error.message)
    assert error.message[0].isupper()
    assert error.message.endswith(".")


async def test_a_server_that_is_not_there() -> None:
    away = Temporal({"target_host": f"127.0.0.1:{free_port()}"}, ["default"], timeout=0.5)
    with pytest.raises(TemporalUnavailable, match="TEMPORAL_ADDRESS"):
        await away.check()
    await away.close()


async def test_closed_and_unknown_are_told_apart(connection: Temporal, temporal: TemporalServer) -> None:
    workflow_id = f"status-{uuid.uuid4().hex[:8]}"
    handle = await temporal.client.start_workflow("Nothing", id=workflow_id, task_queue="nobody")
    ref = ExecutionRef("default", workflow_id, handle.first_execution_run_id or "")
    await handle.terminate()
    for target, reason in ((ref, "ALREADY_CLOSED"), (ExecutionRef("default", "never-was", ref.run_id), "NOT_FOUND")):
        with pytest.raises(Refusal) as caught:
            await actions.signal(connection, target, "go", [], identity="ann", request_id=None)
        assert caught.value.reason == reason
    assert closed_or_unknown(NotFound("x"), ref).reason == "NOT_FOUND"


async def test_a_run_in_the_way_is_named(connection: Temporal) -> None:
    wanted = Start("default", f"status-{uuid.uuid4().hex[:8]}", "Nothing", "nobody")
    first = await starts.start(connection, wanted)
    with pytest.raises(AlreadyStarted) as caught:
        await starts.start(connection, Start("default", wanted.workflow_id, "Nothing", "nobody"))
    assert (caught.value.reason, caught.value.run_id) == ("ALREADY_STARTED", first.ref.run_id)
    assert await starts.start(connection, wanted) == first
