"""Deliveries a second, their lag, and the memory of a subscriber."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from benchmarks.fanout.servers import Servers, others, servers
from benchmarks.table import Row, machine, versions, write

PROCESSES = 2
Handle = WorkflowHandle[Any, Any]


class ClientProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, do: str, **order: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
        line = await self._process.stdout.readline()
        return json.loads(line)


@asynccontextmanager
async def clients(port: int) -> AsyncIterator[list[ClientProcess]]:
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.fanout.clients", "127.0.0.1", str(port),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26,
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip
    try:
        yield [ClientProcess(each) for each in running]
    finally:
        for each in running:
            each.kill()
            await each.wait()


async def started(client: Client, runs: int) -> list[Handle]:
    """Runs of a workflow that no worker knows: their only events are the signals that they get."""
    return [
        await client.start_workflow("Fanout", id=f"fanout-{uuid.uuid4().hex[:10]}", task_queue="nobody")
        for _ in range(runs)
    ]


async def opened(processes: Sequence[ClientProcess], handles: Sequence[Handle], subscribers: int) -> None:
    """Everybody subscribes and has the two events that a run begins with."""
    share = subscribers // len(processes)
    for each in processes:
        await each.ask("expect", messages=2 * share, lags=False)
    names = [handle.id for handle in handles]
    await asyncio.gather(*(each.ask("open", workflow_ids=names, subscribers=share) for each in processes))
    await asyncio.gather(*(each.ask("full") for each in processes))


async def throughput(told: Servers, processes: Sequence[ClientProcess], subscribers: int, signals: int) -> Row:
    """One run, all sockets on it, `signals` events in one burst."""
    [handle] = await started(told.client, 1)
    await opened(processes, [handle], subscribers)
    best, cpu_us = 0.0, 0.0
    for _ in range(3):
        for each in processes:
            await each.ask("expect", messages=subscribers // len(processes) * signals, lags=False)
        before, began = told.gateway.cpu_times(), time.time()
        await asyncio.gather(*(handle.signal("news", number) for number in range(signals)))
        answers = await asyncio.gather(*(each.ask("full") for each in processes))
        after = told.gateway.cpu_times()
        rate = subscribers * signals / (max(answer["last"] for answer in answers) - began)
        if rate > best:
            best = rate
            spent = after.user + after.system - before.user - before.system
            cpu_us = spent / (subscribers * signals) * 1e6
    for each in processes:
        await each.ask("close")
    name = f"{subscribers:,} sockets on one run, bursts of {signals} events: deliveries a second, CPU us each"
    return Row(name, (f"{best:,.0f}", f"{cpu_us:.1f}"))


async def lag(told: Servers, processes: Sequence[ClientProcess], runs: int, subscribers: int, seconds: int) -> Row:
    """Sockets over many runs, 50 signals a second in all; beside it a bare long poll by the SDK on one in ten runs."""
    handles = await started(told.client, runs)
    await opened(processes, handles, subscribers)
    bare = [asyncio.create_task(polled(handle)) for handle in handles[::10]]
    signals = 50 * seconds
    for each in processes:
        await each.ask("expect", messages=signals * subscribers // runs // len(processes), lags=True)
    for number in range(signals):
        await handles[number % runs].signal("news", number)
        await asyncio.sleep(1 / 50)
    answers = await asyncio.gather(*(each.ask("full") for each in processes))
    for each in bare:
        each.cancel()
    seen = await asyncio.gather(*bare, return_exceptions=True)
    for each in processes:
        await each.ask("close")
    lags = sorted(one for answer in answers for _, _, one in answer["lags"])
    direct = sorted(one for each in seen if isinstance(each, list) for one in each)
    p50, p99 = statistics.median(lags), lags[int(len(lags) * 0.99)]
    name = f"{subscribers:,} sockets on {runs} runs, 50 events a second: lag p50 / p99 ms, bare SDK poll p50 / p99 ms"
    return Row(
        name, (f"{p50:.1f} / {p99:.1f}", f"{statistics.median(direct):.1f} / {direct[int(len(direct) * 0.99)]:.1f}")
    )


async def polled(handle: Handle) -> list[float]:
    """The lags of signals as a long poll by the SDK gets them, until it is cancelled."""
    found: list[float] = []
    with suppress(asyncio.CancelledError):
        async for event in handle.fetch_history_events(wait_new_event=True):
            late = (time.time() - event.event_time.ToNanoseconds() / 1e9) * 1000
            found += [late] if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED else []
    return found


async def memory(told: Servers, processes: Sequence[ClientProcess], runs: int, subscribers: int) -> Row:
    """What the gateway grows by for each idle subscriber."""
    handles = await started(told.client, runs)
    before = told.gateway.memory_info().rss
    await opened(processes, handles, subscribers)
    grown = told.gateway.memory_info().rss - before
    for each in processes:
        await each.ask("close")
    return Row(f"{subscribers:,} idle sockets on {runs:,} runs: KiB each", (f"{grown / subscribers / 1024:.1f}", ""))


async def main(folder: Path, only: str | None, idle: int) -> None:
    async with AsyncExitStack() as stack:
        told = await stack.enter_async_context(servers(folder))
        processes = await stack.enter_async_context(clients(told.port))
        cases = {
            "memory": lambda: memory(told, processes, 1, idle),
            "memory2": lambda: memory(told, processes, 1000, 5_000),
            "burst5": lambda: throughput(told, processes, 2000, 5),
            "burst60": lambda: throughput(told, processes, 2000, 60),
            "lag": lambda: lag(told, processes, 200, 1000, 20),
        }
        rows = []
        for name, case in cases.items():
            # A second measure of memory would find what the first has let go of.
            if only == name or (only is None and name != "memory2"):
                rows.append(await case())
                print(rows[-1], flush=True)
    if only is None:
        conditions = [
            f"Machine: {machine()}.",
            f"Versions: {versions('temporalio', 'strawberry-graphql', 'uvicorn', 'websockets')}, Temporal 1.32.",
            "One gateway process alone on core 0; Temporal, Postgres and two client processes share core "
            f"{', '.join(map(str, sorted(others())))}. The best of three bursts.",
        ]
        write("fanout", ("what", "figure", "beside it"), rows, conditions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="one case, printed and not written")
    parser.add_argument("--idle", type=int, default=10_000, help="sockets that wait for memory (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary), arguments.only, arguments.idle))
