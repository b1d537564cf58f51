"""The guard against another cluster: a wrong address, or Temporal made anew, must not empty the index."""

from __future__ import annotations

import time
from collections.abc import Iterable

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeNamespaceResponse

from app import metrics
from app.errors import Conflict
from app.log import logger
from app.store.sources import Sources
from app.temporal.connection import Temporal

log = logger(__name__)

_TRUSTED_SECONDS = 5.0
"""How long a namespace is taken for what it was when it was last looked at."""
ANY = "any"


class AnotherNamespace(Conflict):
    """What Temporal has under the name is not what the index was made from."""


class Origins:
    """Knows each namespace by the id that Temporal drew for it, which stays the same wherever it is replicated.

    `accepted` are ids that the index may go over to, or `any`.
    """

    def __init__(self, temporal: Temporal, sources: Sources, accepted: Iterable[str] = ()) -> None:
        self._temporal = temporal
        self._sources = sources
        self._accepted = frozenset(accepted)
        self._looked_at: dict[str, float] = {}
        self._told: dict[str, str | None] = {}
        """What the database says of each namespace: why it is refused, or None."""

    async def check(self, namespace: str) -> None:
        """As `verify`, but for a moment it believes what it found before."""
        if time.monotonic() - self._looked_at.get(namespace, -_TRUSTED_SECONDS) >= _TRUSTED_SECONDS:
            await self.verify(namespace)

    def doubt(self, namespace: str) -> None:
        """The connection failed: what answers next may be another cluster."""
        self._looked_at.pop(namespace, None)

    async def verify(self, namespace: str) -> None:
        """Ask Temporal. Raises AnotherNamespace, and NotFound where it has none of that name."""
        self.doubt(namespace)
        described: DescribeNamespaceResponse = await self._temporal.call(
            "describe_namespace", DescribeNamespaceRequest(namespace=namespace)
        )
        found = described.namespace_info.id
        held = await self._sources.claim(namespace, found)
        if held != found:
            if self._accepted.isdisjoint({found, ANY}):
                await self._refuse(namespace, held, found)
            await self._sources.accept(namespace, found)
            log.warning("index goes over to another namespace", namespace=namespace, was=held, namespace_id=found)
        metrics.INDEXER_REFUSED.labels(namespace).set(0)
        if self._told.get(namespace, "") is not None:
            await self._tell(namespace, None)
        self._looked_at[namespace] = time.monotonic()

    async def _refuse(self, namespace: str, held: str, found: str) -> None:
        reason = (
            f"Namespace {namespace!r} of Temporal at {self._temporal.address} is not the one that the index was made"
            f" from: its id is {found}, that of the index {held}. Check TEMPORAL_ADDRESS. Until it is right nothing"
            f" is indexed and nothing forgotten. If Temporal was made anew, set TIDELINE_ACCEPT_NAMESPACES={found}:"
            " the index then goes over to it and forgets the open runs that it does not have."
        )
        metrics.INDEXER_REFUSED.labels(namespace).set(1)
        if self._told.get(namespace) != reason:
            log.error("indexer refuses another cluster", namespace=namespace, reason=reason)
            await self._tell(namespace, reason)
        raise AnotherNamespace(reason)

    async def _tell(self, namespace: str, reason: str | None) -> None:
        await self._sources.tell(namespace, reason)
        self._told[namespace] = reason
