"""May this identity do this here? One pure function, asked before every act and again at every delivery."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.access.identity import Action, Identity, Role, permissions_of
from app.access.rules import Exposure, Place, Rule, matches
from app.model import Execution


@dataclass(frozen=True, slots=True)
class Target:
    """What an act is about. Nothing given is anything that is no run, such as a schedule or the cluster."""

    run: Execution | None = None
    root_chain: str | None = None
    """The chain of the run's root, as `Grant.holds` wants it."""
    is_run: bool = False
    """A run that is not known yet: whether such a thing may be done at all."""
    workflow_type: str | None = None
    """Of a run that is not there yet, or of which only this is known."""
    tenant: str | None = None
    environment: str | None = None
    signal: str | None = None
    query: str | None = None
    update: str | None = None
    place: Place | None = None
    """What of the run is to be shown."""

    @property
    def type_of_run(self) -> str | None:
        return self.run.workflow_type if self.run else self.workflow_type

    @property
    def owner(self) -> tuple[str | None, str | None]:
        return (self.run.tenant, self.run.environment) if self.run else (self.tenant, self.environment)


class Verdict(StrEnum):
    ALLOWED = "ALLOWED"
    FORBIDDEN = "FORBIDDEN"
    NOT_THERE = "NOT_THERE"
    """The caller must not learn that it exists."""


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    exposure: Exposure = Exposure.SHOWN
    """Where a place is asked for that may be read: how much of it."""
    reason: str = ""
    """Why not, for the person who asked; it names nothing that they may not see."""

    @property
    def allowed(self) -> bool:
        return self.verdict is Verdict.ALLOWED


_NOT_THERE = Decision(Verdict.NOT_THERE, Exposure.HIDDEN, "There is no such workflow.")
_INTERNAL = "__temporal_"
"""How queries begin that ask what a workflow declares."""
SOME_RUN = Target(is_run=True)
ANYTHING = Target()


def decide(identity: Identity, action: Action, target: Target = ANYTHING) -> Decision:
    """The whole of who may do what. Roles add up: what one role of the caller allows is allowed; a rule takes from
    the roles that it names, and a grant leaves only its own runs and signals."""
    if target.run is not None:
        if not identity.scope.covers(target.run.tenant, target.run.environment):
            return _NOT_THERE
        if identity.grant is not None and not identity.grant.holds(target.run, target.root_chain):
            return _NOT_THERE
    readers = list(_roles(identity, Action.READ, target))
    if target.run is not None and not readers:
        return _NOT_THERE
    refused = _beyond_grant(identity, action, target)
    allowed = list(_roles(identity, action, target, with_names=True))
    if refused is None and not allowed:
        refused = _refusal(identity, action, target)
    if refused is not None:
        return Decision(Verdict.FORBIDDEN, Exposure.HIDDEN, refused)
    return Decision(Verdict.ALLOWED, _exposure(identity, allowed, target))


def _roles(identity: Identity, action: Action, target: Target, *, with_names: bool = False) -> Iterator[Role]:
    """The roles of the caller that allow it after every rule about them; `with_names`: also under the name of the
    signal, query or update that it would send."""
    for role in identity.roles:
        if action in permissions_of(role) and not any(
            _forbids(rule, action, target) or (with_names and _forbids_name(rule, target))
            for rule in identity.rules
            if rule.concerns(role)
        ):
            yield role


def _forbids(rule: Rule, action: Action, target: Target) -> bool:
    return action in rule.deny and _is_about(rule, target)


def _forbids_name(rule: Rule, target: Target) -> bool:
    sent = ((target.signal, rule.signals), (target.query, rule.queries), (target.update, rule.updates))
    return _is_about(rule, target) and not all(
        name is None or name.startswith(_INTERNAL) or matches(name, patterns) for name, patterns in sent
    )


def _is_about(rule: Rule, target: Target) -> bool:
    if target.type_of_run is None and rule.is_of_some_runs:
        return False  # asked again when the run is known
    return rule.is_about(target.type_of_run, *target.owner)


def _beyond_grant(identity: Identity, action: Action, target: Target) -> str | None:
    grant = identity.grant
    if grant is None:
        return None
    if action not in grant.actions or not (target.is_run or target.run) or target.query is not None:
        return "A watch token reads its own runs and sends the signals that it names, nothing else."
    if target.signal is not None and target.signal not in grant.signals:
        return f"This watch token may not send signal {target.signal!r}."
    return None


def _refusal(identity: Identity, action: Action, target: Target) -> str:
    named = next((each for each in (target.signal, target.query, target.update) if each is not None), None)
    if named is not None and action in identity.permissions:
        kind = "signal" if target.signal is not None else "query" if target.query is not None else "update"
        return f"{identity.subject} may not send {kind} {named!r} to workflows of this type."
    if target.type_of_run is not None and action in identity.permissions:
        return f"{identity.subject} may not {action.phrase} of type {target.type_of_run!r}."
    return f"{identity.subject} may not {action.phrase}: that needs another role."


def _exposure(identity: Identity, roles: list[Role], target: Target) -> Exposure:
    """What the most trusted of the roles sees, after every rule about it."""
    place = target.place
    if place is None or not identity.rules:
        return Exposure.SHOWN
    return min(
        max(
            (
                rule.exposure(place)
                for rule in identity.rules
                if rule.concerns(role) and rule.is_about(target.type_of_run, *target.owner)
            ),
            default=Exposure.SHOWN,
        )
        for role in roles
    )


def withheld(identity: Identity, target: Target) -> dict[Place, Exposure]:
    """Every place that some rule speaks of and that this identity does not see in whole, of such a run."""
    places = dict.fromkeys(place for rule in identity.rules for place in (*rule.hide, *rule.mask))
    readers = list(_roles(identity, Action.READ, target))
    found = {
        place: _exposure(identity, readers, _at(target, place)) if readers else Exposure.HIDDEN for place in places
    }
    return {place: exposure for place, exposure in found.items() if exposure is not Exposure.SHOWN}


def _at(target: Target, place: Place) -> Target:
    return Target(
        run=target.run, workflow_type=target.workflow_type, tenant=target.tenant, environment=target.environment,
        place=place,
    )  # fmt: skip
