"""The one decision: one table of cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.access import (
    ANYTHING,
    SOME_RUN,
    Action,
    Decision,
    Exposure,
    Grant,
    Identity,
    Part,
    Place,
    Policy,
    Role,
    Rule,
    Scope,
    Tag,
    Target,
    Tree,
    Verdict,
    decide,
    withheld,
)
from app.model import Execution, WorkflowStatus

ALLOWED, FORBIDDEN, NOT_THERE = Verdict.ALLOWED, Verdict.FORBIDDEN, Verdict.NOT_THERE


def run(**changes: object) -> Execution:
    known = Execution(
        namespace="default",
        workflow_id="pay-1",
        run_id="run-1",
        workflow_type="Payroll",
        task_queue="q",
        status=WorkflowStatus.RUNNING,
        start_time=datetime(2026, 1, 1, tzinfo=UTC),
        tenant="acme",
        environment="prod",
        first_run_id="run-1",
        metadata={"team": "red"},
    )
    return replace(known, **changes)  # type: ignore[arg-type]


def ann(*roles: Role, rules: tuple[Rule, ...] = (), grant: Grant | None = None, scope: Scope | None = None) -> Identity:
    identity = Identity("ann", "acme", "prod", frozenset(roles), scope or Scope("acme", "prod"), grant=grant)
    return Policy(rules).narrowed(identity)


RUN = Target(run=run())
FOREIGN = Target(run=run(tenant="globex"))
V, O, S, A, P = Role.VIEWER, Role.OPERATOR, Role.STARTER, Role.ADMIN, Role.PLATFORM  # noqa: E741
NO_CANCEL = Rule(deny=frozenset({Action.CANCEL}))
NO_PAYROLL = Rule(workflow_types=("Payroll",), deny=frozenset({Action.READ}))
ONLY_SYNC = Rule(except_workflow_types=("Sync",), deny=frozenset({Action.READ}))
APPROVALS = Rule(roles=frozenset({O}), signals=("approve", "retry-*"))
NO_STARTS = Rule(workflow_types=("Payroll",), deny=frozenset({Action.START}))
TREE = Grant(Tree("default", "pay-1", "run-1", "run-1"), ("approve",))
TAG = Grant(Tag("team", "red"))

CASES: list[tuple[str, Identity, Action, Target, Verdict]] = [
    ("a viewer reads", ann(V), Action.READ, RUN, ALLOWED),
    ("a viewer starts nothing", ann(V), Action.START, ANYTHING, FORBIDDEN),
    ("a viewer signals nothing", ann(V), Action.SIGNAL, RUN, FORBIDDEN),
    ("a starter starts", ann(S), Action.START, ANYTHING, ALLOWED),
    ("a starter cancels nothing", ann(S), Action.CANCEL, RUN, FORBIDDEN),
    ("an operator cancels", ann(O), Action.CANCEL, RUN, ALLOWED),
    ("an operator manages no keys", ann(O), Action.MANAGE_KEYS, ANYTHING, FORBIDDEN),
    ("an admin manages keys", ann(A), Action.MANAGE_KEYS, ANYTHING, ALLOWED),
    ("roles add up", ann(V, S), Action.START, ANYTHING, ALLOWED),
    ("no role, nothing", ann(), Action.READ, ANYTHING, FORBIDDEN),
    ("another tenant's is not there", ann(A), Action.READ, FOREIGN, NOT_THERE),
    ("not even to be acted on", ann(A), Action.CANCEL, FOREIGN, NOT_THERE),
    ("nor another environment's", ann(A), Action.READ, Target(run=run(environment="test")), NOT_THERE),
    ("a platform sees all", ann(P, scope=Scope()), Action.READ, FOREIGN, ALLOWED),
    ("a rule takes an action", ann(O, rules=(NO_CANCEL,)), Action.CANCEL, RUN, FORBIDDEN),
    ("and leaves others", ann(O, rules=(NO_CANCEL,)), Action.SIGNAL, RUN, ALLOWED),
    ("a rule is about its roles", ann(A, rules=(APPROVALS,)), Action.SIGNAL, Target(run=run(), signal="x"), ALLOWED),
    ("a type can vanish", ann(A, rules=(NO_PAYROLL,)), Action.READ, RUN, NOT_THERE),
    ("with its actions", ann(A, rules=(NO_PAYROLL,)), Action.CANCEL, RUN, NOT_THERE),
    ("others stay", ann(A, rules=(NO_PAYROLL,)), Action.READ, Target(run=run(workflow_type="Sync")), ALLOWED),
    ("all but a type can vanish", ann(A, rules=(ONLY_SYNC,)), Action.READ, RUN, NOT_THERE),
    ("that type stays", ann(A, rules=(ONLY_SYNC,)), Action.READ, Target(run=run(workflow_type="Sync")), ALLOWED),
    ("asked in general, it may be", ann(A, rules=(NO_PAYROLL,)), Action.READ, SOME_RUN, ALLOWED),
    ("a type cannot be started", ann(A, rules=(NO_STARTS,)), Action.START, Target(workflow_type="Payroll"), FORBIDDEN),
    ("another can", ann(A, rules=(NO_STARTS,)), Action.START, Target(workflow_type="Sync"), ALLOWED),
    ("a signal on the list", ann(O, rules=(APPROVALS,)), Action.SIGNAL, Target(run=run(), signal="retry-3"), ALLOWED),
    ("one that is not", ann(O, rules=(APPROVALS,)), Action.SIGNAL, Target(run=run(), signal="stop"), FORBIDDEN),
    ("no queries at all", ann(O, rules=(Rule(queries=()),)), Action.READ, Target(run=run(), query="state"), FORBIDDEN),
    ("but for what is declared", ann(O, rules=(Rule(queries=()),)), Action.READ,
     Target(run=run(), query="__temporal_workflow_metadata"), ALLOWED),
    ("of another tenant, a rule says nothing", ann(O, rules=(replace(NO_CANCEL, tenants=("globex",)),)),
     Action.CANCEL, RUN, ALLOWED),
    ("of one among a platform's", ann(P, rules=(replace(NO_CANCEL, tenants=("globex",)),), scope=Scope()),
     Action.CANCEL, FOREIGN, FORBIDDEN),
    ("a watch token reads its run", ann(O, grant=TREE), Action.READ, RUN, ALLOWED),
    ("and the runs that continue it", ann(O, grant=TREE), Action.READ, Target(run=run(run_id="run-2")), ALLOWED),
    ("and its children", ann(O, grant=TREE), Action.READ, Target(run=run(
        workflow_id="kid", run_id="k", first_run_id="k", root_workflow_id="pay-1", root_run_id="run-1")), ALLOWED),
    ("and those of its later runs", ann(O, grant=TREE), Action.READ, Target(run=run(
        workflow_id="kid", run_id="k", first_run_id="k", root_workflow_id="pay-1", root_run_id="run-2"),
        root_chain="run-1"), ALLOWED),
    ("not those of an earlier run of its id", ann(O, grant=TREE), Action.READ, Target(run=run(
        workflow_id="kid", run_id="k", first_run_id="k", root_workflow_id="pay-1", root_run_id="run-0"),
        root_chain="run-0"), NOT_THERE),
    ("nor another use of its id", ann(O, grant=TREE), Action.READ,
     Target(run=run(run_id="other", first_run_id="other")), NOT_THERE),
    ("nor another tree", ann(O, grant=TREE), Action.READ,
     Target(run=run(workflow_id="pay-2", run_id="x", first_run_id="x")), NOT_THERE),
    ("nor the same name elsewhere", ann(O, grant=TREE), Action.READ, Target(run=run(namespace="other")), NOT_THERE),
    ("nor its tree in another tenant", ann(O, grant=TREE), Action.READ, FOREIGN, NOT_THERE),
    ("nor anything else", ann(P, grant=TREE), Action.READ, ANYTHING, FORBIDDEN),
    ("it sends its signal", ann(O, grant=TREE), Action.SIGNAL, Target(run=run(), signal="approve"), ALLOWED),
    ("no other", ann(A, grant=TREE), Action.SIGNAL, Target(run=run(), signal="stop"), FORBIDDEN),
    ("none at all without one", ann(A, grant=TAG), Action.SIGNAL, Target(run=run(), signal="approve"), FORBIDDEN),
    ("it cancels nothing", ann(A, grant=TREE), Action.CANCEL, RUN, FORBIDDEN),
    ("it starts nothing", ann(A, grant=TREE), Action.START, SOME_RUN, FORBIDDEN),
    ("it shares nothing", ann(A, grant=TREE), Action.SHARE, RUN, FORBIDDEN),
    ("it asks no worker", ann(A, grant=TREE), Action.READ, Target(run=run(), query="state"), FORBIDDEN),
    ("a tag opens its runs", ann(V, grant=TAG), Action.READ, RUN, ALLOWED),
    ("and no others", ann(V, grant=TAG), Action.READ, Target(run=run(metadata={"team": "blue"})), NOT_THERE),
    ("what its maker may not, it may not", ann(V, grant=TREE), Action.SIGNAL,
     Target(run=run(), signal="approve"), FORBIDDEN),
]  # fmt: skip


@pytest.mark.parametrize(("identity", "action", "target", "verdict"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_who_may_what(identity: Identity, action: Action, target: Target, verdict: Verdict) -> None:
    decision = decide(identity, action, target)
    assert decision.verdict is verdict
    assert bool(decision.reason) is not decision.allowed


def test_every_refusal_of_what_is_not_there_has_the_same_words() -> None:
    refused = [decide(identity, action, target) for _, identity, action, target, _ in CASES]
    hidden = {each for each in refused if each.verdict is NOT_THERE}
    assert hidden == {Decision(NOT_THERE, Exposure.HIDDEN, "There is no such workflow.")}


HIDES = Rule(roles=frozenset({V}), hide=(Place(Part.RESULT), Place(Part.METADATA, ("iban",))))
MASKS = Rule(workflow_types=("Payroll",), mask=(Place(Part.RESULT), Place(Part.INPUT)))


@pytest.mark.parametrize(
    ("identity", "workflow_type", "place", "seen"),
    [
        (ann(V), "Payroll", Place(Part.RESULT), Exposure.SHOWN),
        (ann(V, rules=(HIDES,)), "Payroll", Place(Part.RESULT), Exposure.HIDDEN),
        (ann(V, rules=(HIDES,)), "Payroll", Place(Part.INPUT), Exposure.SHOWN),
        (ann(V, rules=(HIDES,)), "Payroll", Place(Part.METADATA, ("iban", "country")), Exposure.HIDDEN),
        (ann(V, rules=(HIDES,)), "Payroll", Place(Part.METADATA, ("team",)), Exposure.SHOWN),
        (ann(O, rules=(HIDES,)), "Payroll", Place(Part.RESULT), Exposure.SHOWN),
        (ann(V, O, rules=(HIDES,)), "Payroll", Place(Part.RESULT), Exposure.SHOWN),
        (ann(V, rules=(HIDES, MASKS)), "Payroll", Place(Part.RESULT), Exposure.HIDDEN),
        (ann(O, rules=(HIDES, MASKS)), "Payroll", Place(Part.RESULT), Exposure.MASKED),
        (ann(V, O, rules=(HIDES, MASKS)), "Payroll", Place(Part.RESULT), Exposure.MASKED),
        (ann(O, rules=(MASKS,)), "Sync", Place(Part.RESULT), Exposure.SHOWN),
        (ann(O, rules=(MASKS,)), None, Place(Part.RESULT), Exposure.MASKED),
    ],
)
def test_how_much_is_seen(identity: Identity, workflow_type: str | None, place: Place, seen: Exposure) -> None:
    target = Target(is_run=True, workflow_type=workflow_type, tenant="acme", environment="prod", place=place)
    assert decide(identity, Action.READ, target).exposure is seen


def test_what_is_withheld_is_told() -> None:
    target = Target(is_run=True, workflow_type="Payroll")
    assert withheld(ann(V, rules=(HIDES, MASKS)), target) == {
        Place(Part.RESULT): Exposure.HIDDEN,
        Place(Part.METADATA, ("iban",)): Exposure.HIDDEN,
        Place(Part.INPUT): Exposure.MASKED,
    }
    assert withheld(ann(A), target) == {}


def test_those_with_the_same_rights_share() -> None:
    one, other = ann(V, rules=(HIDES,)), replace(ann(V, rules=(HIDES,)), subject="bob")
    assert one.rights == other.rights
    assert one.rights != ann(V).rights
    assert ann(V, grant=TREE).rights != ann(V).rights
    assert hash(one.rights) == hash(other.rights)
