"""Lists within what a caller may see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.access import Action, Identity, require
from app.errors import BadUserInput, DeadlineExceeded
from app.model import Execution, Page
from app.store.executions import Executions
from app.store.listing import Count, Filter, Listing

NOTHING = Filter(any=())
TOO_SLOW = (
    "Postgres did not find the runs of this filter in its time. Narrow it, such as by startTime, tenant or"
    " workflowType; instead of workflowId contains, use startsWith or search."
)


class Lists:
    def __init__(self, executions: Executions, namespaces: Sequence[str]) -> None:
        self._executions = executions
        self._namespaces = tuple(namespaces)

    async def page(self, identity: Identity, listing: Listing) -> Page[Execution]:
        """A window of the runs that the caller may see.

        BadUserInput for a namespace that is not served, DeadlineExceeded for a filter that takes too long.
        """
        require(identity, Action.READ)
        try:
            return await self._executions.page(replace(listing, filter=self.seen(identity, listing.filter)))
        except DeadlineExceeded as error:
            raise DeadlineExceeded(TOO_SLOW) from error

    async def count(self, identity: Identity, filter_: Filter) -> Count:
        """How many of the runs that the caller may see the filter has."""
        require(identity, Action.READ)
        return await self._executions.count(self.seen(identity, filter_))

    def seen(self, identity: Identity, filter_: Filter) -> Filter:
        """The filter within what the caller may see; BadUserInput for a namespace that is not served."""
        for each in parts(filter_):
            for name in each.namespaces:
                if name not in self._namespaces:
                    raise BadUserInput(
                        f"This gateway does not serve namespace {name!r}, only {', '.join(self._namespaces)}.",
                        path=("filter", "namespace"),
                    )
        served = filter_ if filter_.namespaces else replace(filter_, namespaces=self._namespaces)
        return scoped(identity, served)


def parts(filter_: Filter) -> Iterator[Filter]:
    """The filter and all that it combines."""
    yield filter_
    for each in (*filter_.every, *(filter_.any or ()), *filter_.none):
        yield from parts(each)


def scoped(identity: Identity, filter_: Filter) -> Filter:
    """The filter within what the identity may see. A filter that names another tenant matches nothing."""
    scope = identity.scope
    for asked, seen in ((filter_.tenant, scope.tenant), (filter_.environment, scope.environment)):
        if asked is not None and seen is not None and asked != seen:
            return NOTHING
    return replace(
        filter_,
        tenant=scope.tenant if scope.tenant is not None else filter_.tenant,
        environment=scope.environment if scope.environment is not None else filter_.environment,
    )
