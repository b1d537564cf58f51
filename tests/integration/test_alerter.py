"""Alerts from a real index and a real Temporal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from app.access import Identity, Role, Scope
from app.alerting import AlertKind, Rule
from app.gateway.reading.alerts import AlertReading
from app.indexer.alerter import Alerter
from app.model import Execution, WorkflowStatus
from app.store import Filter, Listing, Watermarks
from app.store.alerts import Alert, AlertFilter, AlertPosition, Alerts
from app.temporal.connection import Temporal
from tests.conftest import TemporalServer
from tests.integration.indexing import World, world_of_its_own
from tests.integration.test_store_executions import execution

NOW = datetime.now(UTC)
OPEN = AlertFilter(is_open=True)


@activity.defn
async def stumble() -> None:
    raise ApplicationError("the supplier does not answer")


@workflow.defn(sandboxed=False)
class Stumbling:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            stumble,
            start_to_close_timeout=timedelta(seconds=5),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=20), backoff_coefficient=1.0),
        )


@pytest.fixture
async def world(temporal: TemporalServer, database: str) -> AsyncIterator[World]:
    async with world_of_its_own(temporal, database) as world:
        yield world


@asynccontextmanager
async def alerter(world: World, *rules: Rule) -> AsyncIterator[tuple[Alerter, list[str]]]:
    hints: list[str] = []

    async def publish(channel: str, _: str) -> None:
        hints.append(channel)

    temporal = Temporal({"target_host": world.address}, (world.namespace,), timeout=2)
    try:
        yield Alerter(rules, temporal, Alerts(world.database), Watermarks(world.database), publish), hints
    finally:
        await temporal.close()


async def alerts(world: World, filter_: AlertFilter = OPEN) -> list[Alert]:
    return list((await Alerts(world.database).page(filter_, 50)).items)


async def listed(world: World, *, alerted: bool) -> list[str]:
    page = await world.executions.page(Listing(Filter(namespaces=(world.namespace,), alerted=alerted)))
    return [each.run_id for each in page.items]


def run(world: World, status: WorkflowStatus, **fields: Any) -> Execution:
    close = None if status is WorkflowStatus.RUNNING else NOW
    values: dict[str, Any] = {
        "namespace": world.namespace,
        "start_time": NOW - timedelta(seconds=30),
        "close_time": close,
    }
    return execution(status=status, **{**values, **fields})


async def test_a_type_that_fails_too_often(world: World) -> None:
    rule = Rule("orders fail", AlertKind.FAILURE_RATE, 0.25, minimum=4)
    async with alerter(world, rule) as (watcher, hints):
        await world.executions.record([run(world, WorkflowStatus.COMPLETED) for _ in range(3)])
        await world.executions.record([run(world, WorkflowStatus.FAILED) for _ in range(1)])
        await watcher.step()
        assert (await alerts(world), hints) == ([], [])
        await world.executions.record([run(world, WorkflowStatus.TIMED_OUT)])
        await watcher.step()
        [raised] = await alerts(world)
        assert raised.message == "2 of the 5 runs of Order that closed within 15 min failed (40%)"
        assert (raised.rule, raised.name, raised.value, raised.threshold) == ("orders fail", "Order", 0.4, 0.25)
        assert (raised.tenant, raised.environment, hints) == ("acme", "production", ["changes"])
        await watcher.step()
        assert (await alerts(world), hints) == ([raised], ["changes"])
        await world.executions.record([run(world, WorkflowStatus.FAILED)])
        await watcher.step()
        [updated] = await alerts(world)
        assert (updated.id, updated.value, updated.raised_at) == (raised.id, 0.5, raised.raised_at)
        await world.executions.record([run(world, WorkflowStatus.COMPLETED) for _ in range(9)])
        await watcher.step()
        assert await alerts(world) == []
        [resolved] = await alerts(world, AlertFilter())
        assert resolved.resolved_at is not None
        assert len(hints) == 3


async def test_a_rule_that_is_gone_leaves_nothing_open(world: World) -> None:
    await world.executions.record([run(world, WorkflowStatus.FAILED)])
    async with alerter(world, Rule("a", AlertKind.FAILURE_RATE, 0.1, minimum=1)) as (watcher, _):
        await watcher.step()
    assert len(await alerts(world)) == 1
    async with alerter(world) as (watcher, _):
        await watcher.step()
    assert await alerts(world) == []


async def test_a_run_that_is_overdue(world: World) -> None:
    late = run(world, WorkflowStatus.RUNNING, start_time=NOW - timedelta(seconds=100))
    now = datetime.now(UTC)
    begun, later = ({"execution_time": now + timedelta(seconds=seconds)} for seconds in (-5, 3600))
    delayed = [
        run(world, WorkflowStatus.RUNNING, start_time=late.start_time, **execution) for execution in (begun, later)
    ]
    await world.executions.record([late, *delayed, run(world, WorkflowStatus.RUNNING, start_time=now)])
    await world.database.execute(
        "insert into profiles (namespace, tenant, environment, workflow_type, runs, p50, p90, activities)"
        " values ($1, 'acme', 'production', 'Order', 20, 10, 20, 1)",
        world.namespace,
    )
    async with alerter(world, Rule("late", AlertKind.RUN_OVERDUE, 1.5)) as (watcher, _):
        await watcher.step()
        [raised] = await alerts(world)
        assert (raised.workflow_id, raised.run_id, raised.name) == (late.workflow_id, late.run_id, late.workflow_id)
        assert "nine of ten runs took at most 20 s" in raised.message
        assert await listed(world, alerted=True) == [late.run_id]
        assert late.run_id not in await listed(world, alerted=False)
        await world.executions.record([replace(late, status=WorkflowStatus.COMPLETED, close_time=NOW)])
        await watcher.step()
        assert await alerts(world) == []


async def test_a_queue_that_nobody_polls(world: World, task_queue: str) -> None:
    await world.executions.record([run(world, WorkflowStatus.RUNNING, task_queue=task_queue)])
    async with alerter(world, Rule("no workers", AlertKind.NO_WORKERS, 0)) as (watcher, _):
        await watcher.step()
        [raised] = await alerts(world)
        assert raised.message == f"No worker polls task queue {task_queue}; open runs on it: 1"
        assert (raised.tenant, raised.namespace, raised.name) == (None, world.namespace, task_queue)
        runner = UnsandboxedWorkflowRunner()
        async with Worker(world.client, task_queue=task_queue, workflows=[Stumbling], workflow_runner=runner):
            async with asyncio.timeout(10):
                while await alerts(world):
                    await watcher.step()


async def test_an_activity_that_is_retried(world: World, task_queue: str) -> None:
    rule = Rule("retries", AlertKind.ACTIVITY_RETRYING, 2)
    async with (
        alerter(world, rule) as (watcher, _),
        Worker(
            world.client,
            task_queue=task_queue,
            workflows=[Stumbling],
            activities=[stumble],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ),
    ):
        handle = await world.client.start_workflow(Stumbling.run, id="stumbling", task_queue=task_queue)
        ref = world.ref(handle)
        row = run(world, WorkflowStatus.RUNNING, workflow_id=ref.workflow_id, run_id=ref.run_id)
        await world.executions.record([row])
        async with asyncio.timeout(15):
            while not (found := await alerts(world)):
                await watcher.step()
        assert found[0].message.startswith("Activity stumble of stumbling is on attempt ")
        assert found[0].message.endswith(": the supplier does not answer")
        await handle.terminate()
        async with asyncio.timeout(10):
            while await alerts(world):
                await watcher.step()


async def test_a_namespace_that_lags(world: World) -> None:
    await Watermarks(world.database).advance(world.namespace, None)
    await world.database.execute("update watermarks set updated_at = now() - interval '1 minute'")
    async with alerter(world, Rule("lag", AlertKind.INDEX_LAG, 30)) as (watcher, _):
        await watcher.step()
        [raised] = await alerts(world)
        assert (raised.kind, raised.name) == (AlertKind.INDEX_LAG, world.namespace)
        await Watermarks(world.database).advance(world.namespace, None)
        await watcher.step()
        assert await alerts(world) == []


async def test_a_rule_that_cannot_look_does_not_keep_the_others(world: World) -> None:
    await world.executions.record([run(world, WorkflowStatus.FAILED), run(world, WorkflowStatus.RUNNING)])
    rules = (Rule("w", AlertKind.NO_WORKERS, 0), Rule("f", AlertKind.FAILURE_RATE, 0.1, minimum=1))
    temporal = Temporal({"target_host": "127.0.0.1:1"}, (world.namespace,), timeout=1)

    async def publish(*_: str) -> None:
        return None

    watcher = Alerter(rules, temporal, Alerts(world.database), Watermarks(world.database), publish)
    await watcher.step()
    assert [each.rule for each in await alerts(world)] == ["f"]
    await temporal.close()


def identity(tenant: str | None, environment: str | None = None) -> Identity:
    return Identity("test", tenant or "default", "default", frozenset({Role.ADMIN}), Scope(tenant, environment))


async def test_a_tenant_sees_its_own_alerts_page_by_page(world: World) -> None:
    for tenant in ("acme", "acme", "beta"):
        row = run(world, WorkflowStatus.FAILED, tenant=tenant, workflow_type=f"T{len(await alerts(world))}")
        await world.executions.record([row])
        async with alerter(world, Rule("f", AlertKind.FAILURE_RATE, 0.1, minimum=1)) as (watcher, _):
            await watcher.step()
    reading = AlertReading(Alerts(world.database))
    seen = await reading.page(identity("acme"), AlertFilter(), 1, None)
    assert (len(seen.items), seen.has_next) == (1, True)
    last = seen.items[-1]
    rest = await reading.page(identity("acme"), AlertFilter(), 5, AlertPosition(last.raised_at, last.id))
    assert [each.tenant for each in (*seen.items, *rest.items)] == ["acme", "acme"]
    assert last.raised_at >= rest.items[0].raised_at
    assert await reading.count(identity("acme"), AlertFilter()) == 2
    assert await reading.count(identity(None), AlertFilter()) == 3
    assert await reading.count(identity("acme"), AlertFilter(tenant="beta")) == 0
    assert await reading.count(identity("acme", "elsewhere"), AlertFilter()) == 0
