"""What one tenant can learn of another: nothing, whichever way it asks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from graphql import parse, validate

from app.api.admission import Admission
from app.api.engine import Engine, Operation
from app.bounds import Bounds
from app.errors import Refusal
from app.gateway import Caller
from app.gateway.starting import starting
from app.model import ExecutionRef
from app.settings import Settings
from app.temporal.runs import terminate
from tests.conftest import TemporalServer
from tests.integration.gateways import ANYBODY, Host, hosted
from tests.integration.tenant_names import Names, nobodys
from tests.integration.tenants import settled
from tests.integration.walking import MINE, OTHER, SCHEMA, SECRET, payload, roots, shown, whole
from tests.integration.walls_cases import CASES, MAKING, STREAMS

MOST = 4
"""Cases of a field that are tried on one's own things."""
ROUNDS = 3
QUIET = 0.5
"""Seconds in which a stream that has something to say says it."""
BOUNDS = Bounds(tokens=100_000, fields=100_000, aliases=10_000, depth=100, cost=10**9, budget=10**9, refill=10**9)
"""The walk asks for all at once."""
TOLD_OF_MADE = {
    "StartWorkflowPayload": "{ created execution { workflowId tenant status } userErrors { code message path } }",
    "UpdateWithStartWorkflowPayload": "{ execution { workflowId tenant } userErrors { code message path } }",
    "SchedulePayload": "{ schedule { scheduleId tenant action { workflowId } } userErrors { code message path } }",
}
"""What is the same whenever it is made."""


PLACES = ("<cursor>", "<place>", "<alert_cursor>")
"""Places in an order that is everybody's: what is behind them is one's own."""


@dataclass(frozen=True)
class Town:
    host: Host
    mine: Names
    other: Names
    calls: Calls


class Calls:
    """How often Postgres and Temporal were asked."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.of_temporal = 0
        send = host.temporal._send

        async def counted(*given: Any) -> Any:
            self.of_temporal += 1
            return await send(*given)

        host.temporal._send = counted  # type: ignore[assignment,method-assign]

    def count(self) -> tuple[int, int]:
        return self._host.database.statements, self.of_temporal


@pytest.fixture
async def town(temporal: TemporalServer, database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    monkeypatch.setattr(starting, "UPDATE_SECONDS", 0.3)  # there is no worker
    async with hosted(temporal.address, database, settings=Settings(workflow_ids="tenant")) as made:
        host = replace(made, engine=Engine(made.gateway, admission=Admission(BOUNDS)))
        mine = await settled(host, MINE.tenant, "mine")
        other = await settled(host, OTHER.tenant, SECRET, family=mine)
        yield Town(host, mine, other, Calls(host))


def test_every_root_field_has_its_cases() -> None:
    assert set(CASES) == roots(), "a new root field needs a case: how may one tenant reach another's things by it?"


@pytest.mark.parametrize("root", CASES)
def test_every_case_is_one_that_the_schema_takes(root: str) -> None:
    for arguments in CASES[root]:
        assert not validate(SCHEMA, parse(asked(root, arguments, nobodys()))), arguments


def asked(root: str, arguments: str, names: Names) -> str:
    kind, field = root.split(".")
    given = f"({names.fill(arguments)})" if arguments else ""
    return f"{kind.lower()} {{ {field}{given} {told_of(root)} }}"


def told_of(root: str) -> str:
    """The selection of a root field."""
    return TOLD_OF_MADE[payload(root)] if root in MAKING else whole(root)


def is_compared(root: str, arguments: str) -> bool:
    """Whether the answer to a case is the same for names that nothing has. What is begun by a filter has a new id."""
    begins = root.startswith("Mutation") and "filter:" in arguments and "dryRun" not in arguments
    names = "<" in arguments and not any(each in arguments for each in PLACES)
    return names and not begins and "or: [" not in arguments


@pytest.mark.timeout(400)  # some thousand requests
@pytest.mark.parametrize("kind", ["Query", "Mutation"])
async def test_another_tenants_things_are_not_there(town: Town, kind: str) -> None:
    """In words, and in how often Postgres and Temporal are asked, which is what takes time."""
    told: list[tuple[Any, ...]] = []
    missing = nobodys()
    for root in (each for each in CASES if each.startswith(kind)):
        for arguments in CASES[root]:
            text, cost = await answered(town, root, arguments, town.other)
            assert not any(each in text for each in ("QUERY_TOO_COMPLEX", "COST_LIMIT", "INTERNAL")), (root, text)
            if SECRET in text.replace('"zebra"', "") and SECRET not in arguments:
                told.append((root, arguments, text[:1500]))
            if is_compared(root, arguments):
                control, least = await answered(town, root, arguments, missing)
                if town.other.blurred(text) != missing.blurred(control):
                    told.append((root, arguments, town.other.blurred(text)[:700], missing.blurred(control)[:700]))
                for _ in range(ROUNDS):
                    if cost != least:  # what is kept for some seconds is read again now and then
                        cost, least = [
                            (await answered(town, root, arguments, each))[1] for each in (town.other, missing)
                        ]
                if cost != least:
                    told.append((root, arguments, "statements and calls", cost, least))
    assert not told, "\n".join(map(str, told))
    await assert_unharmed(town)


async def answered(town: Town, root: str, arguments: str, names: Names) -> tuple[str, tuple[int, int]]:
    """The answer, and how many statements and calls of Temporal it cost."""
    statements, calls = town.calls.count()
    text = shown(await town.host.ask(asked(root, arguments, names), MINE))
    await town.host.gateway.consistency.rows.settled(ANYBODY.scope)  # written behind the answer
    now = town.calls.count()
    if root in MAKING:
        await unmade(town, names.fill(arguments))
    return text, (now[0] - statements, now[1] - calls)


async def unmade(town: Town, arguments: str) -> None:
    """Take away what a case has made, so that the next one makes it again."""
    for each in re.findall(r'workflowId: "([^"]*)"', arguments):
        ref = ExecutionRef("default", f"{MINE.tenant}/{MINE.environment}/{each}", "")
        with suppress(Refusal):
            await terminate(town.host.temporal, ref, "", (), identity="test")
    for each in re.findall(r'scheduleId: "[^"]*"', arguments):
        await town.host.ask(f"mutation {{ deleteSchedule(input: {{{each}}}) {{ deleted }} }}", MINE)


UNHARMED = """
query ($id: String!, $schedule: String!, $job: ID!) {
  workflow(workflowId: $id) { status runId events(first: 100) { nodes { eventType } } }
  schedule(scheduleId: $schedule) { paused notes recentRuns { runId } }
  batchOperation(jobId: $job) { state }
  apiKeys { revokedAt }
}
"""


async def assert_unharmed(town: Town) -> None:
    """Whatever was tried, nothing was done to what is the other's."""
    other = town.other
    names = {"id": other.workflow_id, "schedule": other.schedule_id, "job": other.job_id}
    found = await town.host.data(UNHARMED, OTHER, **names)
    assert found["workflow"]["runId"] == other.run_id
    assert found["workflow"]["status"] == "RUNNING"
    events = [each["eventType"] for each in found["workflow"]["events"]["nodes"]]
    assert events == ["WorkflowExecutionStarted", "WorkflowTaskScheduled"]
    assert found["schedule"] == {"paused": False, "notes": SECRET, "recentRuns": []}
    assert found["batchOperation"] == {"state": "RUNNING"}
    assert found["apiKeys"] == [{"revokedAt": None}]


async def test_ones_own_things_are_there(town: Town) -> None:
    """The cases reach what they name, where it is one's own."""
    own = 0
    for root, cases in CASES.items():
        if root.startswith("Query") and root != "Query.workflowUpdates":
            for arguments in cases[:MOST]:
                text = shown(await town.host.ask(asked(root, arguments, town.mine), MINE))
                assert SECRET not in text.replace(arguments, "").replace('"zebra"', ""), (root, arguments, text)
                own += '"mine"' in text
    assert own > 10


async def test_a_start_by_a_name_of_ones_own_starts(town: Town) -> None:
    """The least inputs are such as are taken: what is refused of another's name is refused for the name."""
    refused = []
    for root in sorted(MAKING - {"Mutation.updateWithStartWorkflow", "Mutation.startTenantProvisioning"}):
        text = shown(await town.host.ask(asked(root, CASES[root][0], nobodys()), MINE))
        if '"userErrors": []' not in text or '"tenant": "acme"' not in text:
            refused.append((root, text[:900]))
    assert not refused, "\n".join(map(str, refused))


@pytest.mark.parametrize("root", [each for each in CASES if each.startswith("Subscription")])
async def test_streams_tell_nothing_of_another_tenant(town: Town, root: str) -> None:
    for arguments in CASES[root]:
        operation = Operation(asked(root, arguments, town.other), {})
        answers: list[str] = []
        async with aclosing(town.host.engine.stream(operation, Caller(MINE, "request-1"))) as stream:
            first = asyncio.ensure_future(anext(stream, None))
            await asyncio.wait([first], timeout=QUIET if root in STREAMS else 5)
            if root in STREAMS:
                again = await settled(town.host, OTHER.tenant, SECRET)
                assert again.tenant == OTHER.tenant
                await _heard(stream, first, answers)
            else:
                assert first.done(), (root, arguments)
                answers.append(_text(first.result()))
                assert '"errors"' in answers[0] or answers == ["null"], (root, arguments, answers)
        assert SECRET not in "".join(answers).replace(arguments, ""), (root, arguments, answers)


async def _heard(stream: Any, first: asyncio.Future[Any], answers: list[str]) -> None:
    """What comes until it is quiet."""
    waiting = first
    while True:
        done, _ = await asyncio.wait([waiting], timeout=QUIET)
        if not done:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            return
        if waiting.result() is None:
            return
        answers.append(_text(waiting.result()))
        waiting = asyncio.ensure_future(anext(stream, None))


def _text(answer: Any) -> str:
    return "null" if answer is None else shown(orjson.loads(answer.body))
