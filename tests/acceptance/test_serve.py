"""`tideline serve` alone: what it does where a part that it needs is away, or can never fit."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx

from tests.acceptance.client import ask
from tests.acceptance.process import ROOT, _environment
from tests.conftest import TEMPORAL, TemporalServer, free_port
from tests.waiting import eventually

START = 'mutation { startWorkflow(input: {workflowType: "Nothing", taskQueue: "nobody"}) { created } }'


async def serve(**environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "serve", "--port", "0", "--log-format", "console"),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=_environment({"TIDELINE_AUTH": "open", **environment}),
        cwd=ROOT,
    )


async def said(process: asyncio.subprocess.Process, words: str) -> re.Match[str]:
    """The first line of its log in which `words` are found."""
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := (await process.stderr.readline()).decode():
            if found := re.search(words, line):
                return found
    raise AssertionError(f"it ended without saying {words!r}")


@asynccontextmanager
async def serving(**environment: str) -> AsyncIterator[str]:
    """The URL of GraphQL."""
    process = await serve(**environment)
    try:
        yield (await said(process, r"url=(http://\S+)"))[1]
    finally:
        process.terminate()
        async with asyncio.timeout(15):
            await process.communicate()
    assert process.returncode == 0


async def test_it_starts_without_temporal_and_heals_when_temporal_comes(database: str) -> None:
    port = free_port()
    async with serving(DATABASE_URL=database, TEMPORAL_ADDRESS=f"127.0.0.1:{port}") as url:

        async def listed() -> bool:
            try:
                return "data" in await ask(url, "{ workflows { totalCount } }")
            except httpx.HTTPError:
                return False

        await eventually(listed)
        error = (await ask(url, START))["errors"][0]
        assert error["extensions"]["code"] == "TEMPORAL_UNAVAILABLE"
        late = await asyncio.create_subprocess_exec(
            *(TEMPORAL, "server", "start-dev", "--headless", "--port", str(port), "--log-level", "never"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            healed = await eventually(lambda: ask(url, START), lambda answer: "errors" not in answer, within=30)
            assert healed["data"]["startWorkflow"]["created"]
        finally:
            late.terminate()
            await late.wait()


async def refused(**environment: str) -> str:
    """The last line of a `serve` that cannot start."""
    process = await serve(**environment)
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert "Traceback" not in errors.decode()
    return errors.decode().strip().splitlines()[-1]


async def test_a_namespace_that_is_not_there_is_told_in_a_line(database: str, temporal: TemporalServer) -> None:
    line = await refused(DATABASE_URL=database, TEMPORAL_ADDRESS=temporal.address, TEMPORAL_NAMESPACE="nowhere")
    assert line.startswith("tideline: ")
    assert "no namespace 'nowhere'" in line


async def test_a_database_of_a_newer_version_is_told_in_a_line(database: str, temporal: TemporalServer) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("insert into schema_migrations (version, name, checksum) values (9999, '9999_later', 'x')")
    await connection.close()
    line = await refused(DATABASE_URL=database, TEMPORAL_ADDRESS=temporal.address)
    assert line.startswith("tideline: ")
    assert "newer version" in line
