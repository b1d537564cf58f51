"""A worker in a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.settings import environment_of_child

WORKER = """
import asyncio
from app import worker
from app.settings import Settings
asyncio.run(worker.run(Settings.load()))
"""


@asynccontextmanager
async def worker_process(
    log: Path, *arguments: str, program: str = WORKER, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """It runs `program` with these arguments and settings, writes to `log`, and is gone afterwards."""
    with log.open("ab") as output:
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, *arguments),
            env=environment_of_child(settings),
            stdout=output,
            stderr=output,
        )
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.wait()
