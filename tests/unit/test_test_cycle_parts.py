"""The decisions of a test cycle, by tables of cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from app.workflows.test_cycle import model, retries, rules
from app.workflows.test_cycle.phases import COMPENSATIONS, PHASES, STAGES, parallel_group, reversed_phases
from app.workflows.test_cycle.phases import TestCycleCompensation as Strategy
from app.workflows.test_cycle.phases import TestCyclePhase as Phase
from app.workflows.test_cycle.problems import problems
from app.workflows.test_cycle.steps import Steps
from tests.cycles import MAIL, MODEL, WHOLE

RANGE = model.Rule("range", minimum=0, maximum=10)
ONE_OF = model.Rule("one_of", values=("A", "B"))
LENGTH = model.Rule("length", maximum=2)
REQUIRED = model.Rule("required")


@pytest.mark.parametrize(
    ("rule", "value", "keeps"),
    [
        (REQUIRED, None, False),
        (REQUIRED, "  ", False),
        (REQUIRED, "x", True),
        (RANGE, None, True),
        (RANGE, "0", True),
        (RANGE, "10.0", True),
        (RANGE, "10.01", False),
        (RANGE, "-1", False),
        (RANGE, "ten", False),
        (RANGE, "nan", False),
        (model.Rule("range", minimum=1), "1e300", True),
        (model.Rule("range", maximum=1), "-inf", True),
        (ONE_OF, "A", True),
        (ONE_OF, "a", False),
        (ONE_OF, "", True),
        (LENGTH, "DE", True),
        (LENGTH, "DEU", False),
    ],
)
def test_values_are_held_against_rules(rule: model.Rule, value: str | None, keeps: bool) -> None:
    assert rules.keeps(rule, value) is keeps


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (REQUIRED, None),
        (RANGE, None),
        (model.Rule("range"), "needs a minimum or a maximum"),
        (model.Rule("range", minimum=2, maximum=1), "minimum 2 is above the maximum 1"),
        (model.Rule("one_of"), "needs values"),
        (model.Rule("one_of", values=()), "needs values"),
        (model.Rule("length"), "needs a maximum"),
        (model.Rule("length", maximum=0), "needs a maximum"),
    ],
)
def test_rules_that_say_nothing_are_found(rule: model.Rule, words: str | None) -> None:
    found = rules.flaw(rule)
    assert (found is None) if words is None else (words in str(found))


@pytest.mark.parametrize(("failed", "grade"), [(1, "low"), (5, "medium"), (19, "medium"), (20, "high"), (100, "high")])
def test_many_failures_are_grave(failed: int, grade: str) -> None:
    assert rules.severity(failed, 100) == grade


def test_the_stages_hold_every_phase_once_and_every_phase_is_compensated() -> None:
    assert tuple(str(each) for each in Phase) == PHASES
    assert [len(stage) for stage in STAGES] == [1, 1, 2, 1, 1, 1, 1]
    assert list(reversed_phases()) == list(reversed(Phase))
    assert set(COMPENSATIONS) == set(Phase)
    assert set(COMPENSATIONS.values()) == set(Strategy)
    assert [parallel_group(stage) for stage in STAGES].count(None) == 6


def decided(step: str, **changes: Any) -> model.Decision:
    return replace(model.Decision(step, True, "maria"), **changes)


def test_a_step_is_decided_once_and_may_be_opened_again() -> None:
    steps = Steps()
    assert "no step waits" in str(steps.problem(decided("scoping")))
    steps.open("scoping")
    assert steps.problem(decided("scoping")) is None
    assert steps.decision("scoping") is None
    steps.decide(decided("scoping", approved=False, reason="no"))
    assert steps.decision("scoping") == decided("scoping", approved=False, reason="no")
    assert steps.problem(decided("scoping")) is not None
    steps.open("scoping")
    assert steps.decision("scoping") is None, "the earlier decision does not count any more"
    steps.close("scoping")
    assert steps.waiting == []


def test_refusals_are_bounded() -> None:
    steps = Steps()
    for number in range(50):
        steps.refuse(str(number))
    assert steps.refused == [str(number) for number in range(30, 50)]


def test_a_linear_pace_is_asked_for_by_the_failure() -> None:
    for attempt in (1, 2, 3):
        with pytest.raises(ApplicationError) as caught, retries.linear_pace(attempt):
            raise ApplicationError("busy", {"a": 1}, type="UnavailableError")
        assert caught.value.next_retry_delay == timedelta(seconds=attempt)
        assert (caught.value.message, caught.value.type, caught.value.details) == (
            "busy", "UnavailableError", ({"a": 1},),
        )  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        ApplicationError("wrong", non_retryable=True),
        ApplicationError("later", next_retry_delay=timedelta(minutes=1)),
    ],
)
def test_what_says_itself_when_it_is_tried_again_is_left_alone(error: ApplicationError) -> None:
    with pytest.raises(ApplicationError) as caught, retries.linear_pace(1):
        raise error
    assert caught.value is error


TWICE = model.PhaseCompensation(Phase.PLANNING, Strategy.SKIP)


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({}, []),
        ({"tenant_id": " ", "environment_id": "x" * 201}, [("tenant_id",), ("environment_id",)]),
        ({"cycle_id": 0}, [("cycle_id",)]),
        ({"cycle_id": 2**31}, [("cycle_id",)]),
        ({"connection": "Demo!"}, [("connection",)]),
        ({"schema_name": 'x"; drop'}, [("schema_name",)]),
        ({"report_ids": ()}, [("report_ids",)]),
        ({"report_ids": tuple(range(1, 52))}, [("report_ids",)]),
        ({"report_ids": (1, 0, 1)}, [("report_ids", 1), ("report_ids",)]),
        ({"skip_phases": tuple(Phase)}, [("skip_phases",)]),
        ({"language_model": None}, [("language_model",)]),
        ({"language_model": None, "skip_phases": (Phase.PLANNING,)}, []),
        ({"language_model": replace(MODEL, connection="", model=" ")},
         [("language_model", "connection"), ("language_model", "model")]),
        ({"language_model": replace(MODEL, timeout_seconds=0, token_budget=0, max_answer_tokens=0)},
         [("language_model", "timeout_seconds"), ("language_model", "max_answer_tokens"),
          ("language_model", "token_budget")]),
        ({"mail": replace(MAIL, connection="no", sender="me")}, [("mail", "sender")]),
        ({"mail": replace(MAIL, sender="a@b\nBcc: c@d")}, [("mail", "sender")]),
        ({"compensations": (TWICE, TWICE)}, [("compensations",)]),
        ({"approval_hours": 0, "lowest_risk": 6, "sample_size": 0},
         [("approval_hours",), ("lowest_risk",), ("sample_size",)]),
    ],
)  # fmt: skip
def test_each_wrong_field_is_named(changes: dict[str, Any], paths: list[tuple[str | int, ...]]) -> None:
    found = problems(replace(WHOLE, **changes))
    assert [path for path, _ in found] == paths
    assert all(sentence.endswith((".", "phase planning.")) for _, sentence in found)
