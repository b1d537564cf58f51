"""Two tenants with the same shapes of data, and a walk over all that the schema lets one of them ask."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_required_argument,
)

from app.api.node import node_id_of
from app.cursors import seal
from app.model import Execution, ExecutionRef, WorkflowStatus
from tests.integration.gateways import Host, member

SCHEMA = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8"))
DEPTH = 3
MINE, OTHER = member("acme"), member("globex")
SECRET = "zebra"
"""In everything of the other tenant that nobody who asks has to name."""


def roots() -> set[str]:
    """Every field that an operation can begin with, such as `Query.workflow`."""
    types = (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type)
    return {f"{each.name}.{name}" for each in types if each is not None for name in each.fields}


def whole(root: str, depth: int = DEPTH) -> str:
    """The selection of everything below a root field that needs no argument."""
    type_, field = root.split(".")
    parent = SCHEMA.get_type(type_)
    assert isinstance(parent, GraphQLObjectType)
    return _selected(parent.fields[field], depth)


def _selected(field: GraphQLField, depth: int) -> str:
    type_ = get_named_type(field.type)
    if isinstance(type_, GraphQLScalarType | GraphQLEnumType):
        return ""
    parts = ["__typename"]
    if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
        parts += [
            f"... on {each.name} {_below(each, depth - 1, is_one_of_several=True)}"
            for each in SCHEMA.get_possible_types(type_)
        ]
        return f"{{ {' '.join(parts)} }}"
    assert isinstance(type_, GraphQLObjectType)
    return _below(type_, depth)


def _below(type_: GraphQLObjectType, depth: int, *, is_one_of_several: bool = False) -> str:
    parts = ["__typename"]
    for name, field in type_.fields.items():
        if any(is_required_argument(each) for each in field.args.values()):
            continue
        named = get_named_type(field.type)
        if isinstance(named, GraphQLScalarType | GraphQLEnumType):
            # Of one name with two types, as in the members of an interface, each gets a name of its own.
            parts.append(f"{type_.name}_{name}: {name}" if is_one_of_several else name)
        elif depth > 1:
            alias = f"{type_.name}_{name}: " if is_one_of_several else ""
            parts.append(f"{alias}{name} {_selected(field, depth - 1)}")
    return f"{{ {' '.join(parts)} }}"


@dataclass(frozen=True)
class Names:
    """What one would have to know to name a tenant's things."""

    tenant: str
    workflow_id: str
    closed_id: str
    run_id: str
    closed_run_id: str
    schedule_id: str
    key_id: str
    cursor: str
    place: str
    token: str

    def fill(self, text: str) -> str:
        """The text with each `<name>` replaced."""
        values: Mapping[str, str] = {**vars(self), "node": self.node, "closed_node": self.closed_node}
        for name, value in values.items():
            text = text.replace(f"<{name}>", value)
        return text

    @property
    def node(self) -> str:
        return str(node_id_of(ExecutionRef("default", self.workflow_id, self.run_id)))

    @property
    def closed_node(self) -> str:
        return str(node_id_of(ExecutionRef("default", self.closed_id, self.closed_run_id)))

    def blurred(self, answer: str) -> str:
        """The answer with each of the names in the place of its value."""
        values = {**vars(self), "node": self.node, "closed_node": self.closed_node}
        for name, value in sorted(values.items(), key=lambda each: -len(each[1])):
            answer = answer.replace(value, f"<{name}>") if value else answer
        return answer


def nobodys() -> Names:
    """Names of the same shape that nothing has."""
    return Names(
        tenant=f"t-{uuid.uuid4().hex[:8]}",
        workflow_id=f"sync-{uuid.uuid4().hex}",
        closed_id=f"sync-{uuid.uuid4().hex}",
        run_id=str(uuid.uuid4()),
        closed_run_id=str(uuid.uuid4()),
        schedule_id=f"nightly-{uuid.uuid4().hex}",
        key_id=str(uuid.uuid4()),
        cursor=seal("nobody", ("x",)),
        place=seal("nobody", ("x",)),
        token="",
    )


START = """
mutation ($id: String!, $mark: String!, $input: JSON!, $memo: JSON!) { startWorkflow(input: {
  workflowType: $mark, taskQueue: $mark, workflowId: $id, input: [$input], metadata: $memo, memo: $memo, summary: $mark
}) { execution { runId } consistencyToken userErrors { message } } }
"""
SCHEDULE = """
mutation ($id: String!, $mark: String!, $input: JSON!) { createSchedule(input: {
  scheduleId: $id, notes: $mark, spec: {intervals: [{everySeconds: 86400}]},
  action: {workflowType: $mark, taskQueue: $mark, input: [$input]}
}) { userErrors { message } } }
"""
KEY = """
mutation ($mark: String!) { createApiKey(input: {name: $mark, roles: [VIEWER]}) {
  apiKey { id } userErrors { message } }
}
"""


async def settled(host: Host, tenant: str, mark: str, family: Names | None = None) -> Names:
    """A tenant with an open run, a closed one that failed, a schedule, an API key, an alert, acts in the audit and
    statistics; of `family`, whose open run its closed one claims to descend from and to continue."""
    caller = member(tenant)
    names = replace(nobodys(), tenant=tenant)
    variables = {"id": names.workflow_id, "mark": mark, "input": mark, "memo": {"mark": mark}}
    started = (await host.data(START, caller, **variables))["startWorkflow"]
    assert started["userErrors"] == []
    made = await host.data(SCHEDULE, caller, id=names.schedule_id, mark=mark, input=mark)
    assert made["createSchedule"]["userErrors"] == []
    key = (await host.data(KEY, caller, mark=mark))["createApiKey"]["apiKey"]
    names = replace(names, run_id=started["execution"]["runId"], token=started["consistencyToken"], key_id=key["id"])
    await host.gateway.consistency.write([_closed(names, mark, family or names)])
    await host.database.execute(
        "insert into alerts (rule, subject, kind, severity, tenant, environment, namespace, workflow_id, run_id, name,"
        " message, value, threshold)"
        " values ($1, $4, 'FAILURE_RATE', 'WARNING', $2, 'default', 'default', $3, $4, $1, $1, 1, 1)",
        mark, tenant, names.closed_id, names.closed_run_id,
    )  # fmt: skip
    cursors = await host.data(
        "{ workflows(first: 1) { edges { cursor } } audit(first: 1) { edges { cursor } } }", caller
    )
    return replace(
        names,
        cursor=cursors["workflows"]["edges"][0]["cursor"],
        place=cursors["audit"]["edges"][0]["cursor"],
    )


def _closed(names: Names, mark: str, family: Names) -> Execution:
    now = datetime.now(UTC)
    return Execution(
        namespace="default",
        workflow_id=names.closed_id,
        run_id=names.closed_run_id,
        workflow_type=mark,
        task_queue=mark,
        status=WorkflowStatus.FAILED,
        start_time=now,
        close_time=now,
        tenant=names.tenant,
        environment="default",
        parent_workflow_id=family.workflow_id,
        parent_run_id=family.run_id,
        root_workflow_id=family.workflow_id,
        root_run_id=family.run_id,
        previous_run_id=family.run_id,
        created_by=mark,
        metadata={"mark": mark},
        memo={"mark": mark, "metadata": {"mark": mark}},
        search_attributes={},
        summary=mark,
        failure_type=mark,
        failure_message=mark,
    )


def shown(answer: Any) -> str:
    """An answer without what differs from one request to the next."""
    for error in answer.get("errors", ()):
        error.get("extensions", {}).pop("requestId", None)
    return json.dumps(answer, sort_keys=True)
