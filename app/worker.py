"""Hosts the catalog's workflows: one Temporal worker for each of its task queues, all over one connection."""

from __future__ import annotations

import asyncio
import os
import pkgutil
import platform
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, TypeVar

import asyncpg
from starlette.datastructures import Secret
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from app.bus import Bus
from app.errors import ConfigurationError
from app.gateway import hosting
from app.log import logger
from app.registry import CATALOG
from app.settings import Settings, temporal_connection
from app.store.database import Database
from app.temporal.connection import Temporal, Tenancy
from app.temporal.payloads import configured
from app.workflows import demo
from app.workflows.batches.workflow import TASK_QUEUE as BATCHES
from app.workflows.conversion import CONVERTER
from app.workflows.entry import Entry
from app.workflows.outbound import Connections

T = TypeVar("T")

_DEMO = "demo"
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
# Temporal hears of a heartbeat at most this often. The default, 0.8 of the heartbeat timeout, would let a run
# that is watched look frozen, and a new attempt begin far behind the last page.
_HEARTBEATS = timedelta(seconds=0.5)
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
    queues = dict(hosted_queues(settings.task_queues))
    if settings.database_url is None and BATCHES in queues:
        del queues[BATCHES]
        log.warning("worker.no_batches", reason="DATABASE_URL is not set: batches are left to other workers")
    if settings.demo:
        await _seed(connections, settings)
    client = await _connect(settings)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.sleep, _LEAVE_SECONDS)
        batches = await _batches(stack, settings) if BATCHES in queues else ()
        async with asyncio.TaskGroup() as group:
            for queue, entries in queues.items():
                own = batches if queue == BATCHES else activities_of(entries, connections)
                group.create_task(_host(client, queue, entries, own, settings.shutdown_grace))


def connections_of(text: Secret | None) -> dict[str, str]:
    """Connection name -> URL, from `name=url,name=url`. A comma in a URL is written %2C."""
    connections: dict[str, str] = {}
    for position, entry in enumerate(filter(None, map(str.strip, str(text or "").split(","))), 1):
        name, _, url = entry.partition("=")
        if not name or "://" in name or "://" not in url:
            raise ConfigurationError(
                f"TIDELINE_CONNECTIONS cannot be read: entry {position} must be name=url, as in demo=postgresql://..."
            )
        connections[name.strip()] = url.strip()
    return connections


def hosted_queues(wanted: Sequence[str], catalog: Iterable[Entry] = CATALOG) -> Mapping[str, Sequence[Entry]]:
    """Task queue -> its workflows: of the whole catalog, or of the `wanted` queues.

    Raises ConfigurationError for a queue that the catalog does not have.
    """
    queues: dict[str, list[Entry]] = {}
    for entry in catalog:
        queues.setdefault(entry.task_queue, []).append(entry)
    if unknown := [queue for queue in wanted if queue not in queues]:
        raise ConfigurationError(
            f"TIDELINE_TASK_QUEUES names {', '.join(unknown)}, which no workflow of the catalog uses. "
            f"There are: {', '.join(sorted(queues))}."
        )
    return {queue: found for queue, found in queues.items() if not wanted or queue in wanted}


async def _host(
    client: Client,
    queue: str,
    entries: Sequence[Entry],
    activities: Sequence[Callable[..., Any]],
    grace: float,
) -> None:
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[each.workflow for each in entries],
        activities=activities,
        max_heartbeat_throttle_interval=_HEARTBEATS,
        default_heartbeat_throttle_interval=_HEARTBEATS,
        graceful_shutdown_timeout=timedelta(seconds=max(0.0, grace - _FAREWELL_SECONDS)),
    )
    log.info(
        "worker.started",
        task_queue=queue,
        namespace=client.namespace,
        workflows=[each.name for each in entries],
    )
    try:
        await worker.run()
    finally:
        log.info("worker.stopped", task_queue=queue)


def activities_of(entries: Iterable[Entry], connections: Connections) -> list[Callable[..., Any]]:
    makers = dict.fromkeys(each.activities for each in entries if each.activities)
    return [activity for maker in makers for activity in pkgutil.resolve_name(maker)(connections)]


async def _batches(stack: AsyncExitStack, settings: Settings) -> Sequence[Callable[..., Any]]:
    """The activities that act on runs in the name of those who asked for it: over what a gateway is made of."""
    url = str(settings.database_url)
    temporal = Temporal(
        temporal_connection(),
        settings.namespaces,
        timeout=settings.temporal_timeout,
        tenancy=Tenancy(settings.default_tenant, settings.default_environment),
        payloads=configured(settings),
    )
    stack.push_async_callback(temporal.close)
    database = Database(url, pool_size=settings.database_pool, application_name="tideline worker")
    await database.connect()
    stack.push_async_callback(database.close)
    bus = await stack.enter_async_context(Bus(str(settings.bus_url or url)))
    return hosting.activities(await hosting.drive(stack, temporal, database, bus))


async def _seed(connections: Mapping[str, str], settings: Settings) -> None:
    if _DEMO not in connections:
        raise ConfigurationError(
            "TIDELINE_DEMO needs a connection named demo: set TIDELINE_CONNECTIONS=demo=postgresql://..."
        )

    async def attempt() -> None:
        try:
            await demo.seed(connections[_DEMO], settings.default_tenant, settings.default_environment)
        except asyncpg.exceptions.ClientConfigurationError as error:
            raise ConfigurationError(f"The URL of connection demo cannot be used: {error}.") from None

    await _until_there(attempt, "the database of connection demo")
    log.info("worker.demo_ready", tenant=settings.default_tenant, environment=settings.default_environment)


async def _connect(settings: Settings) -> Client:
    config = temporal_connection()
    config.setdefault("target_host", "localhost:7233")
    if settings.namespaces:
        config["namespace"] = settings.namespaces[0]

    async def attempt() -> Client:
        async with asyncio.timeout(settings.temporal_timeout):
            identity = f"{os.getpid()}@{platform.node()}/tideline-worker"
            client = await Client.connect(**config, identity=identity, data_converter=CONVERTER)
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
