"""A policy over a real gateway: what it withholds comes out nowhere, and a change of it cuts streams."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.worker import Worker

from app.access import Role
from tests.conftest import TemporalServer
from tests.integration.families import Fails, Payroll, secretive
from tests.integration.guarded import Guarded, closed_by, code_of, guarded, subscribed

HIDE = """
[[rule]]
roles = ["VIEWER"]
{verb} = ["input", "result", "failure", "heartbeat", "query", "metadata.iban", "memo.note", "searchAttributes"]
"""
EVERYTHING = """
query ($id: String!, $asks: Boolean!) {
  workflow(workflowId: $id) {
    metadata memo searchAttributes input result withheld { field masked }
    failure { kind type message stackTrace details cause { message } }
    query(name: "state") @include(if: $asks)
    blockers { message }
    activities { nodes { input result failure { message details } heartbeat { details } } }
    timeline { nodes { input result detail failure { message } } }
    events { nodes { eventType summary attributes } }
  }
}
"""
SECRETS = ("iban-secret", "input-secret", "result-secret", "failure-secret", "details-secret", "memo-secret",
           "heartbeat-secret", "query-secret", "activity-input-secret", "activity-result-secret")  # fmt: skip


@dataclass(frozen=True)
class Runs:
    gateway: Guarded
    policy: Path
    payroll: str
    fails: str


@pytest.fixture
async def runs(
    temporal: TemporalServer, database: str, monkeypatch: pytest.MonkeyPatch, task_queue: str, tmp_path: Path
) -> AsyncIterator[Runs]:
    policy = tmp_path / "policy.toml"
    policy.write_text("")
    memo = {"tenant": "acme", "environment": "prod", "metadata": {"iban": "iban-secret", "team": "red"}}
    names = [f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("payroll", "fails")]
    worker = Worker(temporal.client, task_queue=task_queue, workflows=[Payroll, Fails], activities=[secretive])
    async with worker, guarded(temporal.address, database, monkeypatch, policy=policy) as gateway:
        start = temporal.client.execute_workflow
        await start(Payroll.run, {"given": "input-secret"}, id=names[0], task_queue=task_queue, memo=memo)
        with pytest.raises(WorkflowFailureError):
            await start(Fails.run, id=names[1], task_queue=task_queue, memo=memo)
        yield Runs(gateway, policy, *names)


async def ruled(runs: Runs, text: str) -> None:
    runs.policy.write_text(text)
    from app.web.door import read_policy  # noqa: PLC0415

    runs.gateway.parts[0].gatekeeper.obey(read_policy(runs.policy))


async def read(runs: Runs, key: str) -> tuple[Any, Any]:
    asked = ((runs.payroll, True), (runs.fails, False))
    found = [await runs.gateway.data(key, EVERYTHING, id=name, asks=asks) for name, asks in asked]
    return found[0]["workflow"], found[1]["workflow"]


async def test_without_a_policy_all_is_there(runs: Runs) -> None:
    text = json.dumps(await read(runs, await runs.gateway.key(Role.VIEWER)))
    for secret in SECRETS:
        if secret != "heartbeat-secret":  # gone with the activity
            assert secret in text, secret


@pytest.mark.parametrize("verb", ["hide", "mask"])
async def test_what_is_withheld_comes_out_nowhere(runs: Runs, verb: str) -> None:
    viewer, operator = await runs.gateway.key(Role.VIEWER), await runs.gateway.key(Role.OPERATOR)
    await ruled(runs, HIDE.format(verb=verb))
    paid, failed = await read(runs, viewer)
    text = json.dumps([paid, failed])
    assert not [secret for secret in SECRETS if secret in text]
    mask = "***" if verb == "mask" else None
    assert (paid["result"], paid["query"], failed["failure"]["stackTrace"]) == (mask, mask, mask if mask else None)
    assert paid["input"] == ([mask] if mask else None)
    assert failed["failure"]["message"] == "***"
    assert failed["failure"]["type"] == "Broke"
    assert paid["metadata"] == ({"iban": "***", "team": "red"} if mask else {"team": "red"})
    assert {"field": "metadata.iban", "masked": verb == "mask"} in paid["withheld"]
    shown = json.dumps(await read(runs, operator))
    assert "result-secret" in shown, "another role sees all"


async def test_nobody_filters_by_what_they_do_not_see(runs: Runs) -> None:
    viewer = await runs.gateway.key(Role.VIEWER)
    await ruled(runs, HIDE.format(verb="mask"))
    listed = "query ($filter: WorkflowFilter!) { workflows(filter: $filter) { totalCount } }"
    for refused in (
        {"metadata": {"iban": "iban-secret"}},
        {"metadataAt": {"path": ["iban"], "exists": True}},
        {"memoAt": {"path": ["metadata", "iban"], "equals": "iban-secret"}},
        {"memoAt": {"path": ["note"], "contains": "memo-secret"}},
        {"searchAttribute": {"name": "TenantId", "equals": "acme"}},
        {"hasFailure": {"messageContains": "secret"}},
        {"search": "secret"},
        {"or": [{"not": {"metadata": {"iban": "x"}}}]},
    ):
        assert code_of(await runs.gateway.ask(viewer, listed, filter=refused)) == "FORBIDDEN", refused
        stats = "query ($filter: WorkflowFilter) { workflowStats(filter: $filter) { __typename } }"
        assert code_of(await runs.gateway.ask(viewer, stats, filter=refused)) == "FORBIDDEN", refused
    assert "errors" not in await runs.gateway.ask(viewer, listed, filter={"metadata": {"team": "red"}})


async def test_a_type_that_may_not_be_read_is_not_there(runs: Runs) -> None:
    viewer, admin = await runs.gateway.key(Role.VIEWER), await runs.gateway.key(Role.ADMIN)
    for each in ("hidden", "shown"):
        await runs.gateway.data(
            admin,
            "mutation ($type: String!) { startWorkflow(input: {workflowType: $type, taskQueue: \"nobody\"})"
            " { userErrors { code } } }",
            type=each,
        )  # fmt: skip
    await ruled(runs, '[[rule]]\nroles = ["VIEWER"]\nworkflow_types = ["hidden", "Payroll"]\ndeny = ["READ"]')
    listed = "{ workflows { totalCount nodes { workflowType } } }"
    found = (await runs.gateway.data(viewer, listed))["workflows"]
    assert found == {"totalCount": 1, "nodes": [{"workflowType": "shown"}]}
    assert (await runs.gateway.data(admin, listed))["workflows"]["totalCount"] == 2
    one = "query ($id: String!) { workflow(workflowId: $id) { status } }"
    assert (await runs.gateway.data(viewer, one, id=runs.payroll))["workflow"] is None
    assert (await runs.gateway.data(viewer, one, id=runs.fails))["workflow"] is not None
    stats = await runs.gateway.data(viewer, "{ workflowStats(groupBy: [TYPE]) { workflowType } }")
    assert stats["workflowStats"] == [{"workflowType": "shown"}]


async def test_signals_and_starts_are_narrowed_by_name_and_type(runs: Runs) -> None:
    operator, starter = await runs.gateway.key(Role.OPERATOR), await runs.gateway.key(Role.STARTER)
    await ruled(runs, '[[rule]]\nsignals = ["approve"]\n[[rule]]\nworkflow_types = ["Payroll"]\ndeny = ["START"]')
    start = (
        "mutation ($type: String!) { startWorkflow(input: {workflowType: $type, taskQueue: \"nobody\"})"
        " { execution { workflowId } userErrors { code message } } }"
    )  # fmt: skip
    refused = (await runs.gateway.data(starter, start, type="Payroll"))["startWorkflow"]["userErrors"]
    assert [each["code"] for each in refused] == ["NOT_ALLOWED"]
    made = (await runs.gateway.data(starter, start, type="Other"))["startWorkflow"]["execution"]["workflowId"]
    signal = (
        "mutation ($id: String!, $name: String!) { signalWorkflow(input: {workflowId: $id, signalName: $name})"
        " { userErrors { code } } }"
    )
    for name, codes in (("approve", []), ("stop", ["NOT_ALLOWED"])):
        done = (await runs.gateway.data(operator, signal, id=made, name=name))["signalWorkflow"]["userErrors"]
        assert [each["code"] for each in done] == codes


async def test_a_policy_that_changes_cuts_those_whom_it_is_about(runs: Runs) -> None:
    viewer, operator = await runs.gateway.key(Role.VIEWER), await runs.gateway.key(Role.OPERATOR)
    start = (
        'mutation { startWorkflow(input: {workflowType: "Nothing", taskQueue: "nobody"}) { execution { workflowId } } }'
    )
    made = await runs.gateway.data(await runs.gateway.key(Role.ADMIN), start)
    watched = (
        f'subscription {{ workflow(workflowId: "{made["startWorkflow"]["execution"]["workflowId"]}") {{ result }} }}'
    )
    async with runs.gateway.session(viewer) as cut, runs.gateway.session(operator) as kept:
        await subscribed(cut, watched)
        await subscribed(kept, watched)
        runs.policy.write_text("[[rule] nonsense")
        runs.policy.write_text(HIDE.format(verb="hide"))
        code, reason = await closed_by(cut, 5)
        assert code == 4403
        assert reason is not None
        assert "policy has changed" in reason
        pong = await kept.ping()
        await pong
        assert kept.close_code is None
