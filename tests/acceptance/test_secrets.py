"""Secrets of a process that serves: in no log, no answer, no metric, no command line."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect

from tests.acceptance.client import PROTOCOL
from tests.acceptance.process import ROOT, _environment
from tests.conftest import TemporalServer, free_port
from tests.waiting import eventually

SECRET = "opensesame-opensesame-opensesame-opensesame"
SECRETS = {
    "TIDELINE_JWT_SECRET": SECRET,
    "TIDELINE_JWT_AUDIENCE": "tideline",
    "TIDELINE_TOKEN_SECRET": SECRET,
    "TIDELINE_CODEC_ENDPOINT": "http://127.0.0.1:1/codec",
    "TIDELINE_CODEC_AUTHORIZATION": f"Bearer {SECRET}",
    "TEMPORAL_API_KEY": SECRET,
    "TEMPORAL_TLS": "false",
    "TIDELINE_LOG_LEVEL": "debug",
}


@dataclass
class Running:
    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)

    async def url(self) -> str:
        async def found() -> str:
            return "".join(re.findall(r'http://[^"\s]+/graphql', "".join(self.said))[:1])

        return await eventually(found, within=40)


@asynccontextmanager
async def running(*command: str, **environment: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", *command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=_environment(environment),
        cwd=ROOT,
    )
    made = Running(process)

    async def keep() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            made.said.append(line.decode())

    keeping = asyncio.create_task(keep())
    try:
        yield made
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(20):
            await process.wait()
            await keeping


async def test_serving_with_secrets_tells_none(database: str, temporal: TemporalServer) -> None:
    url = database.replace("postgres:@", f"postgres:{SECRET}@")
    told = {"DATABASE_URL": url, "TEMPORAL_ADDRESS": temporal.address, "HOST": "127.0.0.1", "PORT": "0"}
    async with running("serve", "--workers", "2", **told, **SECRETS) as served:
        endpoint = await served.url()
        tree = [psutil.Process(served.process.pid), *psutil.Process(served.process.pid).children(recursive=True)]
        assert not [each for each in tree if SECRET in " ".join(each.cmdline())]
        async with httpx.AsyncClient(timeout=20) as client:

            async def answers() -> bool:
                try:
                    return (await client.get(endpoint.replace("/graphql", "/health/live"))).is_success
                except httpx.HTTPError:
                    return False

            await eventually(answers, within=30)
            pages = [
                await client.get(endpoint.replace("/graphql", "/health/ready")),
                await client.get(endpoint.replace("/graphql", "/metrics")),
                await client.post(endpoint, json={"query": "{ viewer { subject } }"}),
                await client.post(
                    endpoint, json={"query": "{ health { ok } }"}, headers={"authorization": f"Bearer {SECRET}"}
                ),
                await client.get(endpoint, params={"query": "{ health { ok } }", "ticket": SECRET}),
            ]
        async with connect(endpoint.replace("http", "ws"), subprotocols=[PROTOCOL]) as websocket:
            payload = {"Authorization": f"Bearer {SECRET}"}
            await websocket.send(json.dumps({"type": "connection_init", "payload": payload}))
            await websocket.wait_closed()
            assert SECRET not in (websocket.close_reason or "")
    assert not [page.text for page in pages if SECRET in page.text]
    assert "listening" in "".join(served.said)
    assert SECRET not in "".join(served.said)


@pytest.mark.parametrize(
    "environment",
    [
        {"DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:{{port}}/none"},
        {"DATABASE_URL": f"postgresql://u:{SECRET}@nowhere.invalid/none"},
        {"DATABASE_URL": f"mysql://u:{SECRET}@h/none"},
        {"TIDELINE_BUS_URL": f"kafka://u:{SECRET}@127.0.0.1/0"},
        {"TIDELINE_BUS_URL": f"redis://u:{SECRET}@127.0.0.1:{{port}}/0"},
    ],
    ids=["away", "unknown host", "wrong scheme", "unknown bus", "bus away"],
)
async def test_failing_with_secrets_tells_none(
    environment: dict[str, str], database: str, temporal: TemporalServer
) -> None:
    given = {name: value.format(port=free_port()) for name, value in environment.items()}
    told = {"DATABASE_URL": database, "TEMPORAL_ADDRESS": temporal.address, "PORT": "0", **SECRETS, **given}
    async with running("serve", **told) as served:

        async def spoke() -> bool:
            return len(served.said) > 1 or served.process.returncode is not None

        await eventually(spoke, within=40)
    assert served.said
    assert SECRET not in "".join(served.said)


async def test_a_first_key_is_made_on_the_machine(database: str) -> None:
    async with running("key", "--name", "first", "--roles", "admin", "--tenant", "acme", DATABASE_URL=database) as made:
        await made.process.wait()
    assert made.process.returncode == 0
    assert made.said[-1].startswith("tdl_key_")
    async with running("key", "--name", "first", "--roles", "admin", DATABASE_URL=database) as refused:
        await refused.process.wait()
    assert (refused.process.returncode, len(refused.said)) == (2, 1)
    assert "needs --tenant" in refused.said[0]


async def test_dev_is_open_on_this_machine_alone() -> None:
    async with running("dev", "--host", "0.0.0.0", "--port", "0") as refused:
        await refused.process.wait()
    assert refused.process.returncode == 2
    assert "TIDELINE_AUTH=open" in refused.said[0]
