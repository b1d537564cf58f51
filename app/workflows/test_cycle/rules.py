"""PURE. Whether a value keeps a rule, and how grave it is that some did not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from app.workflows.test_cycle.model import Rule


def keeps(rule: Rule, value: str | None) -> bool:
    """Whether a value, as text, is as the rule says. None and blanks fit every rule but `required`."""
    if value is None or not value.strip():
        return rule.kind != "required"
    if rule.kind == "range":
        return _within(rule, value)
    if rule.kind == "one_of":
        return value in (rule.values or ())
    if rule.kind == "length":
        return rule.maximum is None or len(value) <= rule.maximum
    return True


def _within(rule: Rule, value: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    low = -math.inf if rule.minimum is None else rule.minimum
    high = math.inf if rule.maximum is None else rule.maximum
    return low <= number <= high


def flaw(rule: Rule) -> str | None:
    """Why a rule cannot be kept by anything, or says nothing; None for one that can be used."""
    if rule.kind == "range":
        if rule.minimum is None and rule.maximum is None:
            return "a range needs a minimum or a maximum"
        if rule.minimum is not None and rule.maximum is not None and rule.minimum > rule.maximum:
            return f"the minimum {rule.minimum:g} is above the maximum {rule.maximum:g}"
    if rule.kind == "one_of" and not rule.values:
        return "one_of needs values"
    if rule.kind == "length" and (rule.maximum is None or rule.maximum < 1):
        return "a length needs a maximum of 1 or more"
    return None


def severity(failed: int, tests: int) -> str:
    """Of the observation that so many tests of an attribute failed."""
    share = failed / tests
    return "high" if share >= 0.2 else "medium" if share >= 0.05 else "low"


def rule_of(kept: Mapping[str, Any]) -> Rule:
    """A rule as the database keeps it."""
    values = kept.get("values")
    return Rule(
        kind=kept["kind"],
        minimum=kept.get("minimum"),
        maximum=kept.get("maximum"),
        values=tuple(values) if values is not None else None,
    )
