"""A policy's file: what it may say, and what is told of a mistake."""

from __future__ import annotations

import pytest

from app.access import Action, Part, Place, Policy, Role, Rule, policy_of
from app.errors import ConfigurationError


def test_a_rule_with_everything() -> None:
    text = """
    [[rule]]
    roles = ["viewer", "OPERATOR"]
    tenants = ["acme"]
    environments = ["prod"]
    workflow_types = ["Payroll"]
    deny = ["cancel"]
    signals = ["approve", "retry-*"]
    queries = []
    hide = ["result", "metadata.customer.iban"]
    mask = ["input", "failure"]
    """
    assert policy_of(text, "p.toml") == Policy(
        (
            Rule(
                roles=frozenset({Role.VIEWER, Role.OPERATOR}),
                tenants=("acme",),
                environments=("prod",),
                workflow_types=("Payroll",),
                deny=frozenset({Action.CANCEL}),
                signals=("approve", "retry-*"),
                queries=(),
                hide=(Place(Part.RESULT), Place(Part.METADATA, ("customer", "iban"))),
                mask=(Place(Part.INPUT), Place(Part.FAILURE)),
            ),
        )
    )


def test_an_empty_file_takes_nothing() -> None:
    assert policy_of("", "p.toml") == Policy()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule", "p.toml is no TOML"),
        ("rules = 1", "must hold [[rule]] tables only, not rules"),
        ("[[rule]]\nrole = ['VIEWER']", "p.toml, rule 1: role is not known"),
        ("[[rule]]\nroles = 'VIEWER'", "rule 1: roles must be a list of texts"),
        ("[[rule]]\nroles = ['BOSS']\ndeny = ['READ']", "roles cannot hold 'BOSS'"),
        ("[[rule]]\ndeny = ['FLY']", "deny cannot hold 'FLY'"),
        ("[[rule]]\nhide = ['secrets']", "hide cannot hold 'secrets'"),
        ("[[rule]]\nhide = ['result.total']", "only metadata, memo, searchAttributes have paths"),
        ("[[rule]]\nhide = ['metadata..iban']", "cannot hold 'metadata..iban'"),
        ("[[rule]]\nroles = ['VIEWER']", "rule 1 takes nothing away"),
        ("[[rule]]\nworkflow_types = ['A']\nexcept_workflow_types = ['B']\ndeny = ['READ']", "not both"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        policy_of(text, "p.toml")
    assert words in caught.value.message
