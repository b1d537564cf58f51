"""What one tenant can learn of another: nothing, whichever way it asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from graphql import parse, validate

from app.api.engine import Operation
from app.gateway import Caller
from tests.conftest import TemporalServer
from tests.integration.gateways import Host, hosted
from tests.integration.walking import MINE, OTHER, SCHEMA, SECRET, Names, nobodys, roots, settled, shown, whole
from tests.integration.walls_cases import CASES, STREAMS

MOST = 4
"""Cases of a field that are tried on one's own things."""
QUIET = 0.5
"""Seconds in which a stream that has something to say says it."""


@dataclass(frozen=True)
class Town:
    host: Host
    mine: Names
    other: Names


@pytest.fixture
async def town(temporal: TemporalServer, database: str) -> AsyncIterator[Town]:
    async with hosted(temporal.address, database) as host:
        mine = await settled(host, MINE.tenant, "mine")
        yield Town(host, mine, await settled(host, OTHER.tenant, SECRET, family=mine))


def test_every_root_field_has_its_cases() -> None:
    assert set(CASES) == roots(), "a new root field needs a case: how may one tenant reach another's things by it?"


@pytest.mark.parametrize("root", CASES)
def test_every_case_is_one_that_the_schema_takes(root: str) -> None:
    for arguments in CASES[root]:
        assert not validate(SCHEMA, parse(asked(root, arguments, nobodys()))), arguments


def asked(root: str, arguments: str, names: Names) -> str:
    kind, field = root.split(".")
    given = f"({names.fill(arguments)})" if arguments else ""
    return f"{kind.lower()} {{ {field}{given} {whole(root)} }}"


@pytest.mark.parametrize("kind", ["Query", "Mutation"])
async def test_another_tenants_things_are_not_there(town: Town, kind: str) -> None:
    told: list[tuple[str, ...]] = []
    for root in (each for each in CASES if each.startswith(kind)):
        for arguments in CASES[root]:
            text = shown(await town.host.ask(asked(root, arguments, town.other), MINE))
            if (SECRET in text.replace('"zebra"', "") and SECRET not in arguments) or "GRAPHQL" in text:
                told.append((root, arguments, text[:1500]))
            if "<" in arguments and "<cursor>" not in arguments and "or:" not in arguments:
                # Whoever made up a name gets the same words.
                missing = nobodys()
                control = shown(await town.host.ask(asked(root, arguments, missing), MINE))
                if town.other.blurred(text) != missing.blurred(control):
                    told.append((root, arguments, town.other.blurred(text)[:700], missing.blurred(control)[:700]))
    assert not told, "\n".join(map(str, told))


async def test_ones_own_things_are_there(town: Town) -> None:
    """The cases reach what they name, where it is one's own."""
    own = 0
    for root, cases in CASES.items():
        if root.startswith("Query") and root not in {"Query.batchOperation", "Query.workflowUpdates"}:
            for arguments in cases[:MOST]:
                answer = await town.host.ask(asked(root, arguments, town.mine), MINE)
                text = shown(answer)
                assert SECRET not in text.replace(arguments, "").replace('"zebra"', ""), (root, arguments, text)
                own += '"mine"' in text
    assert own > 10


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
