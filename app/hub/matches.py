"""What of the change log is for whom: asked once of Postgres a batch, filter and scope, however many follow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from app.access import Scope
from app.hub.asked import Asked
from app.hub.feed import Feed
from app.hub.following import Decide, Step
from app.hub.ring import Batch
from app.model import Change, ChangeKind, Execution
from app.store.alerts import Alert, AlertFilter, Alerts
from app.store.listing import Filter
from app.store.matching import Matching

RunStep = Step[Execution]
AlertStep = Step[Alert]
_KEPT = 20_000
"""Rows that the answers may hold together."""
_AT_ONCE = 4
"""Connections to Postgres that followers may use together, so that queries have the others."""


class Matches:
    def __init__(self, feed: Feed, matching: Matching, alerts: Alerts) -> None:
        self._feed = feed
        self._matching = matching
        self._alerts = alerts
        self._asking = asyncio.Semaphore(_AT_ONCE)
        self._of_runs: Asked[Sequence[RunStep]] = Asked(_KEPT)
        self._of_alerts: Asked[Sequence[AlertStep]] = Asked(_KEPT)

    def runs(self, scope: Scope, filter_: Filter) -> Decide[Execution]:
        """The changes within the scope of runs that the filter has now, or had when they were deleted."""
        kind = key_of(scope, filter_)

        async def decide(batch: Batch) -> Sequence[RunStep]:
            changes = [each for each in batch.entries if each.alert is None and _covers(scope, each)]
            if not changes:
                return ()
            return await self._of_runs.of((kind, batch.after, batch.upto), lambda: self._runs(changes, filter_))

        return decide

    def alerts(self, scope: Scope, filter_: AlertFilter) -> Decide[Alert]:
        """The changes within the scope of alerts that the filter has now."""
        kind = key_of(scope, filter_)

        async def decide(batch: Batch) -> Sequence[AlertStep]:
            changes = [each for each in batch.entries if each.alert is not None and _covers(scope, each)]
            if not changes:
                return ()
            return await self._of_alerts.of((kind, batch.after, batch.upto), lambda: self._told(changes, filter_))

        return decide

    async def _runs(self, changes: Sequence[Change], filter_: Filter) -> Sequence[RunStep]:
        deleted = [each.cursor for each in changes if each.kind is ChangeKind.DELETED]
        refs = dict.fromkeys(each.ref for each in changes if each.kind is not ChangeKind.DELETED)
        async with self._asking:
            matched = await self._matching.of(filter_, list(refs), deleted)
        return tuple(
            Step(self._feed.place(each.cursor), each, None if is_gone else matched.runs[each.ref])
            for each in changes
            for is_gone in (each.kind is ChangeKind.DELETED,)
            if (each.cursor in matched.gone if is_gone else each.ref in matched.runs)
        )

    async def _told(self, changes: Sequence[Change], filter_: AlertFilter) -> Sequence[AlertStep]:
        ids = [each.alert for each in changes if each.alert is not None]
        async with self._asking:
            found = await self._alerts.among(list(dict.fromkeys(ids)), filter_)
        return tuple(
            Step(self._feed.place(each.cursor), each, found[each.alert]) for each in changes if each.alert in found
        )


def key_of(*asked: object) -> bytes:
    """The same for the same question."""
    return msgspec.json.encode(asked, order="sorted")


def _covers(scope: Scope, change: Change) -> bool:
    return scope.covers(change.tenant, change.environment)
