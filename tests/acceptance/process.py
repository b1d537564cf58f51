"""`tideline dev` as a process of its own: start it, find its parts, stop it, and see that nothing is left."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
START_DEADLINE, STOP_DEADLINE = 60.0, 12.0
FREE_PORTS = ("--port", "0", "--temporal-port", "0", "--temporal-ui-port", "0")


@dataclass
class Tideline:
    """A running `tideline dev` and where its parts are, as its banner says."""

    process: asyncio.subprocess.Process
    data: Path
    banner: list[str] = field(default_factory=list)

    @property
    def http(self) -> str:
        """The URL of GraphQL over HTTP."""
        return self.banner[-1].removeprefix("ready ")

    @property
    def ws(self) -> str:
        """The URL of GraphQL over WebSocket."""
        return self.place("WebSocket")

    @property
    def temporal(self) -> str:
        """Host and port of Temporal."""
        return self.place("Temporal")

    @property
    def database_url(self) -> str:
        return self.place("Postgres")

    @property
    def origin(self) -> str:
        """The gateway's URL without a path."""
        return self.http.removesuffix("/graphql")

    @property
    def errors(self) -> str:
        """What it has said on standard error."""
        return (self.data.parent / f"{self.data.name}.stderr").read_text(encoding="utf-8")

    def place(self, name: str) -> str:
        for line in self.banner:
            if found := re.fullmatch(rf"\s+{name}\s\s+(.*)", line):
                return found[1]
        raise AssertionError(f"the banner does not say {name}: {self.banner}")

    def children(self) -> dict[str, psutil.Process]:
        """The direct children by name: postgres, temporal, serve, index, worker."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            if not (words := child.cmdline()):
                continue  # it has just ended
            found[words[4] if words[3:4] == ["app"] else Path(words[0]).name] = child
        return found

    async def until_said(self, words: str, deadline: float = 15) -> None:
        """Return when standard error holds `words`."""

        async def said() -> bool:
            return words in self.errors

        await eventually(said, within=deadline)

    async def stop(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signum)
        async with asyncio.timeout(STOP_DEADLINE):
            return await self.process.wait()


Start = Callable[..., AbstractAsyncContextManager[Tideline]]


def _environment(changes: dict[str, str]) -> dict[str, str]:
    """Ours without the settings of whoever runs the tests."""
    ours = {"DATABASE_URL", "HOST", "PORT", "WEB_CONCURRENCY"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("TIDELINE_", "TEMPORAL_"))
    }
    return {**kept, "TEMPORAL_CONFIG_FILE": os.devnull, **changes}


def leftovers(data: Path) -> list[psutil.Process]:
    """Every process on this machine whose command line or environment names the data folder."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            words = " ".join([*each.cmdline(), *each.environ().values()])
            if each.pid != os.getpid() and str(data) in words and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


async def until_nothing_left(data: Path, deadline: float = STOP_DEADLINE) -> None:
    """Return when no process uses the data folder; fail after `deadline` seconds."""

    async def left() -> list[psutil.Process]:
        return leftovers(data)

    await eventually(left, lambda found: not found, within=deadline, every=0.05)


async def launch(data: Path, *options: str, **environment: str) -> Tideline:
    """Start `tideline dev` without waiting for anything."""
    with (data.parent / f"{data.name}.stderr").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "dev", "--data-dir", str(data), *FREE_PORTS, *options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=_environment(environment),
            cwd=ROOT,
        )
    return Tideline(process, data)


async def read_banner(tideline: Tideline) -> None:
    assert tideline.process.stdout is not None
    async with asyncio.timeout(START_DEADLINE):
        while not (tideline.banner and tideline.banner[-1].startswith("ready ")):
            line = await tideline.process.stdout.readline()
            assert line, f"it ended before it was ready: {tideline.errors}"
            tideline.banner.append(line.decode().rstrip("\n"))


@asynccontextmanager
async def running(data: Path, *options: str, **environment: str) -> AsyncIterator[Tideline]:
    """A ready `tideline dev`; at the end it is stopped and nothing may be left of it."""
    tideline = await launch(data, *options, **environment)
    try:
        await read_banner(tideline)
        yield tideline
        await tideline.stop()
        assert leftovers(data) == []
    finally:
        if tideline.process.returncode is None:
            tideline.process.kill()
            await tideline.process.wait()
        await until_nothing_left(data)
