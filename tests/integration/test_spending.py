"""Budgets at a real gateway's engine: who has spent too much waits, and nobody else; and budgets that Redis keeps."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from app.api.admission import Admission
from app.api.engine import Engine, Operation
from app.bounds import Bounds
from app.budgets import Balance, SharedBudgets
from app.gateway import Caller
from tests.conftest import TemporalServer, free_port
from tests.integration.gateways import hosted, member
from tests.waiting import eventually

LIST = "{ workflows(first: 45) { nodes { id } } }"
"""Costs 50 at most."""
WATCH = 'subscription { workflowEvents(workflowId: "none") { cursor } }'


@asynccontextmanager
async def limited(temporal: TemporalServer, database: str, bounds: Bounds, *more: Any) -> AsyncIterator[Engine]:
    async with hosted(temporal.address, database) as host:
        yield Engine(host.gateway, admission=Admission(bounds, *more))


async def asked(engine: Engine, query: str, tenant: str = "acme", **extensions: Any) -> Any:
    answer = await engine.execute(Operation(query, extensions=extensions), Caller(member(tenant), "r"))
    return orjson.loads(answer.body), answer.retry_after


async def test_who_has_spent_the_budget_waits_and_nobody_else(temporal: TemporalServer, database: str) -> None:
    async with limited(temporal, database, Bounds(cost=60, budget=60, refill=1)) as engine:
        answer, _ = await asked(engine, LIST, cost=True)
        cost = answer["extensions"]["cost"]
        assert (cost["requested"], cost["actual"], cost["limit"]) == (50, 5, 60)
        assert 55 <= cost["remaining"] < 60, "what was not needed is given back"
        again = None
        while again is None:
            answer, again = await asked(engine, LIST)
        assert 0 < again <= 50
        assert answer["extensions"]["cost"]["resetAt"] == answer["errors"][0]["extensions"]["cost"]["resetAt"]
        other, _ = await asked(engine, LIST, "other")
        assert "errors" not in other


async def test_a_subscription_is_charged_at_its_beginning(temporal: TemporalServer, database: str) -> None:
    async with limited(temporal, database, Bounds(cost=12, budget=12, refill=1)) as engine:
        codes = []
        for _ in range(2):
            [answer] = [each async for each in engine.stream(Operation(WATCH), Caller(member("acme"), "r"))]
            codes.append(orjson.loads(answer.body)["errors"][0]["extensions"]["code"])
        assert codes == ["NOT_FOUND", "COST_LIMIT_EXCEEDED"]


async def test_operations_at_once_are_limited(temporal: TemporalServer, database: str) -> None:
    async with limited(temporal, database, Bounds(concurrency=2)) as engine:
        answers = await asyncio.gather(*(asked(engine, LIST) for _ in range(5)), asked(engine, LIST, "other"))
        refused = [again for answer, again in answers if "errors" in answer]
        assert refused == [1.0] * 3
        assert "errors" not in (await asked(engine, LIST))[0]


async def test_processes_share_a_budget_through_redis(redis_url: str, temporal: TemporalServer, database: str) -> None:
    first, second = (SharedBudgets(redis_url, 1, 100) for _ in range(2))
    subject = uuid.uuid4().hex

    async def answers() -> bool:
        await first.take("somebody", 1)
        return not first._is_away

    await eventually(answers)
    assert (await first.take(subject, 70)).wait == 0
    taken = await second.take(subject, 70)
    assert 35 < taken.wait <= 40
    assert 30 <= taken.remaining < 35
    given = await second.take(subject, -1000)
    assert given == Balance(100, 0, 0)
    async with limited(temporal, database, Bounds(cost=60, budget=100), first) as engine:
        answer, _ = await asked(engine, LIST, cost=True)
        assert answer["extensions"]["cost"]["remaining"] >= 95
        await first.take("member of acme", 95)
        answer, again = await asked(engine, LIST)
        assert answer["errors"][0]["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
        assert again is not None
        streamed = [each async for each in engine.stream(Operation(WATCH), Caller(member("acme"), "r"))]
        assert b"COST_LIMIT_EXCEEDED" in streamed[0].body
    await first.close()
    await second.close()


async def test_an_outage_of_redis_stops_nobody() -> None:
    spending = SharedBudgets(f"redis://127.0.0.1:{free_port()}", 1, 100)
    assert (await spending.take("ada", 70)).remaining == pytest.approx(30, abs=1)
    assert (await spending.take("ada", 70)).wait > 0, "each process counts for itself meanwhile"
    await spending.close()
