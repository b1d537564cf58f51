"""The seam to Temporal: what a real server answers, in our words."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, PauseWorkflowExecutionRequest

from app.errors import BadUserInput, ConfigurationError, DeadlineExceeded, NotFound, Refusal, TemporalUnavailable
from app.model import ExecutionRef, WorkflowStatus
from app.temporal import actions, reads, starts
from app.temporal.connection import Temporal, Tenancy
from tests.conftest import TemporalServer, free_port


@pytest.fixture
async def connection(temporal: TemporalServer) -> AsyncIterator[Temporal]:
    made = Temporal({"target_host": temporal.address}, ["default"], tenancy=Tenancy("home", "dev"))
    yield made
    await made.close()


def wanted(**fields: object) -> starts.Start:
    start = starts.Start(
        namespace="default",
        workflow_id=f"seam-{uuid.uuid4().hex[:10]}",
        workflow_type="Nothing",
        task_queue="nobody",
        input=[{"n": 1}],
        memo={"metadata": {"a": 1}, "createdBy": "ann"},
        search_attributes={"TenantId": "acme", "EnvironmentId": "prod"},
        summary="One line",
        details="More *lines*",
    )
    return replace(start, **fields)  # type: ignore[arg-type]


async def test_a_started_run_is_described_as_it_was_wanted(connection: Temporal) -> None:
    start = wanted(start_delay=60.0)
    started = await starts.start(connection, start)
    assert started.created
    run = (await reads.describe(connection, "default", start.workflow_id)).execution
    assert run.ref == started.ref
    assert (run.tenant, run.environment, run.created_by) == ("acme", "prod", "ann")
    assert (run.summary, run.details, run.metadata) == ("One line", "More *lines*", {"a": 1})
    assert (run.workflow_type, run.task_queue, run.status) == ("Nothing", "nobody", WorkflowStatus.RUNNING)
    assert run.execution_time is not None
    assert (run.execution_time - run.start_time).total_seconds() == pytest.approx(60, abs=1)


async def test_a_run_that_names_no_tenant_belongs_to_the_default(connection: Temporal) -> None:
    start = wanted(search_attributes={}, memo={})
    await starts.start(connection, start)
    run = (await reads.describe(connection, "default", start.workflow_id)).execution
    assert (run.tenant, run.environment) == ("home", "dev")


async def test_one_request_id_is_one_run(connection: Temporal) -> None:
    start = wanted()
    both = await asyncio.gather(starts.start(connection, start), starts.start(connection, start))
    assert both[0].ref == both[1].ref


async def test_an_id_in_use_is_a_refusal(connection: Temporal) -> None:
    start = wanted()
    await starts.start(connection, start)
    with pytest.raises(Refusal, match="in use by an open run") as refused:
        await starts.start(connection, replace(start, request_id=str(uuid.uuid4())))
    assert refused.value.reason == "ALREADY_STARTED"


async def test_closed_and_unknown_runs_are_told_apart(connection: Temporal, temporal: TemporalServer) -> None:
    start = wanted()
    ref = (await starts.start(connection, start)).ref
    await temporal.client.get_workflow_handle(start.workflow_id).terminate()
    unknown = ExecutionRef("default", "never-was", str(uuid.uuid4()))
    for target, reason in ((ref, "ALREADY_CLOSED"), (unknown, "NOT_FOUND")):
        with pytest.raises(Refusal) as refused:
            await actions.signal(connection, target, "go", [], identity="ann", request_id=None)
        assert refused.value.reason == reason
    with pytest.raises(Refusal) as refused:
        await actions.cancel(connection, unknown, "why", identity="ann", request_id=None)
    assert refused.value.reason == "NOT_FOUND"
    with pytest.raises(NotFound):
        await reads.describe(connection, "default", "never-was")


async def test_a_cancel_carries_its_reason_and_who_asked(connection: Temporal) -> None:
    ref = (await starts.start(connection, wanted())).ref
    await actions.cancel(connection, ref, "wrong plan", identity="tideline:ann", request_id=None)
    last = [event async for event in reads.history(connection, ref)][-1]
    said = last.workflow_execution_cancel_requested_event_attributes
    assert (said.cause, said.identity) == ("wrong plan", "tideline:ann")


async def test_a_paused_run_is_read_where_the_sdk_refuses(connection: Temporal, temporal: TemporalServer) -> None:
    ref = (await starts.start(connection, wanted())).ref
    await temporal.client.workflow_service.pause_workflow_execution(
        PauseWorkflowExecutionRequest(
            namespace="default", workflow_id=ref.workflow_id, run_id=ref.run_id, request_id=str(uuid.uuid4())
        )
    )
    assert (await reads.describe(connection, "default", ref.workflow_id)).execution.status is WorkflowStatus.PAUSED


async def test_wrong_questions_keep_the_servers_sentence(connection: Temporal) -> None:
    with pytest.raises(BadUserInput, match="Nonsense"):
        await reads.list_executions(connection, "default", "Nonsense = 1")
    with pytest.raises(BadUserInput, match="NoSuchAttribute"):
        await starts.start(connection, wanted(search_attributes={"NoSuchAttribute": 1}))


async def test_history_behind_an_event_is_the_rest_of_it(connection: Temporal) -> None:
    ref = (await starts.start(connection, wanted())).ref
    for number in range(20):
        await actions.signal(connection, ref, "go", [number], identity="ann", request_id=None)
    whole = [event.event_id async for event in reads.history(connection, ref)]
    for place in (0, 1, 7, len(whole) - 1, len(whole)):
        behind = await reads.history_behind(connection, ref, place)
        assert [event.event_id for event in behind] == whole[place:]


async def test_a_server_that_is_away() -> None:
    away = Temporal({"target_host": f"127.0.0.1:{free_port()}"}, ["default"], timeout=2)
    with pytest.raises(TemporalUnavailable, match="cannot be reached"):
        await reads.describe(away, "default", "any")
    await away.verify_namespaces()
    await away.close()


async def test_a_server_that_says_nothing() -> None:
    """It takes the connection and never answers."""
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    mute = Temporal({"target_host": f"127.0.0.1:{port}"}, ["default"], timeout=0.5)
    with pytest.raises((DeadlineExceeded, TemporalUnavailable)):
        await mute.call("describe_namespace", DescribeNamespaceRequest(namespace="default"))
    await mute.close()
    for writer in held:
        writer.close()
    silent.close()
    await silent.wait_closed()


async def test_an_unknown_namespace_is_the_operators_mistake(temporal: TemporalServer) -> None:
    lost = Temporal({"target_host": temporal.address}, ["nowhere"])
    with pytest.raises(ConfigurationError, match="no namespace 'nowhere'"):
        await lost.verify_namespaces()
    await lost.close()


async def test_tenant_attributes_are_found(connection: Temporal) -> None:
    assert await connection.has_tenant_attributes()
