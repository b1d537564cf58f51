"""Alerts within what a caller may see."""

from __future__ import annotations

from app.access import Action, Identity, require
from app.access.workflow_ids import SHARED, WorkflowIds
from app.gateway.naming import within
from app.model import Page
from app.store.alerts import Alert, AlertFilter, AlertPosition, Alerts


class AlertReading:
    def __init__(self, alerts: Alerts, ids: WorkflowIds = SHARED) -> None:
        self._alerts = alerts
        self._ids = ids

    async def page(
        self, identity: Identity, filter_: AlertFilter, limit: int, after: AlertPosition | None
    ) -> Page[Alert]:
        """Newest first. Alerts of the platform, such as of queues, are for those who see every tenant."""
        require(identity, Action.READ)
        wanted = scoped(identity, filter_, self._ids)
        return Page(()) if wanted is None else await self._alerts.page(wanted, limit, after)

    async def get(self, identity: Identity, id_: int) -> Alert | None:
        """One alert; None where there is none that the caller may see."""
        found = (await self.page(identity, AlertFilter(id=id_), 1, None)).items
        return found[0] if found else None

    async def count(self, identity: Identity, filter_: AlertFilter) -> int:
        require(identity, Action.READ)
        wanted = scoped(identity, filter_, self._ids)
        return 0 if wanted is None else await self._alerts.count(wanted)


def scoped(identity: Identity, filter_: AlertFilter, ids: WorkflowIds) -> AlertFilter | None:
    """The filter within what the identity may see; None where it names another tenant, and for those who do not see
    every type of run, since an alert does not say of which type its run is."""
    return None if identity.is_bounded else within(identity, filter_, ids)
