"""Subscriptions through the engine: cursors that fit, cursors that do not, and logs that are gone."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import orjson
import pytest

from app.access import Identity
from app.api.engine import Engine, Operation
from app.api.types.update import sealed
from app.gateway import Caller
from app.limits import Subscriptions
from app.metrics import REGISTRY
from app.model import Cursor
from app.temporal import starts
from tests.integration.gateways import ANYBODY, Host, member
from tests.waiting import eventually

EVENTS = """
subscription ($id: String!, $after: Cursor) {
  workflowEvents(workflowId: $id, after: $after) { cursor runId event { eventId } gap { reason resumedAt } }
}
"""
PROGRESS = """
subscription ($id: String!, $after: Cursor, $rate: Float) {
  workflowProgress(workflowId: $id, after: $after, maxRate: $rate) { cursor status gap { reason } }
}
"""


async def begin(host: Host, tenant: str = "acme") -> Cursor:
    """A run with two events, and the place behind them."""
    start = starts.Start(
        namespace="default",
        workflow_id=f"watch-{uuid.uuid4().hex[:10]}",
        workflow_type="Nothing",
        task_queue="nobody",
        memo={"tenant": tenant, "environment": "default"},
    )
    ref = (await starts.start(host.temporal, start)).ref
    return Cursor(ref.namespace, ref.workflow_id, ref.run_id, 2)


async def take(host: Host, query: str, count: int, /, identity: Identity = ANYBODY, **variables: Any) -> list[Any]:
    """The first answers of a subscription."""
    caller = Caller(identity, "request-1")
    answers: list[Any] = []
    async with aclosing(host.engine.stream(Operation(query, variables), caller)) as stream:
        async for answer in stream:
            answers.append(orjson.loads(answer.body))
            if len(answers) == count:
                break
    return answers


async def refused(host: Host, query: str, /, identity: Identity = ANYBODY, **variables: Any) -> tuple[str, str]:
    """The code and the sentence of the only answer."""
    [answer] = await take(host, query, 2, identity, **variables)
    return answer["errors"][0]["extensions"]["code"], answer["errors"][0]["message"]


async def test_a_cursor_whose_run_is_gone_says_so_and_begins_anew(host: Host) -> None:
    place = await begin(host)
    gone = sealed(Cursor(place.namespace, place.workflow_id, str(uuid.uuid4()), 40))
    first, second = [
        each["data"]["workflowEvents"] for each in await take(host, EVENTS, 2, id=place.workflow_id, after=gone)
    ]
    assert first["event"] is None
    assert "no longer known" in first["gap"]["reason"]
    assert (second["gap"], second["event"]["eventId"], second["runId"]) == (None, 1, place.run_id)
    [again] = await take(host, EVENTS, 1, id=place.workflow_id, after=first["gap"]["resumedAt"])
    assert again["data"]["workflowEvents"] == second
    [snapshot] = await take(host, PROGRESS, 1, id=place.workflow_id, after=gone)
    assert snapshot["data"]["workflowProgress"]["gap"] is not None
    assert snapshot["data"]["workflowProgress"]["status"] == "RUNNING"


async def test_a_cursor_of_another_workflow_is_refused(host: Host) -> None:
    place, other = await begin(host), await begin(host)
    code, said = await refused(host, EVENTS, id=place.workflow_id, after=sealed(other))
    assert code == "BAD_USER_INPUT"
    assert place.workflow_id in said
    assert other.workflow_id not in said, "it may be another's"


@pytest.mark.parametrize("cursor", ["", "nonsense", "A" * 9000])
async def test_a_damaged_cursor_is_refused(host: Host, cursor: str) -> None:
    place = await begin(host)
    assert (await refused(host, EVENTS, id=place.workflow_id, after=cursor))[0] == "BAD_USER_INPUT"


@pytest.mark.parametrize("rate", [0, -1, 1e9])
async def test_a_rate_that_cannot_be_is_refused(host: Host, rate: float) -> None:
    place = await begin(host)
    code, said = await refused(host, PROGRESS, id=place.workflow_id, rate=rate)
    assert code == "BAD_USER_INPUT"
    assert "maxRate" in said


async def test_another_tenants_run_cannot_be_watched_even_with_its_cursor(host: Host) -> None:
    place = await begin(host, "acme")
    stranger = member("other")
    hidden = await refused(host, EVENTS, stranger, id=place.workflow_id, after=sealed(place))
    unknown = await refused(host, EVENTS, stranger, id="never-was")
    assert hidden == (unknown[0], unknown[1].replace("never-was", place.workflow_id))
    assert hidden[0] == "NOT_FOUND"
    [mine] = await take(host, EVENTS, 1, member("acme"), id=place.workflow_id)
    assert mine["data"]["workflowEvents"]["event"]["eventId"] == 1


def measure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"tideline_{name}", labels) or 0.0


async def test_what_is_resumed_what_is_lost_and_what_is_shared_is_counted(host: Host) -> None:
    place = await begin(host)
    stream = {"stream": "workflowEvents"}
    replays, gaps = measure("replays_total", **stream), measure("gaps_total", **stream)
    await take(host, EVENTS, 1, id=place.workflow_id)
    assert measure("replays_total", **stream) == replays, "it began with the beginning"
    [last] = await take(host, EVENTS, 1, id=place.workflow_id, after=sealed(replace(place, event_id=1)))
    assert last["data"]["workflowEvents"]["event"]["eventId"] == 2
    assert (measure("replays_total", **stream), measure("gaps_total", **stream)) == (replays + 1, gaps)
    await take(host, EVENTS, 1, id=place.workflow_id, after=sealed(replace(place, run_id=str(uuid.uuid4()))))
    assert measure("gaps_total", **stream) == gaps + 1
    caller, operation = Caller(ANYBODY, "request-1"), Operation(EVENTS, {"id": place.workflow_id})
    async with (
        aclosing(host.engine.stream(operation, caller)) as one,
        aclosing(host.engine.stream(operation, caller)) as other,
    ):
        assert (await anext(one)).body == (await anext(other)).body
        assert measure("shared_executions") == 1
    assert measure("shared_executions") == 0


async def test_an_identity_has_so_many_subscriptions_and_each_that_ends_makes_room(host: Host) -> None:
    place = await begin(host)
    limited = replace(host, engine=Engine(replace(host.gateway, subscriptions=Subscriptions(10, 1))))
    ann = replace(member("acme"), subject="ann")
    operation = Operation(EVENTS, {"id": place.workflow_id})
    for _ in range(3):
        async with aclosing(limited.engine.stream(operation, Caller(ann, "request-1"))) as held:
            await anext(held)
            code, said = await refused(limited, EVENTS, ann, id=place.workflow_id)
            assert code == "RATE_LIMITED"
            assert "ann already has 1 subscriptions" in said
            bob = replace(ann, subject="bob")
            [answer] = await take(limited, EVENTS, 1, bob, id=place.workflow_id)
            assert answer["data"]["workflowEvents"]["event"]["eventId"] == 1
    assert (await refused(limited, EVENTS, ann, id="never-was"))[0] == "NOT_FOUND"
    following = asyncio.create_task(take(limited, EVENTS, 9, ann, id=place.workflow_id))

    async def is_open() -> int:
        return limited.engine._gateway.subscriptions.open

    await eventually(is_open)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert await is_open() == 0
