"""The worker process: waits for what it needs, hosts the queues, and leaves in order."""

from __future__ import annotations

import asyncio
import os
import pkgutil
import platform
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, TypeVar

import asyncpg
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import PollerBehaviorAutoscaling, Worker, WorkerDeploymentConfig

from app.bus import Bus
from app.errors import ConfigurationError
from app.gateway.hosted.house import House
from app.log import logger
from app.settings import Settings, temporal_connection
from app.store.database import Database
from app.temporal.configured import temporal_of
from app.worker.connections import connections_of
from app.worker.queues import OTHERS, Limits, hosted_queues, limits_of
from app.worker.telemetry import runtime_of
from app.worker.versions import deployment_of
from app.workflows import demo
from app.workflows.conversion import CONVERTER
from app.workflows.entry import Entry
from app.workflows.outbound import Connections
from app.workflows.test_cycle import demo as bank

T = TypeVar("T")

_DEMO = "demo"
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
# Temporal hears of a heartbeat at most this often. The default, 0.8 of the heartbeat timeout, would let a run
# that is watched look frozen, and a new attempt begin far behind the last page.
_HEARTBEATS = timedelta(seconds=0.5)
_FIRST_POLLERS, _MOST_POLLERS = 5, 20
_CACHED_WORKFLOWS = 1000
# Cancelling a call to Temporal and leaving at once can hang the interpreter.
_LEAVE_SECONDS = 0.5
# Of the grace, what is left to tell Temporal of the activities that did not end in time.
_FAREWELL_SECONDS = 2.0

_AWAY = (
    OSError,
    TimeoutError,
    RuntimeError,
    RPCError,
    asyncpg.PostgresError,  # type: ignore[attr-defined]
)

log = logger(__name__)


async def run(settings: Settings) -> None:
    """Host the catalog until cancelled, then let what is under way end within `shutdown_grace`.

    Waits for Temporal and for the demo's database as long as they are away. Raises ConfigurationError, and an
    ExceptionGroup when a worker cannot go on.
    """
    connections = Connections(connections_of(settings.connections), settings.outbound_networks)
    limits = limits_of(settings.queues)
    queues = dict(hosted_queues(limits))
    if settings.database_url is None and (left := [queue for queue, each in queues.items() if _are_ours(each)]):
        for queue in left:
            del queues[queue]
        log.warning("worker.queues_left", queues=left, reason="DATABASE_URL is not set: other workers host them")
    deployment, runtime = deployment_of(settings), runtime_of(settings.worker_metrics)
    if settings.demo:
        await _seed(connections, settings)
    client = await _connect(settings, runtime)
    host = _Host(client, connections, deployment, settings.shutdown_grace)
    others = limits.get(OTHERS, Limits())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.sleep, _LEAVE_SECONDS)
        house = await _house(stack, settings) if any(map(_are_ours, queues.values())) else None
        async with asyncio.TaskGroup() as group:
            for queue, entries in queues.items():
                own = await house_activities_of(stack, entries, house) if house else []
                activities = [*activities_of(entries, connections), *own]
                group.create_task(host.run(queue, entries, activities, limits.get(queue, others)))


@dataclass(frozen=True)
class _Host:
    """What all workers of the process share."""

    client: Client
    connections: Connections
    deployment: WorkerDeploymentConfig | None
    grace: float

    async def run(
        self, queue: str, entries: Sequence[Entry], activities: Sequence[Callable[..., Any]], limits: Limits
    ) -> None:
        worker = self._worker(queue, entries, activities, limits)
        log.info(
            "worker.started",
            task_queue=queue,
            namespace=self.client.namespace,
            workflows=[each.name for each in entries],
            connections=sorted(self.connections),
            build=self.deployment.version.to_canonical_string() if self.deployment else None,
            limits={name: value for name, value in asdict(limits).items() if value is not None},
        )
        try:
            await worker.run()
        finally:
            log.info("worker.stopped", task_queue=queue)

    def _worker(
        self, queue: str, entries: Sequence[Entry], activities: Sequence[Callable[..., Any]], limits: Limits
    ) -> Worker:
        polling = PollerBehaviorAutoscaling(
            initial=min(_FIRST_POLLERS, limits.pollers or _MOST_POLLERS), maximum=limits.pollers or _MOST_POLLERS
        )
        return Worker(
            self.client,
            task_queue=queue,
            workflows=[each.workflow for each in entries],
            activities=activities,
            max_concurrent_activities=limits.activities,
            max_concurrent_workflow_tasks=limits.workflows,
            max_activities_per_second=limits.rate,
            max_task_queue_activities_per_second=limits.queue_rate,
            max_cached_workflows=limits.cached or _CACHED_WORKFLOWS,
            workflow_task_poller_behavior=polling,
            activity_task_poller_behavior=polling,
            deployment_config=self.deployment,
            max_heartbeat_throttle_interval=_HEARTBEATS,
            default_heartbeat_throttle_interval=_HEARTBEATS,
            graceful_shutdown_timeout=timedelta(seconds=max(0.0, self.grace - _FAREWELL_SECONDS)),
        )


def activities_of(entries: Iterable[Entry], connections: Connections) -> list[Callable[..., Any]]:
    makers = dict.fromkeys(each.activities for each in entries if each.activities)
    return [activity for maker in makers for activity in pkgutil.resolve_name(maker)(connections)]


async def house_activities_of(
    stack: AsyncExitStack, entries: Iterable[Entry], house: House
) -> list[Callable[..., Any]]:
    """Of those that work on Tideline itself; what they start is closed with the stack."""
    makers = dict.fromkeys(each.house_activities for each in entries if each.house_activities)
    return [activity for maker in makers for activity in await pkgutil.resolve_name(maker)(stack, house)]


def _are_ours(entries: Iterable[Entry]) -> bool:
    return any(each.house_activities for each in entries)


async def _house(stack: AsyncExitStack, settings: Settings) -> House:
    """What a gateway is made of."""
    url = str(settings.database_url)
    temporal = temporal_of(settings)
    stack.push_async_callback(temporal.close)
    database = Database(url, pool_size=settings.database_pool, application_name="tideline worker")
    await database.connect()
    stack.push_async_callback(database.close)
    bus = await stack.enter_async_context(Bus(str(settings.bus_url or url)))
    return House(temporal, database, bus, settings)


async def _seed(connections: Mapping[str, str], settings: Settings) -> None:
    if _DEMO not in connections:
        raise ConfigurationError(
            "TIDELINE_DEMO needs a connection named demo: set TIDELINE_CONNECTIONS=demo=postgresql://..."
        )

    async def attempt() -> None:
        try:
            for each in (demo, bank):
                await each.seed(connections[_DEMO], settings.default_tenant, settings.default_environment)
        except asyncpg.exceptions.ClientConfigurationError as error:
            raise ConfigurationError(f"The URL of connection demo cannot be used: {error}.") from None

    await _until_there(attempt, "the database of connection demo")
    log.info("worker.demo_ready", tenant=settings.default_tenant, environment=settings.default_environment)


async def _connect(settings: Settings, runtime: Runtime | None) -> Client:
    config = temporal_connection()
    config.setdefault("target_host", "localhost:7233")
    if settings.namespaces:
        config["namespace"] = settings.namespaces[0]

    async def attempt() -> Client:
        async with asyncio.timeout(settings.temporal_timeout):
            identity = f"{os.getpid()}@{platform.node()}/tideline-worker"
            client = await Client.connect(**config, identity=identity, data_converter=CONVERTER, runtime=runtime)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
            return client

    return await _until_there(attempt, f"Temporal at {config['target_host']}")


async def _until_there(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """Try until it works, saying why it does not, with pauses that double from half a second to ten."""
    pause = _FIRST_PAUSE
    while True:
        try:
            return await attempt()
        except _AWAY as error:
            log.warning("worker.waiting", waiting_for=what, because=_reason(error), next_try_in_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _reason(error: Exception) -> str:
    if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
        return f"{error.message}: create the namespace with `temporal operator namespace create`."
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
