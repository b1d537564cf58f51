"""Watch tokens: what they open, and that they open nothing else."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from graphql import GraphQLObjectType
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from app.access import Role
from app.api.guard import WATCHABLE
from app.api.schema import schema
from app.model import Execution, ExecutionRef
from app.store import Executions
from app.temporal import reads
from app.temporal.connection import Temporal
from tests.conftest import TemporalServer
from tests.integration.families import Child, Parent
from tests.integration.guarded import Guarded, closed_by, code_of, guarded, subscribed
from tests.integration.indexing import world_of_its_own
from tests.waiting import eventually

MINT = """
mutation ($input: CreateWatchTokenInput!) {
  createWatchToken(input: $input) { watchToken { token expiresAt } userErrors { code path message } }
}
"""
READ = """
query ($id: String!, $run: ID) {
  workflow(workflowId: $id, runId: $run) {
    id workflowId runId status availableActions children { nodes { workflowId } }
  }
}
"""
START = """
mutation ($type: String!, $seconds: Float) {
  startWorkflow(input: {workflowType: $type, taskQueue: "nobody"}) {
    execution { workflowId } watchToken(expiresInSeconds: $seconds) { token } userErrors { message }
  }
}
"""
SIGNAL = """
mutation ($id: String!, $name: String!) {
  signalWorkflow(input: {workflowId: $id, signalName: $name}) { execution { status } userErrors { code message } }
}
"""
Handle = WorkflowHandle[Parent, str]


@pytest.fixture
async def gateway(temporal: TemporalServer, database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Guarded]:
    async with guarded(temporal.address, database, monkeypatch) as made:
        yield made


@pytest.fixture
async def family(temporal: TemporalServer, task_queue: str) -> AsyncIterator[Handle]:
    """A parent that runs, with a child."""
    async with Worker(temporal.client, task_queue=task_queue, workflows=[Parent, Child]):
        yield await begun(temporal, task_queue)


async def begun(temporal: TemporalServer, task_queue: str) -> Handle:
    memo = {"tenant": "acme", "environment": "prod", "metadata": {"team": "red"}}
    handle = await temporal.client.start_workflow(
        Parent.run, 1, id=f"family-{uuid.uuid4().hex[:8]}", task_queue=task_queue, memo=memo
    )
    await eventually(lambda: exists(temporal, f"{handle.id}-kid-1"))
    return handle


async def exists(temporal: TemporalServer, workflow_id: str) -> bool:
    try:
        await temporal.client.get_workflow_handle(workflow_id).describe()
    except Exception:  # noqa: BLE001 - not there yet
        return False
    return True


async def minted(gateway: Guarded, key: str, **wanted: object) -> str:
    made = (await gateway.data(key, MINT, input=wanted))["createWatchToken"]
    assert made["userErrors"] == []
    token: str = made["watchToken"]["token"]
    return token


async def sees(gateway: Guarded, token: str, workflow_id: str, run_id: str | None = None) -> bool:
    return (await gateway.data(token, READ, id=workflow_id, run=run_id))["workflow"] is not None


async def test_it_reads_its_tree_and_no_other(
    gateway: Guarded, family: Handle, temporal: TemporalServer, task_queue: str
) -> None:
    key = await gateway.key(Role.OPERATOR)
    token = await minted(gateway, key, workflowId=family.id)
    other = await begun(temporal, task_queue)
    assert await sees(gateway, token, family.id)
    assert await sees(gateway, token, f"{family.id}-kid-1")
    assert not await sees(gateway, token, other.id)
    assert not await sees(gateway, token, f"{other.id}-kid-1")
    assert await sees(gateway, key, other.id), "its maker sees the other"

    node = (await gateway.data(key, READ, id=other.id))["workflow"]["id"]
    assert (await gateway.data(token, "query ($id: ID!) { node(id: $id) { id } }", id=node))["node"] is None
    both = "query ($refs: [WorkflowRef!]!) { workflowBatch(refs: $refs) { workflowId } }"
    refs = [{"workflowId": family.id}, {"workflowId": other.id}]
    found = (await gateway.data(token, both, refs=refs))["workflowBatch"]
    assert found == [{"workflowId": family.id}, None]
    watched = f'subscription {{ workflow(workflowId: "{other.id}") {{ status }} }}'
    async with gateway.session(token) as websocket:
        assert code_of(await subscribed(websocket, watched)) == "NOT_FOUND"


async def test_it_reads_the_runs_that_continue_it_and_their_children(gateway: Guarded, family: Handle) -> None:
    token = await minted(gateway, await gateway.key(Role.OPERATOR), workflowId=family.id)
    first = (await gateway.data(token, READ, id=family.id))["workflow"]["runId"]
    await family.signal(Parent.move_on)

    async def later() -> bool:
        found = (await gateway.data(token, READ, id=family.id))["workflow"]
        return found is not None and found["runId"] != first

    await eventually(later)
    await eventually(lambda: sees(gateway, token, f"{family.id}-kid-0"))
    assert await sees(gateway, token, family.id, first)


async def test_it_reads_them_before_they_are_archived(
    gateway: Guarded, family: Handle, temporal: TemporalServer
) -> None:
    key = await gateway.key(Role.OPERATOR)
    token = await minted(gateway, key, workflowId=family.id)
    await family.signal(Parent.move_on)
    await eventually(lambda: exists(temporal, f"{family.id}-kid-0"))
    latest = temporal.client.get_workflow_handle(family.id)
    await latest.terminate()
    asked, query = Temporal({"target_host": temporal.address}, ("default",), timeout=2), f"WorkflowId = '{family.id}'"

    async def listed() -> list[Execution]:
        return (await reads.list_executions(asked, "default", query))[0]

    rows = await eventually(listed, lambda found: len(found) == 2 and all(each.status.is_closed for each in found))
    await asked.close()
    assert [each.first_run_id for each in rows] == [None, None], "visibility does not tell"
    await Executions(gateway.database).record(rows)
    for each in rows:
        assert await sees(gateway, token, family.id, each.run_id)
    of_last = await minted(gateway, key, workflowId=family.id)
    assert await sees(gateway, of_last, family.id, family.first_execution_run_id)


@workflow.defn
class Steps:
    """Continues as new twice, then fails once and is retried; each run ends when it is told."""

    def __init__(self) -> None:
        self._told = False

    @workflow.signal
    def go(self) -> None:
        self._told = True

    @workflow.run
    async def run(self, left: int) -> str:
        await workflow.wait_condition(lambda: self._told)
        if left:
            workflow.continue_as_new(left - 1)
        if workflow.info().attempt == 1:
            raise ApplicationError("once more")
        return "done"


CHAIN = """
query ($run: ID) { workflow(workflowId: "can", runId: $run) { status runId previousRun { runId } nextRun { runId } } }
"""


async def test_it_reads_the_whole_chain_whenever_that_has_ended(
    temporal: TemporalServer, database: str, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        world_of_its_own(temporal, database) as world,
        Worker(world.client, task_queue=task_queue, workflows=[Steps], workflow_runner=UnsandboxedWorkflowRunner()),
        world.indexer() as indexer,
        guarded(temporal.address, database, monkeypatch, namespaces=(world.namespace,)) as gateway,
    ):
        await world.leads(indexer)
        handle = await world.client.start_workflow(
            Steps.run, 2, id="can", task_queue=task_queue, memo={"tenant": "acme", "environment": "prod"},
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
        )  # fmt: skip
        key, runs = await gateway.key(Role.OPERATOR), [str(handle.first_execution_run_id)]
        token = await minted(gateway, key, workflowId="can")

        async def later() -> bool:
            latest = (await gateway.data(token, CHAIN))["workflow"]
            if latest["runId"] != runs[-1]:
                runs.append(latest["runId"])
                return True
            return False

        for _ in range(3):
            await world.client.get_workflow_handle("can", run_id=runs[-1]).signal(Steps.go)
            await eventually(later)
        await world.client.get_workflow_handle("can", run_id=runs[-1]).signal(Steps.go)

        async def completed() -> bool:
            return bool((await gateway.data(token, CHAIN))["workflow"]["status"] == "COMPLETED")

        await eventually(completed)
        for run in runs:
            await world.archived(ExecutionRef(world.namespace, "can", run))
        of_last = await minted(gateway, key, workflowId="can", runId=runs[-1])
        for each in (token, of_last):
            assert (await gateway.data(each, CHAIN))["workflow"]["runId"] == runs[-1]
            seen = [(await gateway.data(each, CHAIN, run=run))["workflow"] for run in runs]
            assert [step["runId"] for step in seen] == runs
            assert [step["nextRun"] and step["nextRun"]["runId"] for step in seen] == [*runs[1:], None]
            assert [step["previousRun"] and step["previousRun"]["runId"] for step in seen] == [None, *runs[:-1]]


async def test_another_use_of_its_workflow_id_is_another_tree(
    gateway: Guarded, family: Handle, temporal: TemporalServer, task_queue: str
) -> None:
    token = await minted(gateway, await gateway.key(Role.OPERATOR), workflowId=family.id)
    await family.terminate()
    memo = {"tenant": "acme", "environment": "prod"}
    again = await temporal.client.start_workflow(Child.run, id=family.id, task_queue=task_queue, memo=memo)
    assert await sees(gateway, token, family.id, family.first_execution_run_id)
    assert not await sees(gateway, token, family.id, again.first_execution_run_id)


async def test_it_sends_the_signals_that_it_names_and_does_nothing_else(gateway: Guarded, family: Handle) -> None:
    token = await minted(gateway, await gateway.key(Role.OPERATOR), workflowId=family.id, signals=["approve"])

    async def refusals(name: str, workflow_id: str) -> list[str]:
        done = (await gateway.data(token, SIGNAL, id=workflow_id, name=name))["signalWorkflow"]
        return [each["code"] for each in done["userErrors"]]

    assert await refusals("approve", family.id) == []
    assert await family.query(Parent.approved) == 1
    assert await refusals("move_on", family.id) == ["NOT_ALLOWED"]
    assert await refusals("approve", "another") == ["NOT_FOUND"]
    assert (await gateway.data(token, READ, id=family.id))["workflow"]["availableActions"] == ["SIGNAL"]
    plain = await minted(gateway, await gateway.key(Role.OPERATOR), workflowId=family.id)
    done = (await gateway.data(plain, SIGNAL, id=family.id, name="approve"))["signalWorkflow"]["userErrors"]
    assert [each["code"] for each in done] == ["NOT_ALLOWED"]


ROOTS = {
    f"{kind.name.lower()} {name}": (kind, name)
    for kind in (schema._schema.query_type, schema._schema.mutation_type)
    if kind is not None
    for name in kind.fields
    if name not in WATCHABLE
}


def document(kind: GraphQLObjectType, name: str) -> str:
    """A call of the field with values of the right types."""
    field = kind.fields[name]
    arguments = ", ".join(
        f"{each}: {literal(arg.type)}" for each, arg in field.args.items() if str(arg.type)[-1] == "!"
    )
    inner = field.type
    while hasattr(inner, "of_type"):
        inner = inner.of_type
    selection = " { __typename }" if hasattr(inner, "fields") else ""
    return f"{kind.name.lower()} {{ {name}{f'({arguments})' if arguments else ''}{selection} }}"


def literal(kind: object) -> str:
    kind = getattr(kind, "of_type", kind)
    if hasattr(kind, "of_type"):
        return f"[{literal(kind.of_type)}]"
    if hasattr(kind, "fields"):
        given = {name: each.type for name, each in kind.fields.items() if str(each.type)[-1] == "!"}
        return "{" + ", ".join(f"{name}: {literal(each)}" for name, each in given.items()) + "}"
    if hasattr(kind, "values"):
        return str(next(iter(kind.values)))
    simple = {"Int": "1", "Float": "1", "Boolean": "true", "JSON": "{}", "DateTime": '"2026-01-01T00:00:00Z"'}
    return simple.get(str(kind), '"x"')


async def test_every_other_root_is_closed_to_it(gateway: Guarded, family: Handle) -> None:
    token = await minted(gateway, await gateway.key(Role.PLATFORM, tenant=None, environment=None), workflowId=family.id)
    assert "mutation createApiKey" in ROOTS
    for name, (kind, field) in ROOTS.items():
        answer = await gateway.ask(token, document(kind, field))
        assert code_of(answer) == "FORBIDDEN", (name, answer)
        assert not any((answer["data"] or {}).values())


async def test_a_tree_has_no_lists_and_asks_no_worker(gateway: Guarded, family: Handle) -> None:
    token = await minted(gateway, await gateway.key(Role.ADMIN), workflowId=family.id)
    assert code_of(await gateway.ask(token, "{ workflows { totalCount } }")) == "FORBIDDEN"
    for field in ('query(name: "approved")', "stackTrace", "currentDetails", "interface { signals { name } }"):
        asked = f'{{ workflow(workflowId: "{family.id}") {{ {field} }} }}'
        assert code_of(await gateway.ask(token, asked)) == "FORBIDDEN"


async def test_a_tag_opens_the_runs_that_have_it(gateway: Guarded) -> None:
    admin, foreign = await gateway.key(Role.ADMIN), await gateway.key(Role.ADMIN, tenant="globex")
    start = """mutation ($id: String!, $team: JSON!) { startWorkflow(input: {
      workflowType: "Nothing", taskQueue: "nobody", workflowId: $id, metadata: $team}) { userErrors { code } } }"""
    names = {each: f"{each}-{uuid.uuid4().hex[:8]}" for each in ("red", "blue", "foreign")}
    await gateway.data(admin, start, id=names["red"], team={"team": "red"})
    await gateway.data(admin, start, id=names["blue"], team={"team": "blue"})
    await gateway.data(foreign, start, id=names["foreign"], team={"team": "red"})
    token = await minted(gateway, admin, tag={"key": "team", "value": "red"})
    listed = await gateway.data(token, "{ workflows { totalCount nodes { workflowId } } }")
    assert listed["workflows"] == {"totalCount": 1, "nodes": [{"workflowId": names["red"]}]}
    seen = {each: await sees(gateway, token, name) for each, name in names.items()}
    assert seen == {"red": True, "blue": False, "foreign": False}


async def test_what_cannot_be_minted(gateway: Guarded, family: Handle) -> None:
    viewer, starter = await gateway.key(Role.VIEWER), await gateway.key(Role.STARTER)
    stranger, operator = await gateway.key(Role.OPERATOR, tenant="globex"), await gateway.key(Role.OPERATOR)

    async def refusals(key: str, **wanted: object) -> list[str]:
        made = (await gateway.data(key, MINT, input=wanted))["createWatchToken"]
        assert made["watchToken"] is None
        return [each["code"] for each in made["userErrors"]]

    assert await refusals(viewer, workflowId=family.id) == ["NOT_ALLOWED"]
    assert await refusals(starter, workflowId=family.id, signals=["approve"]) == ["NOT_ALLOWED"]
    assert await refusals(stranger, workflowId=family.id) == ["NOT_FOUND"]
    assert await refusals(operator) == ["INVALID_INPUT"]
    assert await refusals(operator, workflowId=family.id, tag={"key": "a", "value": "b"}) == ["INVALID_INPUT"]
    assert await refusals(operator, workflowId=family.id, expiresInSeconds=10_000_000) == ["INVALID_INPUT"]
    token = await minted(gateway, operator, workflowId=family.id)
    assert code_of(await gateway.ask(token, MINT, input={"workflowId": family.id})) == "FORBIDDEN"


async def test_it_ends_by_time_and_with_the_key_that_made_it(gateway: Guarded, family: Handle) -> None:
    key = await gateway.key(Role.OPERATOR)
    watched = f'subscription {{ workflow(workflowId: "{family.id}") {{ status }} }}'
    short = await minted(gateway, key, workflowId=family.id, expiresInSeconds=2)
    async with gateway.session(short) as websocket:
        await subscribed(websocket, watched)
        assert (await closed_by(websocket, 7))[0] == 4403
    assert code_of(await gateway.ask(short, READ, id=family.id)) == "UNAUTHENTICATED"
    token = await minted(gateway, key, workflowId=family.id)
    async with gateway.session(token) as websocket:
        await subscribed(websocket, watched)
        await gateway.database.execute("update api_keys set revoked_at = now()")
        assert (await closed_by(websocket, 5))[0] == 4401

    async def refused() -> bool:
        return (await gateway.post(token, READ, id=family.id)).status_code == 401

    await eventually(refused, within=5)


async def test_a_start_mints_one_for_its_run(gateway: Guarded, family: Handle) -> None:
    starter = await gateway.key(Role.STARTER)
    started = (await gateway.data(starter, START, type="Still"))["startWorkflow"]
    token, own = started["watchToken"]["token"], started["execution"]["workflowId"]
    assert await sees(gateway, token, own)
    assert not await sees(gateway, token, family.id)
    entries = await gateway.database.fetch("select action, outcome from audit where workflow_id like '%/' || $1", own)
    assert ("createWatchToken", "OK") in [tuple(each) for each in entries]


async def test_a_start_stands_whose_token_is_refused(gateway: Guarded) -> None:
    starter = await gateway.key(Role.STARTER)
    answer = await gateway.ask(starter, START, type="Still", seconds=0)
    started = answer["data"]["startWorkflow"]
    assert started["watchToken"] is None
    assert started["execution"]["workflowId"]
    assert answer["errors"][0]["path"] == ["startWorkflow", "watchToken"]
    assert answer["errors"][0]["extensions"]["argument"] == ["expiresInSeconds"]
    assert code_of(answer) == "BAD_USER_INPUT"
    refused = (await gateway.data(starter, START, type=""))["startWorkflow"]
    assert (refused["watchToken"], refused["execution"]) == (None, None)
    assert refused["userErrors"]
