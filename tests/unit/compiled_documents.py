"""Documents and data for the comparison of compiled selections with the ordinary way: real types, and values that
are often wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import strawberry
from graphql import (
    get_named_type,
    is_interface_type,
    is_leaf_type,
    is_required_argument,
)
from hypothesis import strategies as st

from app import model
from app.api.compiled.plain import reading
from app.api.connections import ConnectionValue, Edges
from app.api.node import Bound, Node
from app.api.scalars import CONFIG
from app.api.types.activity import Activity, ActivityConnection
from app.api.types.execution import WorkflowConnection, WorkflowExecution
from app.api.types.timeline import TimelineItem
from app.model import ActivityStatus, FailureKind, TimelineKind, TimelineStatus, WorkflowStatus
from app.store.archive import Archived
from tests.unit.compiled_sources import BrokenActivity, BrokenExecution, Seen


@strawberry.type
class Query:
    page: WorkflowConnection | None
    pages: list[WorkflowConnection]
    run: WorkflowExecution
    runs: list[WorkflowExecution]
    maybe: list[WorkflowExecution | None] | None
    activities: ActivityConnection | None
    steps: list[Activity]
    bars: list[TimelineItem] | None
    node: Node | None
    nodes: list[Node | None]
    deep: list[list[Activity] | None] | None


schema = strawberry.Schema(query=Query, types=[WorkflowExecution, Activity, TimelineItem], config=CONFIG)._schema

AWAITED = {"failure", "historySizeBytes", "activities", "timeline", "phases", "compensations"}
"""Fields of a run that are neither plain nor need more than what `Loaders` below has."""
OF_NOW = {"durationMs", "durationText"}
KINDS = ("WorkflowExecution", "Activity", "TimelineItem", "Node")


# Documents


def usable(type_: Any) -> list[str]:
    """Fields that can be selected without a gateway, and are the same at any time."""
    return [
        name
        for name, each in type_.fields.items()
        if not any(map(is_required_argument, each.args.values()))
        and (
            is_interface_type(type_)
            or type_.name == "Query"
            or (reading(each) is not None and not (type_.name == "WorkflowExecution" and name in OF_NOW))
            or (type_.name == "WorkflowExecution" and name in AWAITED)
        )
    ]


CONDITIONS = (
    *[""] * 14,
    "@skip(if: $a)",
    "@include(if: $a)",
    "@skip(if: $b)",
    "@include(if: $b) @skip(if: $a)",
    "@skip(if: false)",
    "@include(if: false)",
)


@st.composite
def selections(draw: st.DrawFn, type_: Any, depth: int, spreads: bool = True) -> str:
    parts = []
    for _ in range(draw(st.integers(2, 4))):
        condition = draw(st.sampled_from(CONDITIONS))
        match draw(st.sampled_from("ffffffti" + "s" * spreads)):
            case "t":
                parts.append(f"{draw(st.sampled_from(('', 'x: ', 'status: ')))}__typename {condition}")
            case "i" if depth:
                on = draw(st.sampled_from(("", f"on {type_.name}", "on Node", *(f"on {kind}" for kind in KINDS))))
                name = on.removeprefix("on ") or type_.name
                inner: Any = schema.type_map[name]
                parts.append(f"... {on} {condition} {draw(selections(inner, depth - 1, spreads))}")
            case "s":
                parts.append(f"...Of{draw(st.sampled_from(KINDS))} {condition}")
            case _:
                parts.append(draw(field_of(type_, depth, condition, spreads)))
    return "{ " + " ".join(parts) + " }"


@st.composite
def field_of(draw: st.DrawFn, type_: Any, depth: int, condition: str, spreads: bool) -> str:
    names = [name for name in usable(type_) if depth or is_leaf_type(get_named_type(type_.fields[name].type))]
    if not names:
        return "__typename"
    name = draw(st.sampled_from(names))
    below: Any = get_named_type(type_.fields[name].type)
    alias = draw(st.sampled_from(("", "", "", "a: ", "b: ")))
    arguments = ""
    if name in {"activities", "timeline"} and type_.name == "WorkflowExecution":
        arguments = draw(st.sampled_from(("", "(first: 1)", "(first: $n)", "(first: -1)", '(after: "no")')))
    nested = "" if is_leaf_type(below) else draw(selections(below, depth - 1, spreads))
    return f"{alias}{name}{arguments} {condition} {nested}"


@st.composite
def documents(draw: st.DrawFn) -> str:
    query = draw(selections(schema.type_map["Query"], 4))
    fragments = [f"fragment Of{kind} on {kind} {draw(selections(schema.type_map[kind], 1, False))}" for kind in KINDS]
    return "\n".join([f"query Q($a: Boolean!, $b: Boolean = false, $n: Int = 2) {query}", *fragments])


# Data


NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
times = st.sampled_from((NOON, NOON.replace(microsecond=0), NOON.replace(tzinfo=None), NOON.replace(year=800),
                         NOON.astimezone(timezone(timedelta(hours=5, minutes=30, seconds=7)))))  # fmt: skip
WRONG: list[Any] = [None, None, None, 7, True, 2.5, "NOPE", "", 2**31, 2**70, float("inf"), float("nan"), b"bytes", []]
WRONG += [{}, ("a",), object, ValueError("a value that is an error"), NOON, "RUNNING"]
odd = st.sampled_from(WRONG)
texts = st.sampled_from(("order-1", "", "ü", "5", "a" * 40))
optional = st.none() | texts
values: dict[str, st.SearchStrategy[Any]] = {
    "datetime": times,
    "datetime | None": st.none() | times,
    "str": texts,
    "str | None": optional,
    "int": st.integers(0, 9),
    "int | None": st.none() | st.integers(0, 9),
    "bool": st.booleans(),
    "WorkflowStatus": st.sampled_from(WorkflowStatus),
    "ActivityStatus": st.sampled_from(ActivityStatus),
    "TimelineKind": st.sampled_from(TimelineKind),
    "TimelineStatus": st.sampled_from(TimelineStatus),
    "FailureKind": st.sampled_from(FailureKind),
    "Mapping[str, Json]": st.dictionaries(texts, st.integers() | texts, max_size=2),
    "tuple[int, ...]": st.tuples(st.integers(0, 9)),
    "float": st.floats(0, 9),
    "float | None": st.none() | st.floats(0, 9),
}


@st.composite
def made(draw: st.DrawFn, cls: Any, faults: int, /, **given: st.SearchStrategy[Any]) -> Any:
    """An instance whose fields are now and then, one in `faults`, nothing that its types allow."""
    found = {}
    for each in fields(cls):
        strategy = given.get(each.name, values.get(str(each.type)))
        if strategy is None:
            continue
        wrong = faults and each.name not in {"ref", "value"} and draw(st.integers(1, faults)) == 1
        found[each.name] = draw(odd if wrong else strategy)
    return cls(**found)


REF = model.ExecutionRef("default", "order-1", "run-1")


def executions(faults: int) -> st.SearchStrategy[Any]:
    whole = made(model.Execution, faults)
    return st.one_of(whole, whole, whole.map(Seen), made(BrokenExecution, 0))


def activities(faults: int) -> st.SearchStrategy[Any]:
    failures = st.none() | made(model.Failure, faults)
    attempts = st.lists(made(model.Attempt, faults, failure=failures), max_size=2).map(tuple)
    retry = st.none() | made(model.RetryPolicy, faults)
    given = {"failure": failures, "attempts": attempts, "retry_policy": retry}
    return st.one_of(made(model.Activity, faults, **given), made(BrokenActivity, 0))


def bound(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return parts.map(lambda part: Bound(REF, part))


def listed(items: st.SearchStrategy[Any], faults: int) -> st.SearchStrategy[Any]:
    wrong = st.one_of(items, items, items, odd) if faults else items
    return st.lists(wrong, min_size=2, max_size=4) | st.lists(items, min_size=1, max_size=3).map(tuple)


def connections(items: st.SearchStrategy[Any], faults: int) -> st.SearchStrategy[Any]:
    async def count() -> int:
        return 5

    def connection(nodes: Any) -> Any:
        return ConnectionValue(Edges(nodes, lambda: "kind", str), has_next=False, has_previous=True, count=count)

    return listed(items, faults).map(connection)


@dataclass
class Root:
    page: Any
    pages: Any
    run: Any
    runs: Any
    maybe: Any
    activities: Any
    steps: Any
    bars: Any
    node: Any
    nodes: Any
    deep: Any


class Parts(Archived, frozen=True):
    activities: Any
    timeline: Any
    phases: Any
    compensations: Any


@dataclass
class Loaders:
    """Every run did the same."""

    projection: model.Projection
    fails: bool
    archived: dict[int, Parts] = field(default_factory=dict, repr=False)
    """By the id of the run's object: each keeps its own for as long as it is asked for."""

    async def view(self, execution: model.Execution) -> model.RunView:
        if self.fails:
            raise LookupError("the history cannot be read")
        return model.RunView(execution, self.projection)

    async def projections(self, executions: Any, _parts: Any) -> list[Any]:
        if self.fails:
            return [LookupError("the history cannot be read") for _ in executions]
        return [self.archived.setdefault(id(each), self.parts()) for each in executions]

    def parts(self) -> Parts:
        done = self.projection
        return Parts(done.activities, done.timeline, done.phases, done.compensations)


@dataclass
class Context:
    loaders: Any = field(repr=False)


@st.composite
def data(draw: st.DrawFn) -> tuple[Root, Context]:
    faults = draw(st.sampled_from((30, 8, 3, 0)))
    runs, steps = executions(faults), bound(activities(faults))
    bars = bound(made(model.TimelineItem, faults))
    anything = st.one_of(runs, steps, bars)
    lists = listed(steps, faults)
    root = Root(
        page=draw(connections(runs, faults)),
        pages=draw(st.lists(connections(runs, faults), max_size=2)),
        run=draw(runs),
        runs=draw(listed(runs, faults)),
        maybe=draw(st.none() | st.lists(st.none() | runs | odd, max_size=3)),
        activities=draw(connections(steps, faults)),
        steps=draw(lists | odd),
        bars=draw(listed(bars, faults)),
        node=draw(anything),
        nodes=draw(st.lists(st.none() | anything | odd, max_size=3)),
        deep=draw(st.none() | st.lists(st.none() | lists, max_size=2)),
    )
    done = model.Projection(
        activities=tuple(draw(st.lists(activities(faults), min_size=1, max_size=3))),
        timeline=tuple(draw(st.lists(made(model.TimelineItem, faults), max_size=3))),
        phases=tuple(draw(st.lists(made(model.Phase, faults, status=st.sampled_from(model.PhaseStatus)), max_size=2))),
    )
    return root, Context(Loaders(done, draw(st.booleans()) and draw(st.booleans())))
