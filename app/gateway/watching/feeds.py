"""Following the change log: runs and alerts as they change, within what a caller may see."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from app.access import Action, Identity, require
from app.access.workflow_ids import SHARED, WorkflowIds
from app.gateway.reading.alerts import scoped
from app.gateway.reading.listing import Lists, require_lists
from app.hub.feed import Feed
from app.hub.following import followed
from app.hub.matches import AlertStep, Matches, RunStep
from app.hub.ring import Batch
from app.model import LogPlace
from app.store.alerts import AlertFilter
from app.store.listing import Filter


class Feeds:
    def __init__(self, feed: Feed, matches: Matches, lists: Lists, ids: WorkflowIds = SHARED) -> None:
        self._ids = ids
        self._feed = feed
        self._matches = matches
        self._lists = lists

    def changes(self, identity: Identity, filter_: Filter, after: LogPlace | None) -> AsyncGenerator[RunStep, None]:
        """Every change of a run that the filter has when it is read, or had when it was deleted, in order.

        A step with a gap where the log behind `after` is gone. Raises DatabaseUnavailable at the beginning only.
        """
        require_lists(identity)
        seen = self._lists.seen(identity, filter_)
        return followed(self._feed, after, self._matches.runs(identity.scope, seen))

    def alerts(
        self, identity: Identity, filter_: AlertFilter, after: LogPlace | None
    ) -> AsyncGenerator[AlertStep, None]:
        """The same of alerts. Those of the platform are for those who see every tenant."""
        require(identity, Action.READ)
        seen = scoped(identity, filter_, self._ids)
        decide = _nothing if seen is None else self._matches.alerts(identity.scope, seen)
        return followed(self._feed, after, decide)


async def _nothing(_: Batch) -> Sequence[AlertStep]:
    return ()
