"""Lists within what a caller may see."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from app.access import SOME_RUN, Action, Identity, Part, Place, Tag, Target, require, withheld
from app.access.identity import Role, permissions_of
from app.access.rules import Rule
from app.access.workflow_ids import SHARED, WorkflowIds
from app.errors import BadUserInput, DeadlineExceeded, Forbidden
from app.gateway.seeing import SCHEDULED_BY
from app.model import Execution, ExecutionRef, Glimpse, Json, Page
from app.store.executions import Executions
from app.store.listing import Column, Count, Filter, JsonValue, Listing, Match

NOTHING = Filter(any=())
TOO_SLOW = (
    "Postgres did not find the runs of this filter in its time. Narrow it, such as by startTime, tenant or"
    " workflowType; a workflowId that contains less than three letters is not found by an index."
)


class Lists:
    def __init__(self, executions: Executions, namespaces: Sequence[str], ids: WorkflowIds = SHARED) -> None:
        self._executions = executions
        self._ids = ids
        self._namespaces = tuple(namespaces)

    async def page(self, identity: Identity, listing: Listing) -> Page[Execution]:
        """A window of the runs that the caller may see.

        BadUserInput for a namespace that is not served, DeadlineExceeded for a filter that takes too long.
        """
        with _told_if_slow():
            return await self._executions.page(self._within(identity, listing))

    async def glimpses(self, identity: Identity, listing: Listing, attributes: Collection[str]) -> Page[Glimpse]:
        """As `page`, but only these attributes of the runs are read."""
        with _told_if_slow():
            return await self._executions.glimpses(self._within(identity, listing), attributes)

    def _within(self, identity: Identity, listing: Listing) -> Listing:
        require_lists(identity)
        return replace(listing, filter=self.seen(identity, listing.filter))

    async def count(self, identity: Identity, filter_: Filter) -> Count:
        """How many of the runs that the caller may see the filter has."""
        require_lists(identity)
        return await self._executions.count(self.seen(identity, filter_))

    def seen(self, identity: Identity, filter_: Filter) -> Filter:
        """The filter within what the caller may see, in Temporal's names; BadUserInput for a namespace that is not
        served."""
        return self.understood(identity, self._meant(identity, filter_))

    def understood(self, identity: Identity, filter_: Filter) -> Filter:
        """As `seen`, in the caller's own names."""
        for each in parts(filter_):
            for name in each.namespaces:
                if name not in self._namespaces:
                    raise BadUserInput(
                        f"This gateway does not serve namespace {name!r}, only {', '.join(self._namespaces)}.",
                        path=("filter", "namespace"),
                    )
        require_shown(identity, filter_)
        served = filter_ if filter_.namespaces else replace(filter_, namespaces=self._namespaces)
        return bounded(identity, scoped(identity, served))

    def _meant(self, identity: Identity, filter_: Filter) -> Filter:
        """The filter with the workflow ids that Temporal knows in the place of those that the caller does."""
        if not self._ids.part(identity):
            return filter_
        scheduled = tuple(each for each in filter_.values if _is_schedule(each))
        plain = replace(
            filter_,
            values=tuple(each for each in filter_.values if each not in scheduled),
            workflow_id=None,
            workflow_id_prefix=None,
            parent=None,
            root=None,
            every=tuple(self._meant(identity, each) for each in filter_.every),
            any=None if filter_.any is None else tuple(self._meant(identity, each) for each in filter_.any),
            none=tuple(self._meant(identity, each) for each in filter_.none),
        )
        return replace(plain, every=(*plain.every, *self._alternatives(identity, filter_)))

    def _alternatives(self, identity: Identity, filter_: Filter) -> Iterator[Filter]:
        for name in _NAMING:
            value = getattr(filter_, name)
            if isinstance(value, ExecutionRef):
                meant: list[Any] = [
                    replace(value, workflow_id=each) for each in self._ids.meant(identity, value.workflow_id)
                ]
            elif value is not None:
                meant = list(self._ids.meant(identity, value))
            else:
                continue
            yield Filter(any=tuple(Filter(**{name: each}) for each in meant))
        for value in filter_.values:
            if _is_schedule(value):
                names = self._ids.meant(identity, str(value.value))
                yield Filter(any=tuple(Filter(values=(replace(value, value=each),)) for each in names))


def _is_schedule(value: JsonValue) -> bool:
    """Whether it compares the schedule that started a run."""
    is_it = value.column is Column.SEARCH_ATTRIBUTES and value.path == (SCHEDULED_BY,)
    return is_it and isinstance(value.value, str) and value.match in {Match.EQUALS, Match.CONTAINS}


_NAMING = ("workflow_id", "workflow_id_prefix", "parent", "root")
"""Conditions that begin with a workflow id. A part of one is looked for in what Temporal knows."""


@contextmanager
def _told_if_slow() -> Iterator[None]:
    try:
        yield
    except DeadlineExceeded as error:
        raise DeadlineExceeded(TOO_SLOW) from error


def require_lists(identity: Identity) -> None:
    """A watch token of a tree knows its runs by name: lists are for tags."""
    require(identity, Action.READ, SOME_RUN)
    if identity.grant is not None and not isinstance(identity.grant.runs, Tag):
        raise Forbidden("A watch token of a run reads its own runs by name: it has no lists.")


_COLUMN_PARTS = {
    Column.METADATA: Part.METADATA,
    Column.MEMO: Part.MEMO,
    Column.SEARCH_ATTRIBUTES: Part.SEARCH_ATTRIBUTES,
}


def require_shown(identity: Identity, filter_: Filter) -> None:
    """Raise Forbidden for a filter by what the caller does not see in whole of every run: whether it matches would
    tell what the value is."""
    hidden = withheld(identity, Target(is_run=True)) if identity.rules else {}
    for each in parts(filter_) if hidden else ():
        for place in _asked(each):
            if any(place.touches(other) for other in hidden):
                raise Forbidden(f"{identity.subject} may not filter by {place}, which is withheld from them.")


def _asked(filter_: Filter) -> Iterator[Place]:
    """The places that a filter, without those that it combines, looks at."""
    for path in _paths(filter_.metadata):
        yield Place(Part.METADATA, path)
        yield Place(Part.MEMO, ("metadata", *path))
    for value in filter_.values:
        yield Place(_COLUMN_PARTS[value.column], value.path)
        if value.column is Column.MEMO and value.path[0] == "metadata":
            yield Place(Part.METADATA, value.path[1:])
        if value.column is Column.METADATA:
            yield Place(Part.MEMO, ("metadata", *value.path))
    if filter_.failure_message_contains is not None or filter_.words is not None:
        yield Place(Part.FAILURE)


def _paths(value: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif path:
        yield path


def bounded(identity: Identity, filter_: Filter) -> Filter:
    """The filter within the runs that rules and a watch token of a tag leave of the scope."""
    bounds = []
    if identity.grant is not None and isinstance(tag := identity.grant.runs, Tag):
        bounds.append(Filter(metadata={tag.key: tag.value}))
    if any(Action.READ in rule.deny for rule in identity.rules):
        bounds.append(Filter(any=tuple(_readable(identity, role) for role in sorted(identity.roles))))
    return replace(filter_, every=(*filter_.every, *bounds)) if bounds else filter_


def _readable(identity: Identity, role: Role) -> Filter:
    """What one role may read."""
    if Action.READ not in permissions_of(role):
        return NOTHING
    denied = tuple(
        Filter(any=tuple(_denied(rule))) for rule in identity.rules if rule.concerns(role) and Action.READ in rule.deny
    )
    return Filter(none=denied)


def _denied(rule: Rule) -> Iterator[Filter]:
    """The runs that a rule is about."""
    others = (Filter(workflow_types=rule.except_workflow_types),) if rule.except_workflow_types else ()
    for tenant in rule.tenants or (None,):
        for environment in rule.environments or (None,):
            yield Filter(tenant=tenant, environment=environment, workflow_types=rule.workflow_types, none=others)


def parts(filter_: Filter) -> Iterator[Filter]:
    """The filter and all that it combines."""
    yield filter_
    for each in (*filter_.every, *(filter_.any or ()), *filter_.none):
        yield from parts(each)


def scoped(identity: Identity, filter_: Filter) -> Filter:
    """The filter within what the identity may see. A filter that names another tenant matches nothing."""
    scope = identity.scope
    if scope.tenant is None and scope.environment is None:
        return filter_
    for asked, seen in ((filter_.tenant, scope.tenant), (filter_.environment, scope.environment)):
        if asked is not None and seen is not None and asked != seen:
            return NOTHING
    return replace(
        filter_,
        tenant=scope.tenant if scope.tenant is not None else filter_.tenant,
        environment=scope.environment if scope.environment is not None else filter_.environment,
    )
