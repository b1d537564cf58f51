"""Alerts by their global ids."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest

from app.alerting import AlertKind, Finding, Rule
from app.store.alerts import Alerts
from tests.integration.gateways import Host, hosted, member

NODE = "query ($id: ID!) { node(id: $id) { __typename id ... on Alert { name tenant } } }"


@pytest.fixture
async def host(database: str) -> AsyncIterator[Host]:
    async with hosted("127.0.0.1:1", database) as host:
        yield host


async def test_an_alert_is_found_by_its_id(host: Host) -> None:
    rule = Rule("slow", AlertKind.RUN_OVERDUE, 1.5)
    await Alerts(host.database).settle(
        rule, [Finding(each, each, "late", 2.0, tenant=each, environment="default") for each in ("acme", "beta")]
    )
    listed = (await host.data("{ alerts { nodes { id name } } }"))["alerts"]["nodes"]
    for each in listed:
        found = (await host.data(NODE, id=each["id"]))["node"]
        assert found == {"__typename": "Alert", "id": each["id"], "name": each["name"], "tenant": each["name"]}
        seen = (await host.data(NODE, member("acme"), id=each["id"]))["node"]
        assert (seen is not None) is (each["name"] == "acme")


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999", "9" * 40])
async def test_no_alert_has_another_number(host: Host, number: str) -> None:
    id_ = base64.urlsafe_b64encode(f'Alert:["{number}"]'.encode()).decode()
    assert (await host.data(NODE, id=id_))["node"] is None


@pytest.mark.parametrize("text", ['Alert:["1", "2"]', "Alert:[1]", 'WorkflowExecution:["1"]', 'Thing:["1"]'])
async def test_what_is_no_id_is_refused(host: Host, text: str) -> None:
    answer = await host.ask(NODE, id=base64.urlsafe_b64encode(text.encode()).decode())
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
