"""Rules of alerts as operators write them."""

from __future__ import annotations

import pytest

from app.alerting import AlertKind, Rule, Severity, rules_of
from app.errors import ConfigurationError


def test_a_rule_has_defaults() -> None:
    text = """
        [[rule]]
        name = "syncs fail"
        kind = "FAILURE_RATE"
        workflow_type = "Sync"
        threshold = 0.25
        severity = "CRITICAL"

        [[rule]]
        name = "nobody works"
        kind = "NO_WORKERS"
    """
    assert rules_of(text, "alerts.toml") == (
        Rule("syncs fail", AlertKind.FAILURE_RATE, 0.25, Severity.CRITICAL, workflow_type="Sync"),
        Rule("nobody works", AlertKind.NO_WORKERS, 0.0),
    )
    assert rules_of("", "alerts.toml") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]", "alerts.toml is no TOML"),
        ("[rules]", r"alerts.toml must hold \[\[rule\]\] tables only, not rules"),
        ("rule = 1", r"must hold \[\[rule\]\] tables only"),
        ("[[rule]]\nkind = 'NO_WORKERS'", "alerts.toml, rule 1 has no name"),
        ("[[rule]]\nname = 'a'", r"rule 1 \(a\): kind cannot be None. Choose one of FAILURE_RATE, RUN_OVERDUE"),
        ("[[rule]]\nname = 'a'\nkind = 'X'", "kind cannot be 'X'"),
        ("[[rule]]\nname = 'a'\nkind = 'INDEX_LAG'\nlimit = 3", "limit is not known. A rule has environment, kind"),
        ("[[rule]]\nname = 'a'\nkind = 'INDEX_LAG'\nthreshold = 'x'", "threshold cannot be 'x'"),
        ("[[rule]]\nname = 'a'\nkind = 'INDEX_LAG'\nthreshold = -1", "threshold cannot be -1"),
        ("[[rule]]\nname = 'a'\nkind = 'INDEX_LAG'\ntenant = 5", "tenant must be a text, not 5"),
        ("[[rule]]\nname = 'a'\nkind = 'INDEX_LAG'\nseverity = 'bad'", "severity cannot be 'bad'"),
        (
            "[[rule]]\nname = 'a'\nkind = 'INDEX_LAG'\n[[rule]]\nname = 'a'\nkind = 'NO_WORKERS'",
            "two rules named 'a'",
        ),
    ],
)
def test_what_cannot_be_meant_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        rules_of(text, "alerts.toml")
