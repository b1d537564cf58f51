"""A file from a URL, kept beside this process while an activity reads it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.workflows.failures import network_errors, response_error, validation_error
from app.workflows.outbound import Connections, guarded_client, named_client
from app.workflows.systems import url_of

_LARGEST = 1_073_741_824


@asynccontextmanager
async def downloaded(connections: Connections, url: str, connection: str | None) -> AsyncIterator[Path]:
    """Raises ApplicationError, also for more than a gibibyte. Redirects are followed where the guard lets them."""
    if connection is None:
        client = guarded_client(connections.allowed, follow_redirects=True)
    else:
        client = named_client(url_of(connections, connection, "http", "https"))
    with tempfile.NamedTemporaryFile(prefix="tideline-") as file:
        with network_errors(url):
            async with client, client.stream("GET", url) as response:
                if error := response_error(response, url, datetime.now(UTC)):
                    raise error
                async for chunk in response.aiter_bytes(1_048_576):
                    await asyncio.to_thread(file.write, chunk)
                    if file.tell() > _LARGEST:
                        raise validation_error(f"{url} is larger than {_LARGEST} bytes.")
        await asyncio.to_thread(file.flush)
        yield Path(file.name)
