"""The gateway as a process: its start, its end by a signal, several processes on one port, and what it says."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from app.errors import ConfigurationError
from app.settings import environment_of_child
from app.web.messages import SUBPROTOCOL
from app.web.server import bind, url_of
from tests.integration.web_host import closed, hear, say
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
STREAM = {"Accept": "text/event-stream"}


@dataclass
class Gateway:
    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    async def line(self, part: str) -> str:
        """The next line on standard error that contains `part`."""
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            while line := (await self.process.stderr.readline()).decode():
                self.lines.append(line)
                if part in line:
                    return line
        raise AssertionError(f"no line with {part!r} in:\n{''.join(self.lines)}")

    async def url(self) -> str:
        found: str = json.loads(await self.line('"listening"'))["url"]
        return found

    async def end(self) -> int:
        """The exit code; what was said is in `lines`."""
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            rest = await self.process.stderr.read()
            self.lines.extend(rest.decode().splitlines(keepends=True))
            return await self.process.wait()

    def told(self, word: str) -> list[str]:
        return [line for line in self.lines if line.startswith(f"told: {word}")]


@asynccontextmanager
async def gateway(**environment: str) -> AsyncIterator[Gateway]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.web_process",
        cwd=ROOT,
        env=environment_of_child({"PORT": "0", "TIDELINE_SHUTDOWN_GRACE": "5", **environment}),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Gateway(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def lines_of(url: str, query: str, began: asyncio.Event) -> list[str]:
    async with (
        httpx.AsyncClient(timeout=20) as http,
        http.stream("POST", url, json={"query": query}, headers=STREAM) as response,
    ):
        lines = []
        async for line in response.aiter_lines():
            began.set()
            lines.append(line)
        return lines


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_streams_then_parts_then_the_process(by: signal.Signals) -> None:
    async with gateway() as running:
        url = await running.url()
        began = asyncio.Event()
        events = asyncio.create_task(lines_of(url, "wait", began))
        async with connect(url.replace("http", "ws"), subprotocols=[Subprotocol(SUBPROTOCOL)]) as ws:
            await say(ws, type="connection_init")
            await hear(ws)
            await say(ws, id="1", type="subscribe", payload={"query": "wait"})
            await hear(ws)
            await began.wait()
            running.process.send_signal(by)
            assert (await closed(ws))[0] == 1012
        lines = await events
        assert 'data: {"data":{"wait":1}}' in lines
        assert "event: complete" not in lines
        assert await running.end() == 0
        assert len(running.told("ended wait")) == 2
        assert len(running.told("closed")) == 1
        assert running.told("closed")[0] == [line for line in running.lines if line.startswith("told")][-1]
        assert "Traceback" not in "".join(running.lines)
        assert not [line for line in running.lines if '"level": "error"' in line]


async def test_slow_client_is_cut_under_the_production_loop() -> None:
    """uvloop's transports are not asyncio's; the rest of the transports' tests run on those."""
    async with gateway() as running:
        url = httpx.URL(await running.url())
        reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
        writer.write(b"GET /graphql?query=flood HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n")
        await reader.readline()
        line = await running.line("slow client dropped")
        assert json.loads(line)["path"] == "/graphql"
        await running.line("told: ended flood")
        writer.close()


async def test_while_it_ends_it_is_not_ready_and_one_that_does_not_read_delays_it_by_the_grace_at_most() -> None:
    async with gateway(TIDELINE_SHUTDOWN_GRACE="2") as running:
        url = httpx.URL(await running.url())
        reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
        writer.write(b"GET /graphql?query=flood HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n")
        await reader.readline()
        running.process.send_signal(signal.SIGTERM)

        async def is_refused() -> bool:
            try:
                async with httpx.AsyncClient() as http:
                    await http.get(url.copy_with(path="/health/ready"))
            except httpx.ConnectError:
                return True
            return False

        await eventually(is_refused)
        assert running.process.returncode is None, "it is still ending"
        assert await running.end() == 0
        assert len(running.told("ended flood")) == 1
        writer.close()


async def test_two_processes_share_the_port_and_end_together() -> None:
    async with gateway(WEB_CONCURRENCY="2") as running:
        url = await running.url()
        for _ in range(2):
            await running.line("told: joined")
        pids = {line.split()[-1] for line in running.told("joined")}
        assert len(pids) == 2
        began = asyncio.Event()
        events = asyncio.create_task(lines_of(url, "wait", began))
        async with asyncio.timeout(10):
            await began.wait()
        running.process.send_signal(signal.SIGTERM)
        assert "event: complete" not in await events
        assert await running.end() == 0
        assert len(running.told("closed")) == 2
        assert "Traceback" not in "".join(running.lines)


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_settings_that_cannot_work_are_one_sentence_and_exit_code_2(processes: str) -> None:
    async with gateway(TIDELINE_DEFAULT_TENANT="impossible", WEB_CONCURRENCY=processes) as running:
        assert await running.end() == 2
        said = "".join(running.lines)
        assert "TIDELINE_DEFAULT_TENANT cannot be 'impossible'." in said
        assert "Traceback" not in said
        assert running.lines[-1].startswith("tideline: ")


async def test_bug_at_the_start_is_logged_with_its_traceback_and_is_exit_code_1() -> None:
    async with gateway(TIDELINE_DEFAULT_TENANT="crash") as running:
        assert await running.end() == 1
        assert "RuntimeError: a bug" in "".join(running.lines)
        assert running.lines[-1].startswith("tideline: ")


async def test_port_that_is_taken_is_exit_code_2() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        async with gateway(PORT=str(port)) as running:
            assert await running.end() == 2
            assert running.lines == [
                f"tideline: Port {port} of 127.0.0.1 is taken by another program. "
                "Stop it, or set PORT (0 takes a free one).\n"
            ]


@pytest.mark.parametrize(
    "host",
    ["no-such-host.invalid", "203.0.113.7"],
)
def test_address_that_cannot_be(host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"HOST cannot be '{host}'"):
        bind(host, 0)


@pytest.mark.parametrize(("host", "expected"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]")])
def test_url_can_be_opened(host: str, expected: str) -> None:
    with bind(host, 0) as listener:
        assert url_of(listener) == f"http://{expected}:{listener.getsockname()[1]}/graphql"
