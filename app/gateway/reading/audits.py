"""The audit, for those who may read it: admins of their tenant, and the platform."""

from __future__ import annotations

from app.access import Identity, Role
from app.access.workflow_ids import SHARED, WorkflowIds
from app.errors import Forbidden
from app.gateway.naming import within
from app.model import Page
from app.store.audit import Act, Audit, AuditFilter


class AuditReading:
    def __init__(self, audit: Audit, ids: WorkflowIds = SHARED) -> None:
        self._audit = audit
        self._ids = ids

    async def page(self, identity: Identity, filter_: AuditFilter, limit: int, before: int | None) -> Page[Act]:
        """Acts, newest first. Forbidden for who is neither admin nor of the platform."""
        wanted = _within(identity, filter_, self._ids)
        return Page(()) if wanted is None else await self._audit.page(wanted, limit, before)

    async def count(self, identity: Identity, filter_: AuditFilter) -> int:
        wanted = _within(identity, filter_, self._ids)
        return 0 if wanted is None else await self._audit.count(wanted)


def _within(identity: Identity, filter_: AuditFilter, ids: WorkflowIds) -> AuditFilter | None:
    """The filter within what the identity may see; None where it names another tenant."""
    if not identity.roles & {Role.ADMIN, Role.PLATFORM}:
        raise Forbidden(f"{identity.subject} may not read the audit: that needs the role ADMIN or PLATFORM.")
    return within(identity, filter_, ids)
