"""`tideline serve` as a process of its own, to see what its clients cost it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.waiting import eventually

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Served:
    """A running gateway."""

    port: int
    pid: int
    http: httpx.AsyncClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    async def ask(self, query: str, variables: Any = None, **more: Any) -> httpx.Response:
        return await self.http.post(self.url, json={"query": query, "variables": variables}, **more)

    def cpu(self) -> float:
        """Seconds of CPU that the process has used, all threads together."""
        tasks = Path(f"/proc/{self.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9

    def memory(self) -> float:
        """Resident MiB."""
        return float(psutil.Process(self.pid).memory_info().rss) / 2**20


@asynccontextmanager
async def serving(database: str, temporal: str, **settings: str) -> AsyncIterator[Served]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIDELINE_", "TEMPORAL_"))}
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "serve", "--port", "0"),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=log,
            env={**kept, "DATABASE_URL": database, "TEMPORAL_ADDRESS": temporal, "TIDELINE_AUTH": "open", **settings},
            cwd=ROOT,
        )
        try:
            async with httpx.AsyncClient(timeout=20) as http:

                async def port() -> int:
                    found = re.search(rb'"url": ?"http://127.0.0.1:(\d+)', os.pread(log.fileno(), 100_000, 0))
                    assert process.returncode is None, os.pread(log.fileno(), 100_000, 0)
                    return int(found[1]) if found else 0

                served = Served(await eventually(port, within=30), process.pid, http)

                async def answers() -> bool:
                    try:
                        return (await served.ask("{ __typename }")).status_code == 200
                    except httpx.HTTPError:
                        return False

                await eventually(answers, within=30)
                yield served
        finally:
            process.terminate()
            async with asyncio.timeout(20):
                await process.wait()
