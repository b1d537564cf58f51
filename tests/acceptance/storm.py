"""Runs that do something all the time, clients that follow them over every transport, and whether all was told."""

from __future__ import annotations

import asyncio
import itertools
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import httpx
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.acceptance.client import connected, data
from tests.acceptance.cluster import Cluster
from tests.acceptance.cutting import Cutter, cutter
from tests.acceptance.followers import Follower, Way, event_stream, long_poll, multipart, websocket
from tests.waiting import eventually

STREAMS: tuple[Way, ...] = (websocket, event_stream, multipart)
EVENTS = """
subscription ($id: String!, $after: Cursor) {
  workflowEvents(workflowId: $id, after: $after) { cursor runId isLast gap { reason } event { eventId } }
}
"""
UPDATES = """
query ($id: String!, $after: Cursor) {
  workflowUpdates(workflowId: $id, after: $after, waitSeconds: 3) {
    cursor runId isLast gap { reason } event { eventId }
  }
}
"""
PROGRESS = """
subscription ($id: String!, $after: Cursor) {
  workflowProgress(workflowId: $id, after: $after) {
    cursor status gap { reason } progress { percent step } execution { runId }
  }
}
"""
LIVE = "subscription ($id: String!) { workflow(workflowId: $id, maxRate: 10) { status runId historyLength memo } }"
RUN = "query ($id: String!) { workflow(workflowId: $id) { status runId historyLength memo progress { percent step } } }"
CHANGES = """
subscription ($after: Cursor) { workflowChanges(after: $after) { cursor kind runId gap { reason } } }
"""
LISTED = "(filter: {status: [RUNNING]}, first: 20, orderBy: [{field: START_TIME, direction: DESC}])"
LIST = f"subscription {{ workflows{LISTED} {{ cursor totalCount nodes {{ id status }} }} }}"
LIST_NOW = f"{{ workflows{LISTED} {{ totalCount nodes {{ id status }} }} }}"
LOG = """
select kind, run_id from changes where alert is null and position > $1 order by xid, position
"""
BETWEEN_SIGNALS = 0.08
"""Seconds. Few enough events that no outage makes a burst that is longer than a page of history."""


@workflow.defn
class Relay:
    """Says how far it is, and hands over to a run that continues it, until it may finish."""

    def __init__(self) -> None:
        self._may_finish = False

    @workflow.signal
    def finish(self) -> None:
        self._may_finish = True

    @workflow.run
    async def run(self, lap: int) -> int:
        for step in range(4):
            workflow.upsert_memo({"progress": {"completed": step, "total": 4, "step": f"lap {lap}, step {step}"}})
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._may_finish, timeout=timedelta(milliseconds=150))
                return lap
        return workflow.continue_as_new(lap + 1)


@dataclass
class Storm:
    """A load and its followers; made by `storming`."""

    cluster: Cluster
    cutter: Cutter
    client: Client
    dice: random.Random
    handles: list[WorkflowHandle[Any, Any]]
    relays: list[WorkflowHandle[Any, Any]]
    log_began: int
    events: list[Follower] = field(default_factory=list)
    states: list[Follower] = field(default_factory=list)
    changes: list[Follower] = field(default_factory=list)
    lists: list[Follower] = field(default_factory=list)

    @property
    def followers(self) -> list[Follower]:
        return [*self.events, *self.states, *self.changes, *self.lists]

    @property
    def origin(self) -> str:
        return f"127.0.0.1:{self.cutter.port}"

    @property
    def heard(self) -> int:
        return sum(len(each.updates) for each in self.followers)

    @property
    def cuts(self) -> Counter[str]:
        return sum((each.cuts for each in self.followers), Counter())

    async def until_all_hear(self, more: int = 1, within: float = 60.0) -> None:
        """Return when each follower of events has been told `more` than it has been until now."""
        goals = [(each, len(each.updates) + more) for each in self.events]

        async def behind() -> list[str]:
            return [each.name for each, goal in goals if len(each.updates) < goal]

        await eventually(behind, lambda found: not found, within=within)

    async def until_heard(self, more: int, within: float = 60.0) -> None:
        """Return when all followers together have been told `more` than they have been until now."""
        goal = self.heard + more
        await self._until(lambda: [] if self.heard >= goal else [f"{self.heard} of {goal}"], within)

    async def settle(self) -> None:
        """End the load, let everybody come to the end, and see that each was told all of it."""
        await asyncio.gather(*(_until_done(each.terminate) for each in self.handles))
        await asyncio.gather(*(_until_done(partial(each.signal, Relay.finish)) for each in self.relays))
        await self._until(lambda: [each.name for each in (*self.events, *self.states) if not each.is_over])
        for each in self.events:
            told = [(update["runId"], update["event"]["eventId"]) for update in each.updates]
            assert told == await self._history(each.variables["id"]), each.name
        for each in self.states:
            await self._last_is_right(each)
        await self._changes_are_whole()
        await self._lists_are_right()
        assert not [each.name for each in self.followers for update in each.updates if update.get("gap")]

    async def _until(self, rest: Callable[[], list[str]], within: float = 60.0) -> None:
        async def ask() -> list[str]:
            return rest()

        await eventually(ask, lambda found: not found, within=within, every=0.05)

    async def _history(self, workflow_id: str) -> list[tuple[str, int]]:
        """What Temporal itself tells of the chain of runs."""
        handle: WorkflowHandle[Any, Any] = next(
            each for each in (*self.handles, *self.relays) if each.id == workflow_id
        )
        run, found = handle.first_execution_run_id, []
        while run:
            history = await self.client.get_workflow_handle(workflow_id, run_id=run).fetch_history()
            found += [(run, event.event_id) for event in history.events]
            run = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        return found

    async def _last_is_right(self, follower: Follower) -> None:
        now = (await data(f"http://{self.origin}/graphql", RUN, id=follower.variables["id"]))["workflow"]
        last = follower.updates[-1]
        if "progress" in last:
            assert (last["status"], last["execution"]["runId"]) == (now["status"], now["runId"]), (follower, now)
            assert last["progress"] == now["progress"], (follower, now)
        else:
            assert last == {name: now[name] for name in last}, (follower, now)

    async def _changes_are_whole(self) -> None:
        connection = await asyncpg.connect(self.cluster.database_url)
        try:

            async def different() -> list[Any]:
                log = [(kind.upper(), run) for kind, run in await connection.fetch(LOG, self.log_began)]
                told = {each.name: [(one["kind"], one["runId"]) for one in each.updates] for each in self.changes}
                return [(name, len(each), len(log), _parting(each, log)) for name, each in told.items() if each != log]

            await eventually(different, lambda found: not found, within=60, every=0.2)
        finally:
            await connection.close()

    async def _lists_are_right(self) -> None:
        async def different() -> list[Any]:
            now = (await data(f"http://{self.origin}/graphql", LIST_NOW))["workflows"]
            last = {each.name: {part: each.updates[-1][part] for part in now} for each in self.lists}
            return [(name, each, now) for name, each in last.items() if each != now]

        await eventually(different, lambda found: not found, within=60, every=0.2)


def _parting(told: list[Any], log: list[Any]) -> Any:
    """Where they part: the place, and what each has there."""
    pairs = enumerate(itertools.zip_longest(told, log))
    return next(((at, *pair) for at, pair in pairs if pair[0] != pair[1]), None)


@asynccontextmanager
async def storming(cluster: Cluster, seed: int, runs: int = 4, relays: int = 2) -> AsyncIterator[Storm]:
    """The load is on and everybody follows; break what you like, then `settle`."""
    await cluster.until_ready()
    client = await Client.connect(cluster.temporal_address)
    name = f"{seed}-{uuid.uuid4().hex[:6]}"
    async with AsyncExitStack() as stack:
        balancer = await stack.enter_async_context(cutter(cluster.ports, seed))
        cursor, began = await _beginning(cluster, balancer)
        worker = Worker(client, task_queue=name, workflows=[Relay], workflow_runner=UnsandboxedWorkflowRunner())
        await stack.enter_async_context(worker)
        storm = Storm(
            cluster,
            balancer,
            client,
            random.Random(seed),
            [await client.start_workflow("Bare", id=f"bare-{name}-{n}", task_queue="nobody") for n in range(runs)],
            [await client.start_workflow(Relay.run, 0, id=f"relay-{name}-{n}", task_queue=name) for n in range(relays)],
            began,
        )
        limits = httpx.Limits(max_keepalive_connections=0, max_connections=None)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=30, limits=limits))
        _enlist(storm, http, cursor)
        await stack.enter_async_context(_background(storm, name))
        await storm.until_all_hear(3)
        yield storm


async def _beginning(cluster: Cluster, balancer: Cutter) -> tuple[str, int]:
    """Where the log of changes stands before the load, as a client is told and as the table has it."""
    connection = await asyncpg.connect(cluster.database_url)
    try:

        async def newest() -> int:
            return int(await connection.fetchval("select coalesce(max(position), 0) from changes"))

        async def place() -> tuple[str, int] | None:
            """None where something has changed meanwhile."""
            before = await newest()
            async with connected(f"ws://127.0.0.1:{balancer.port}/graphql") as socket:
                async for update in socket.subscribe("subscription { workflows(first: 1) { cursor } }"):
                    return (update["workflows"]["cursor"], before) if await newest() == before else None
            raise AssertionError("a list has no snapshot")

        found = await eventually(place, lambda found: found is not None, within=60)
        assert found is not None
        return found
    finally:
        await connection.close()


def _enlist(storm: Storm, http: httpx.AsyncClient, cursor: str) -> None:
    def follower(way: Way, document: str, after: str | None = None, **variables: Any) -> Follower:
        return Follower(way, storm.origin, document, variables, http, after)

    watched = [*storm.handles[:2], *storm.relays]
    storm.events += [follower(way, EVENTS, id=each.id) for way in STREAMS for each in watched]
    storm.events += [follower(long_poll, UPDATES, id=each.id) for each in watched]
    for each in (storm.handles[0], storm.relays[0]):
        storm.states += [follower(way, document, id=each.id) for way in STREAMS for document in (PROGRESS, LIVE)]
    storm.changes += [follower(way, CHANGES, cursor) for way in STREAMS for _ in range(2)]
    storm.lists += [follower(way, LIST) for way in STREAMS]


@asynccontextmanager
async def _background(storm: Storm, name: str) -> AsyncIterator[None]:
    """The load and the followers, until this is left. One that fails ends the test."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.follow(random.Random(n))) for n, each in enumerate(storm.followers)]
        tasks += [group.create_task(_signals(each)) for each in storm.handles]
        tasks.append(group.create_task(_comings_and_goings(storm, name)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _signals(handle: WorkflowHandle[Any, Any]) -> None:
    while True:
        try:
            await handle.signal("anything")
        except RPCError as error:
            if "already completed" in str(error):
                return
        await asyncio.sleep(BETWEEN_SIGNALS)


async def _comings_and_goings(storm: Storm, name: str) -> None:
    """Runs that start and end, for the lists."""
    for number in itertools.count():
        with suppress(RPCError):
            handle = await storm.client.start_workflow("Brief", id=f"brief-{name}-{number}", task_queue="nobody")
            await asyncio.sleep(storm.dice.uniform(0.05, 0.2))
            await handle.terminate()
        await asyncio.sleep(0.05)
        if storm.handles and all(each.is_over for each in storm.events):
            return


async def _until_done(act: Callable[[], Awaitable[Any]], within: float = 20.0) -> None:
    async def done() -> bool:
        try:
            await act()
        except RPCError as error:
            return "already completed" in str(error)
        return True

    await eventually(done, within=within, every=0.1)
