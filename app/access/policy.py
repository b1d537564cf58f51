"""The policy of an operator: a file in TOML whose rules narrow what roles may do and see. Pure.

[[rule]]
roles = ["VIEWER", "OPERATOR"]        # of these roles; not given: of all
tenants = ["acme"]                    # and environments
workflow_types = ["PayrollWorkflow"]  # or except_workflow_types = [...]
deny = ["CANCEL"]                     # permissions; READ makes runs of these types vanish
signals = ["approve", "retry-*"]      # the only ones that may be sent; likewise queries and updates
hide = ["result", "metadata.customer.iban"]
mask = ["input", "failure"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from app.access.identity import Action, Identity, Role
from app.access.rules import WITH_PATHS, Part, Place, Rule
from app.errors import ConfigurationError

Member = TypeVar("Member", Role, Action)


@dataclass(frozen=True, slots=True)
class Policy:
    rules: tuple[Rule, ...] = ()

    def narrowed(self, identity: Identity) -> Identity:
        """The identity with the rules about it, so that its rights tell it from those with other rules."""
        if not self.rules and not identity.rules:
            return identity
        return replace(
            identity, rules=tuple(_within(rule, identity) for rule in self.rules if _is_about(rule, identity))
        )


def _is_about(rule: Rule, identity: Identity) -> bool:
    scope = identity.scope
    return (
        any(map(rule.concerns, identity.roles))
        and (not rule.tenants or scope.tenant is None or scope.tenant in rule.tenants)
        and (not rule.environments or scope.environment is None or scope.environment in rule.environments)
    )


def _within(rule: Rule, identity: Identity) -> Rule:
    """The rule without the bounds that hold for all that the identity sees."""
    scope = identity.scope
    return replace(
        rule,
        tenants=() if scope.tenant is not None else rule.tenants,
        environments=() if scope.environment is not None else rule.environments,
    )


def policy_of(text: str, source: str) -> Policy:
    """The policy of a file; ConfigurationError names the rule and what is wrong with it."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{source} is no TOML: {error}.") from None
    found = tables.pop("rule", [])
    if tables or not isinstance(found, list):
        besides = f", not {', '.join(tables)}" if tables else ""
        raise ConfigurationError(f"{source} must hold [[rule]] tables only{besides}.")
    return Policy(tuple(_rule(table, f"{source}, rule {number}") for number, table in enumerate(found, 1)))


def _rule(table: Any, where: str) -> Rule:
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where} is no table.")
    known = [each.name for each in fields(Rule)]
    if unknown := set(table) - set(known):
        raise ConfigurationError(f"{where}: {', '.join(sorted(unknown))} is not known. A rule has {', '.join(known)}.")
    texts = {name: _texts(value, f"{where}: {name}") for name, value in table.items()}
    rule = Rule(**_cast(texts, where))
    if rule.workflow_types and rule.except_workflow_types:
        raise ConfigurationError(f"{where}: give workflow_types or except_workflow_types, not both.")
    if not (rule.deny or rule.hide or rule.mask or {"signals", "queries", "updates"} & table.keys()):
        raise ConfigurationError(f"{where} takes nothing away. Give deny, signals, queries, updates, hide or mask.")
    return rule


def _cast(texts: Mapping[str, tuple[str, ...]], where: str) -> dict[str, Any]:
    values: dict[str, Any] = dict(texts)
    if "roles" in texts:
        values["roles"] = frozenset(_member(Role, each, f"{where}: roles") for each in texts["roles"])
    if "deny" in texts:
        values["deny"] = frozenset(_member(Action, each, f"{where}: deny") for each in texts["deny"])
    for name in ("hide", "mask"):
        if name in texts:
            values[name] = tuple(_place(each, f"{where}: {name}") for each in texts[name])
    return values


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise ConfigurationError(f"{where} must be a list of texts, not {value!r}.")
    return tuple(value)


def _member(kind: type[Member], text: str, where: str) -> Member:
    try:
        return kind(text.upper())
    except ValueError:
        raise ConfigurationError(f"{where} cannot hold {text!r}. Choose of {', '.join(kind)}.") from None


def _place(text: str, where: str) -> Place:
    name, *path = text.split(".")
    try:
        part = Part(name)
    except ValueError:
        raise ConfigurationError(f"{where} cannot hold {text!r}. Choose of {', '.join(Part)}.") from None
    if path and (part not in WITH_PATHS or not all(path)):
        with_paths = ", ".join(each for each in Part if each in WITH_PATHS)
        raise ConfigurationError(f"{where} cannot hold {text!r}: only {with_paths} have paths, such as metadata.a.b.")
    return Place(part, tuple(path))
