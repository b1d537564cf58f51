"""The whole catalog on one task queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from app.registry import CATALOG
from app.worker import activities_of
from app.workflows.conversion import CONVERTER
from app.workflows.entry import Entry
from app.workflows.outbound import Connections, Network


@asynccontextmanager
async def hosted_catalog(
    client: Client,
    task_queue: str,
    connections: Mapping[str, str],
    allowed: Sequence[Network] = (),
    entries: Sequence[Entry] = CATALOG,
    **options: Any,
) -> AsyncIterator[None]:
    config = client.config() | {"data_converter": CONVERTER}
    async with Worker(
        Client(**config),
        task_queue=task_queue,
        workflows=[each.workflow for each in entries],
        activities=activities_of(entries, Connections(connections, allowed)),
        max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        **options,
    ):
        yield


async def serve(address: str, task_queue: str, connections: Mapping[str, str]) -> None:
    """Host the catalog until the process is ended."""
    async with hosted_catalog(await Client.connect(address), task_queue, connections):
        await asyncio.Event().wait()
