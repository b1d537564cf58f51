"""The audit: every mutation is there, with what came of it, and nothing can be taken out."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import pytest

from app.access import Action, Identity, Role
from app.gateway import Caller
from app.gateway.acting.intent import Attempt, Done, Intent, Plan
from app.gateway.acting.once import Once
from app.gateway.acting.recording import Recording
from app.store.audit import Audit, AuditEntry, AuditFilter
from app.store.database import Database
from app.store.idempotency import Idempotency
from tests.integration.gateways import ANYBODY, Host, member
from tests.waiting import eventually

START = """
mutation ($input: StartWorkflowInput!) {
  startWorkflow(input: $input) { execution { workflowId runId } userErrors { code } }
}
"""
CANCEL = 'mutation { cancelWorkflow(input: {workflowId: "never-was", reason: "why not"}) { userErrors { code } } }'
AUDIT = """
query ($filter: AuditFilter, $first: Int, $after: Cursor) {
  audit(filter: $filter, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes {
      identity address action outcome workflowId runId tenant environment requestId idempotencyKey detail
      at concludedAt
    }
  }
}
"""


async def acts(host: Host, identity: Identity = ANYBODY, **variables: Any) -> Any:
    return (await host.data(AUDIT, identity, **variables))["audit"]


async def test_every_mutation_is_one_act_with_its_outcome(host: Host) -> None:
    input_ = {"workflowType": "Nothing", "taskQueue": "nobody", "idempotencyKey": uuid.uuid4().hex}
    run = (await host.data(START, member("acme"), input=input_))["startWorkflow"]["execution"]
    await host.data(START, member("acme"), input=input_)
    await host.data(START, member("acme"), input={**input_, "input": [1]})
    await host.data(START, member("acme"), input={"workflowType": ""})
    await host.data(START, member("acme", Role.VIEWER), input=input_)
    await host.data(CANCEL, member("acme"))
    found = (await acts(host))["nodes"]
    assert [(each["action"], each["outcome"]) for each in found] == [
        ("cancelWorkflow", "NOT_FOUND"),
        ("startWorkflow", "NOT_ALLOWED"),
        ("startWorkflow", "INVALID_INPUT"),
        ("startWorkflow", "IDEMPOTENCY_MISMATCH"),
        ("startWorkflow", "REPEATED"),
        ("startWorkflow", "OK"),
    ]
    assert all(each["concludedAt"] >= each["at"] for each in found)
    assert found[0]["detail"] == {"reason": "why not"}
    first = found[-1]
    assert (first["workflowId"], first["runId"]) == (run["workflowId"], run["runId"])
    assert (first["tenant"], first["environment"], first["identity"]) == ("acme", "default", "member of acme")
    assert (first["address"], first["requestId"]) == ("127.0.0.1", "request-1")
    assert first["idempotencyKey"] == input_["idempotencyKey"]


async def test_the_audit_is_filtered_and_paged(host: Host) -> None:
    for _ in range(3):
        await host.data(CANCEL)
    await host.data(START, input={"workflowType": "Nothing", "taskQueue": "nobody"})
    page = await acts(host, filter={"action": "cancelWorkflow"}, first=2)
    assert (page["totalCount"], len(page["nodes"]), page["pageInfo"]["hasNextPage"]) == (3, 2, True)
    rest = await acts(host, filter={"action": "cancelWorkflow"}, first=2, after=page["pageInfo"]["endCursor"])
    assert (len(rest["nodes"]), rest["pageInfo"]["hasNextPage"]) == (1, False)
    assert (await acts(host, filter={"outcome": "OK"}))["totalCount"] == 1
    assert (await acts(host, filter={"workflowId": "never-was", "requestId": "request-1"}))["totalCount"] == 3
    for nothing in ({"identity": "eve"}, {"since": "2100-01-01T00:00:00Z"}, {"until": "2000-01-01T00:00:00Z"}):
        assert (await acts(host, filter=nothing))["nodes"] == []


async def test_an_admin_sees_its_own_tenant(host: Host) -> None:
    for tenant in ("acme", "other"):
        await host.data(CANCEL, member(tenant))
    assert [each["tenant"] for each in (await acts(host, member("acme")))["nodes"]] == ["acme"]
    assert (await acts(host, member("acme"), filter={"tenant": "other"}))["nodes"] == []
    assert (await acts(host))["totalCount"] == 2
    for role in (Role.VIEWER, Role.OPERATOR, Role.STARTER):
        [error] = (await host.ask(AUDIT, member("acme", role)))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("statement", ["update audit set identity = 'eve'", "delete from audit", "truncate audit"])
async def test_nothing_can_be_taken_out(host: Host, database: str, statement: str) -> None:
    await host.data(CANCEL)
    with pytest.raises(
        (asyncpg.RaiseError, asyncpg.InsufficientPrivilegeError), match=r"append-only|permission denied"
    ):
        await host.database.execute(statement)
    owner = await asyncpg.connect(database)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await owner.execute(statement)
    await owner.close()


async def test_an_act_without_outcome_is_visible(host: Host) -> None:
    await Audit(host.database).record(AuditEntry("tom", "startWorkflow", "REQUESTED"))
    [act] = (await acts(host))["nodes"]
    assert (act["outcome"], act["concludedAt"]) == ("REQUESTED", None)


async def test_an_outcome_that_the_database_does_not_take_follows(database: str) -> None:
    db = Database(database)
    await db.connect()
    recording = Recording(Audit(db), "default")

    async def put(_: object) -> None: ...

    async def prepare(_: str) -> Plan:
        return {"workflowId": "w"}

    async def act(_: Attempt) -> Done:
        await db.close()
        return Done({"workflowId": "w", "n": 1})

    intent = Intent(Action.SIGNAL, "signalWorkflow", {}, prepare, act, key="k")
    told = await Once(Idempotency(db), recording, put).perform(Caller(ANYBODY, "r"), intent)
    assert (told.kept["n"], told.created) == (1, True)
    await db.connect()

    async def outcomes() -> list[str]:
        return [each.entry.outcome for each in (await Audit(db).page(AuditFilter(), 10)).items]

    await eventually(outcomes, lambda found: found == ["OK"])
    assert await db.fetchval("select outcome ->> 'n' from idempotency") == "1"
    again = await Once(Idempotency(db), recording, put).perform(Caller(ANYBODY, "r"), intent)
    assert (again.kept["n"], again.created) == (1, False)
    await recording.close()
    await db.close()


async def test_an_outcome_is_written_once(host: Host) -> None:
    audit, entry = Audit(host.database), AuditEntry("tom", "startWorkflow", "REQUESTED")
    position = await audit.record(entry)
    assert await audit.record(entry, position) is not None
    assert await audit.record(entry, position) is None
