"""Alerts as they are raised, updated and resolved, to those who may see them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.alerting import AlertKind, Finding, Rule
from app.settings import Settings
from app.store.alerts import Alerts
from tests.integration.gateways import Host, hosted, member
from tests.integration.live import Ear, listening, writer_of
from tests.waiting import eventually

FEED = """subscription ($filter: AlertFilter, $after: Cursor) { alerts(filter: $filter, after: $after) {
  cursor kind alert { rule name message value resolvedAt } gap { reason } } }"""
RULE = Rule("late", AlertKind.RUN_OVERDUE, 1.5)
OTHER = Rule("idle", AlertKind.NO_WORKERS, 0)


@pytest.fixture
async def host(database: str) -> AsyncIterator[Host]:
    async with hosted("127.0.0.1:1", database, settings=Settings(fallback_interval=3600)) as host:
        yield host


def finding(name: str, value: float, tenant: str | None = "acme") -> Finding:
    environment = None if tenant is None else "default"
    return Finding(name, name, f"{name} at {value}", value, "default", tenant, environment)


async def settle(host: Host, rule: Rule, *findings: Finding) -> None:
    assert await Alerts(host.database).settle(rule, findings)
    await writer_of(host).tell()


async def told(ear: Ear) -> tuple[str, str, float]:
    update = await ear.next()
    assert (update["alert"]["resolvedAt"] is not None) is (update["kind"] == "RESOLVED")
    return update["kind"], update["alert"]["name"], update["alert"]["value"]


async def test_raised_updated_and_resolved_within_a_tenant(host: Host) -> None:
    async with (
        listening(host, FEED) as everybody,
        listening(host, FEED, member("acme")) as acme,
        listening(host, FEED, member("beta")) as beta,
        listening(host, FEED, member("beta"), filter={"tenant": "acme"}) as prying,
    ):

        async def following() -> bool:
            return host.gateway.feeds._feed._followers == 4 and host.gateway.feeds._feed.head.xid > 0

        await eventually(following)
        await settle(host, RULE, finding("a", 2))
        assert [await told(ear) for ear in (everybody, acme)] == [("RAISED", "a", 2)] * 2
        await settle(host, RULE, finding("a", 4), finding("b", 3, "beta"))
        assert [await told(acme), await told(beta)] == [("UPDATED", "a", 4), ("RAISED", "b", 3)]
        assert sorted([await told(everybody) for _ in "ab"]) == [("RAISED", "b", 3), ("UPDATED", "a", 4)]
        await settle(host, OTHER, finding("queue", 1, None))
        assert await told(everybody) == ("RAISED", "queue", 1)
        await settle(host, RULE, finding("b", 3, "beta"))
        assert [await told(ear) for ear in (everybody, acme)] == [("RESOLVED", "a", 4)] * 2
        assert await Alerts(host.database).resolve_others([]) == 2
        await writer_of(host).tell()
        assert await told(beta) == ("RESOLVED", "b", 3)
        assert {(await told(everybody))[1] for _ in "ab"} == {"b", "queue"}
        assert prying.heard.empty()
        assert acme.heard.empty()


async def test_it_resumes_behind_its_cursor_by_the_filter(host: Host) -> None:
    await settle(host, RULE, finding("a", 2))
    async with listening(host, FEED) as ear:

        async def following() -> bool:
            return host.gateway.feeds._feed.head.xid > 0

        await eventually(following)
        await settle(host, RULE, finding("a", 3))
        cursor = (await ear.next())["cursor"]
    await settle(host, OTHER, finding("queue", 1, None))
    await settle(host, RULE, finding("a", 4))
    async with listening(host, FEED, after=cursor, filter={"rule": "late"}) as ear:
        assert await told(ear) == ("UPDATED", "a", 4)
    async with listening(host, FEED, after=cursor) as ear:
        assert [(await told(ear))[1] for _ in range(2)] == ["queue", "a"]
