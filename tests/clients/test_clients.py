"""The clients that applications use, each against a real gateway that is restarted under it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from temporalio.client import WorkflowHandle

from tests.acceptance.cluster import Part, tideline
from tests.acceptance.process import ROOT
from tests.conftest import TemporalServer, free_port
from tests.waiting import eventually

HERE = Path(__file__).parent
NODE = os.environ.get("NODE") or shutil.which("node")
SECRET = "a-secret-of-the-ring-of-clients-0123456789"
BEFORE, AFTER = 6, 14
"""How many events a client has heard when its gateway goes, and when the run is ended."""
SNIPPETS = re.compile(r"^```js\n// (\w+\.mjs)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
CLIENTS = [
    ("graphql_ws",),
    ("graphql_sse",),
    ("urql", "ws"),
    ("urql", "sse"),
    ("urql", "fetch"),
    ("apollo", "ws"),
    ("apollo", "sse"),
    ("apollo", "multipart"),
    ("eventsource",),
]

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="there is no Node: make test-clients brings one, or name it by NODE"),
    pytest.mark.skipif(
        not (HERE / "node_modules").exists(), reason="the clients are not installed: make test-clients does it"
    ),
]


def token() -> str:
    claims = {"sub": "ring", "tenant": "default", "roles": ["admin"], "aud": "tideline", "exp": int(time.time()) + 300}
    return jwt.encode(claims, SECRET, "HS256")


@dataclass
class Gateway:
    part: Part
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    async def restart(self, signum: signal.Signals) -> None:
        process = self.part.process
        assert process is not None
        process.send_signal(signum)
        await process.wait()
        await self.part.start()


@pytest.fixture
async def gateway(database: str, temporal: TemporalServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    port = free_port()
    part = tideline(
        tmp_path,
        "serve",
        *("serve", "--port", str(port)),
        DATABASE_URL=database,
        TEMPORAL_ADDRESS=temporal.address,
        TIDELINE_JWT_SECRET=SECRET,
        TIDELINE_JWT_AUDIENCE="tideline",
    )
    await part.start()
    yield Gateway(part, port)
    await part.stop()


@dataclass
class Script:
    """A script of Node, and the lines that it has printed."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))

    def said(self, what: str) -> list[Any]:
        return [said[what] for line in self.lines if what in (said := json.loads(line))]


@asynccontextmanager
async def script(path: Path, *words: str, **environment: str) -> AsyncIterator[Script]:
    process = await asyncio.create_subprocess_exec(
        *(str(NODE), str(path), *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=HERE,
        env={**os.environ, **environment},
    )
    made = Script(process)
    reading = asyncio.create_task(made.read())
    try:
        yield made
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def restart_under(
    gateway: Gateway,
    handle: WorkflowHandle[Any, Any],
    client: Script,
    heard: Callable[[], list[int]],
    signum: signal.Signals,
) -> None:
    """Let the client hear some events, restart the gateway and end the run: it must hear each event once."""

    async def alive() -> list[int]:
        assert client.process.returncode is None, client.lines
        return heard()

    async def until(count: int) -> None:
        while len(await alive()) < count:
            await handle.signal("anything")
            await asyncio.sleep(0.05)

    try:
        async with asyncio.timeout(60):
            await until(BEFORE)
            await gateway.restart(signum)
            await until(AFTER)
            await handle.terminate()
            assert await client.process.wait() == 0, client.lines
    except TimeoutError:
        raise AssertionError(client.lines) from None
    log = [event.event_id for event in (await handle.fetch_history()).events]
    await eventually(alive_or_done(heard), lambda found: len(found) >= len(log))
    assert heard() == log


def alive_or_done(heard: Callable[[], list[int]]) -> Callable[[], Any]:
    async def ask() -> list[int]:
        return heard()

    return ask


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL], ids=["told", "killed"])
@pytest.mark.parametrize("words", CLIENTS, ids=" over ".join)
async def test_client(
    words: tuple[str, ...], signum: signal.Signals, gateway: Gateway, temporal: TemporalServer
) -> None:
    name, *options = words
    id_ = f"{name}-{uuid.uuid4().hex[:8]}"
    given = {"TIDELINE_URL": gateway.url, "TIDELINE_TOKEN": token(), "WORKFLOW_ID": id_}
    await gateway.part.until_listening(gateway.port)
    async with script(HERE / f"{name}.mjs", *options, **given) as client:
        # With tokens, tenants have workflow ids of their own.
        handle = temporal.client.get_workflow_handle(f"default/default/{id_}")

        async def has_begun() -> list[str]:
            assert client.process.returncode is None, client.lines
            return client.lines

        await eventually(has_begun, lambda _: bool(client.said("event")), within=40)
        await restart_under(gateway, handle, client, lambda: client.said("event"), signum)
        assert client.said("query")[0]["data"]["viewer"]["tenant"] == "default"
        started = client.said("mutation")[0]["data"]["startWorkflow"]
        assert (started["created"], started["execution"]["workflowId"]) == (True, id_)
        [problem] = client.said("refused")[0]["data"]["startWorkflow"]["userErrors"]
        assert problem["code"]
        [error] = client.said("wrong")[0]["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        [intruder] = client.said("intruder")
        assert intruder.get("closed") == 4403 or intruder.get("status") == 401, intruder
        assert client.said("complete") == [True]


def snippets() -> dict[str, str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## Clients\n")[2].partition("\n## ")[0]
    return dict(SNIPPETS.findall(section))


def test_the_helper_of_the_readme_is_ours() -> None:
    assert snippets()["resuming.mjs"] == (HERE / "resuming.mjs").read_text(encoding="utf-8").partition("\n")[2]


@pytest.mark.parametrize("name", [name for name in snippets() if name != "resuming.mjs"])
async def test_snippet_of_the_readme(name: str, gateway: Gateway, temporal: TemporalServer) -> None:
    """As it stands there, but for the address and the id; it prints the id of each event."""
    id_ = f"snippet-{uuid.uuid4().hex[:8]}"
    handle = await temporal.client.start_workflow("Nothing", id=id_, task_queue="nobody")
    folder = HERE / "node_modules" / ".readme"
    folder.mkdir(exist_ok=True)
    shutil.copy(HERE / "resuming.mjs", folder)
    place = folder / name
    text = snippets()[name].replace("localhost:8000", f"127.0.0.1:{gateway.port}").replace("tour-1", id_)
    place.write_text(text, encoding="utf-8")
    await gateway.part.until_listening(gateway.port)
    async with script(place, TOKEN=token()) as client:

        def heard() -> list[int]:
            return [int(found[1]) for line in client.lines if (found := re.match(r"(\d+) [A-Z]", line))]

        await restart_under(gateway, handle, client, heard, signal.SIGTERM)
