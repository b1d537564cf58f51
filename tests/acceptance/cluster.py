"""Everything as processes of their own, which a test may kill, stop for a while and start again at the same address."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from app.dev import postgres, temporal
from tests.acceptance.process import ROOT, _environment
from tests.conftest import free_port
from tests.waiting import eventually

READY_WITHIN = 60.0


@dataclass
class Part:
    """One process of the cluster; what it prints goes to its log."""

    name: str
    argv: Sequence[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(self.environment),
                cwd=ROOT,
            )

    async def kill(self) -> None:
        """SIGKILL, to what it has started as well, so that a database has no chance to tidy up."""
        if self.process is None or self.process.returncode is not None:
            return
        own = psutil.Process(self.pid)
        for each in [own, *own.children(recursive=True)]:  # itself first: a postmaster starts its children again
            with suppress(psutil.NoSuchProcess):
                each.kill()
        await self.process.wait()

    async def stop(self, within: float = 15.0) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            try:
                async with asyncio.timeout(within):
                    await self.process.wait()
            finally:
                await self.kill()

    async def until_listening(self, port: int) -> None:
        """Return when it takes connections at this port; fail with its log where it ends before."""

        async def listens() -> bool:
            assert self.process is not None
            assert self.process.returncode is None, self.log.read_text(encoding="utf-8")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await eventually(listens, within=READY_WITHIN)

    async def restart(self) -> None:
        """Die without a word and come back."""
        await self.kill()
        await self.start()

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Neither dead nor alive meanwhile: its sockets stay open, and nobody is behind them."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@dataclass
class Cluster:
    postgres: Part
    temporal: Part
    index: Part
    gateways: list[Part]
    ports: list[int]
    database_url: str
    temporal_address: str

    async def until_ready(self) -> None:
        """Return when every gateway says that it and all behind it are well."""
        await eventually(self._unready, lambda found: not found, within=READY_WITHIN, every=0.1)

    async def until_unready(self) -> None:
        """Return when every gateway says that something behind it is not."""
        await eventually(self._unready, lambda found: len(found) == len(self.ports), within=READY_WITHIN, every=0.1)

    async def _unready(self) -> list[str]:
        async with httpx.AsyncClient(timeout=5) as http:
            return [text for port in self.ports if (text := await _unready(http, port))]


async def _unready(http: httpx.AsyncClient, port: int) -> str:
    try:
        answer = await http.get(f"http://127.0.0.1:{port}/health/ready")
    except httpx.HTTPError as error:
        return repr(error)
    return "" if answer.status_code == 200 else answer.text


def tideline(folder: Path, name: str, *words: str, **environment: str) -> Part:
    return Part(name, (sys.executable, "-m", "app", *words), folder / f"{name}.log", environment)


@asynccontextmanager
async def cluster(folder: Path, **settings: str) -> AsyncIterator[Cluster]:
    """Postgres, Temporal on a file, an indexer and two gateways, ready; at the end nothing is left of them."""
    parts: list[Part] = []

    async def started(part: Part) -> Part:
        parts.append(part)
        await part.start()
        return part

    try:
        program = postgres.program(folder / "pg")
        database = await started(Part("postgres", program.argv, folder / "postgres.log"))
        port, ui_port = free_port(), free_port()
        program = temporal.program(folder / "temporal.db", port, ui_port, ["default"])
        server = await started(Part("temporal", program.argv, folder / "temporal.log"))
        async with asyncio.timeout(READY_WITHIN):
            url = await postgres.url_when_ready(folder / "pg", database.pid)
            await temporal.until_ready(ui_port, "default")
        where = {"DATABASE_URL": url, "TEMPORAL_ADDRESS": f"127.0.0.1:{port}", "TIDELINE_AUTH": "open", **settings}
        migration = await started(tideline(folder, "migrate", "migrate", **where))
        assert migration.process is not None
        assert await migration.process.wait() == 0, migration.log.read_text(encoding="utf-8")
        index = await started(tideline(folder, "index", "index", **where))
        ports = [free_port(), free_port()]
        gateways = [await started(tideline(folder, f"serve-{at}", "serve", "--port", str(at), **where)) for at in ports]
        made = Cluster(database, server, index, gateways, ports, url, f"127.0.0.1:{port}")
        await made.until_ready()
        yield made
    finally:
        for part in reversed(parts):
            await (part.kill() if part.name in {"postgres", "temporal"} else part.stop())
