"""Rules of alerts: what an operator wants to be told of. Pure.

A file in TOML has one table a rule:

    [[rule]]
    name = "price syncs fail"
    kind = "FAILURE_RATE"
    workflow_type = "PriceSyncWorkflow"
    threshold = 0.2
    window_minutes = 15
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from app.errors import ConfigurationError


class AlertKind(StrEnum):
    """What a rule looks at, and what its threshold is."""

    FAILURE_RATE = "FAILURE_RATE"
    """Of the runs of a type that closed within the window, the part that failed or timed out, 0 to 1."""
    RUN_OVERDUE = "RUN_OVERDUE"
    """How long an open run lasts, in multiples of the p90 of its type's profile."""
    ACTIVITY_RETRYING = "ACTIVITY_RETRYING"
    """The attempt that an activity of an open run is on."""
    NO_WORKERS = "NO_WORKERS"
    """Open runs on a task queue that no worker polls."""
    INDEX_LAG = "INDEX_LAG"
    """Seconds that the index is behind a namespace."""


class Severity(StrEnum):
    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


_THRESHOLDS = {
    AlertKind.FAILURE_RATE: 0.1,
    AlertKind.RUN_OVERDUE: 1.5,
    AlertKind.ACTIVITY_RETRYING: 5.0,
    AlertKind.NO_WORKERS: 0.0,
    AlertKind.INDEX_LAG: 30.0,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert is open while the value is above the threshold. What is None does not restrict."""

    name: str
    kind: AlertKind
    threshold: float
    severity: Severity = Severity.WARNING
    window_minutes: float = 15.0
    """For FAILURE_RATE: how far back it looks."""
    minimum: int = 10
    """For FAILURE_RATE: how many runs must have closed within the window."""
    namespace: str | None = None
    tenant: str | None = None
    environment: str | None = None
    workflow_type: str | None = None
    task_queue: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule holds against. `subject` is its key within the rule, `name` what people call it."""

    subject: str
    name: str
    message: str
    value: float
    namespace: str | None = None
    tenant: str | None = None
    environment: str | None = None
    workflow_id: str | None = None
    run_id: str | None = None


def rules_of(text: str, source: str) -> tuple[Rule, ...]:
    """The rules of a file; ConfigurationError names the rule and what is wrong with it."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{source} is no TOML: {error}.") from None
    found = tables.pop("rule", [])
    if tables or not isinstance(found, list):
        raise ConfigurationError(f"{source} must hold [[rule]] tables only{_besides(tables)}.")
    rules = tuple(_rule(table, f"{source}, rule {number}") for number, table in enumerate(found, 1))
    names = [rule.name for rule in rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigurationError(f"{source} has two rules named {twice!r}. Give each its own name.")
    return rules


def _besides(tables: Mapping[str, Any]) -> str:
    return f", not {', '.join(tables)}" if tables else ""


def _rule(table: Any, where: str) -> Rule:
    if not isinstance(table, dict) or not isinstance(table.get("name"), str) or not table["name"]:
        raise ConfigurationError(f"{where} has no name.")
    where = f"{where} ({table['name']})"
    known = {each.name for each in fields(Rule)}
    if unknown := set(table) - known:
        raise ConfigurationError(
            f"{where}: {', '.join(sorted(unknown))} is not known. A rule has {', '.join(sorted(known))}."
        )
    values = dict(table)
    values["kind"] = _choice(AlertKind, table.get("kind"), where, "kind")
    values["severity"] = _choice(Severity, table.get("severity", Severity.WARNING), where, "severity")
    values.setdefault("threshold", _THRESHOLDS[values["kind"]])
    for name in ("threshold", "window_minutes", "minimum"):
        if name in values:
            values[name] = _number(values[name], where, name)
    for name in ("namespace", "tenant", "environment", "workflow_type", "task_queue"):
        if name in values and not isinstance(values[name], str):
            raise ConfigurationError(f"{where}: {name} must be a text, not {values[name]!r}.")
    return Rule(**values)


def _choice(kind: type[Any], value: Any, where: str, name: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(each.value for each in kind)
        raise ConfigurationError(f"{where}: {name} cannot be {value!r}. Choose one of {choices}.") from None


def _number(value: Any, where: str, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ConfigurationError(f"{where}: {name} cannot be {value!r}: it is a number from 0.")
    return value
