"""Clients that retry at random and hang up before they have an answer, while a gateway is killed again and again.

Every key must be one execution, whatever its clients went through.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KILLED_EVERY = 3.0
"""Seconds that the gateway lives once it answers."""
_HUNG_UP, _REPEATED, _DOUBLED = 0.2, 0.2, 0.1
"""How often a client hangs up, sends an answered request again, and sends one request twice at once."""
_DEADLINE = 20.0

MUTATION = """
mutation ($input: StartWorkflowInput!) {
  startWorkflow(input: $input) { created execution { workflowId firstRunId runId } userErrors { code message } }
}
"""


@dataclass
class Told:
    """What the clients of one key were told."""

    runs: set[str] = field(default_factory=set)
    created: int = 0
    answers: int = 0


@dataclass
class Storm:
    """`keys` requests with a key each, from `clients`, to the gateways at `ports`."""

    ports: tuple[int, ...]
    keys: int
    clients: int
    task_queue: str
    chance: random.Random
    closes: bool = True
    """Whether every fifth closes at once, with a run that continues it; else all stay open."""
    told: defaultdict[str, Told] = field(default_factory=lambda: defaultdict(Told))
    sent: int = 0
    hung_up: int = 0
    failed: int = 0
    kills: int = 0
    seconds: float = 0.0

    async def rage(self) -> None:
        """Until every key has had an answer."""
        begun = time.perf_counter()
        waiting = iter(range(self.keys))

        async def client() -> None:
            for number in waiting:
                await self._until_answered(number)

        async with asyncio.TaskGroup() as group:
            for _ in range(self.clients):
                group.create_task(client())
        self.seconds = time.perf_counter() - begun

    async def _until_answered(self, number: int) -> None:
        key, body = f"storm-{number}", self._body(number)
        if self.chance.random() < _DOUBLED:
            await asyncio.gather(self._attempt(key, body), self._attempt(key, body))
        while not self.told[key].answers:
            if not await self._attempt(key, body):
                await asyncio.sleep(self.chance.uniform(0.01, 0.2))
        if self.chance.random() < _REPEATED:
            await self._attempt(key, body)

    def _body(self, number: int) -> bytes:
        # Every third has an id of its own.
        named = {"workflowId": f"{self.task_queue}-{number}"} if number % 3 == 0 else {}
        closing = self.closes and number % 5 == 0
        wanted = {
            **named,
            "workflowType": "Chain" if closing else "Still",
            "input": [1] if closing else [],
            "taskQueue": self.task_queue if closing else f"{self.task_queue}-unserved",
            "idempotencyKey": f"{self.task_queue} {number}",
        }
        return json.dumps({"query": MUTATION, "variables": {"input": wanted}}).encode()

    async def _attempt(self, key: str, body: bytes) -> bool:
        """Send it once, to any gateway; whether it was answered."""
        self.sent += 1
        port, hangs_up = self.chance.choice(self.ports), self.chance.random() < _HUNG_UP
        try:
            async with asyncio.timeout(_DEADLINE):
                answer = await self._sent(port, body, self.chance.uniform(0, 0.02) if hangs_up else None)
        except (OSError, TimeoutError, ValueError):
            answer = None
            self.failed += 1
        if answer is None or "errors" in answer:
            self.failed += answer is not None
            return False
        payload = answer["data"]["startWorkflow"]
        assert payload["userErrors"] == [], (key, payload)
        told = self.told[key]
        told.answers += 1
        told.created += payload["created"]
        told.runs.add(payload["execution"]["firstRunId"])
        return True

    async def _sent(self, port: int, body: bytes, patience: float | None) -> Any:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
            writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
            await writer.drain()
            if patience is not None:
                await asyncio.sleep(patience)
                self.hung_up += 1
                return None
            response = await reader.read()
            return json.loads(response.partition(b"\r\n\r\n")[2])
        finally:
            writer.transport.abort()

    @property
    def closing(self) -> int:
        """How many of the executions close, each after a run that continues it."""
        return len(range(0, self.keys, 5)) if self.closes else 0

    def wrong(self) -> list[str]:
        """Keys whose clients were not all told of the same run, or more than one of a new one."""
        return [key for key, told in self.told.items() if len(told.runs) != 1 or told.created > 1]


async def serve(port: int, environment: dict[str, str]) -> asyncio.subprocess.Process:
    """A gateway process that answers."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "serve", "--port", str(port)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **environment},
        cwd=ROOT,
    )
    try:
        async with asyncio.timeout(60):
            while not await _answers(port):
                assert process.returncode is None, f"the gateway ended with {process.returncode}"
                await asyncio.sleep(0.05)
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    return process


async def _answers(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


@asynccontextmanager
async def gateways(storm: Storm, environment: dict[str, str]) -> AsyncIterator[None]:
    """One gateway that stays, and for each other port one that is killed every few seconds and started again."""
    staying = await serve(storm.ports[0], environment)

    async def dying(port: int) -> None:
        while True:
            process = await serve(port, environment)
            try:
                await asyncio.sleep(KILLED_EVERY)
            finally:
                process.kill()
                await process.wait()
            storm.kills += 1

    tasks = [asyncio.create_task(dying(port)) for port in storm.ports[1:]]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        staying.terminate()
        await staying.wait()
