"""What the connected server offers of what not every server does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeNamespaceResponse

from app.errors import TidelineError
from app.temporal.connection import Temporal

_ASKED_AGAIN_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Offered until the server has said otherwise."""

    pause: bool = True
    update: bool = True


class Offers:
    """What each namespace offers, asked for at most once a minute. While Temporal is away, what was known last."""

    def __init__(self, temporal: Temporal) -> None:
        self._temporal = temporal
        self._known: dict[str, tuple[Capabilities, float]] = {}
        self._asking = asyncio.Lock()

    async def of(self, namespace: str) -> Capabilities:
        known = self._fresh(namespace)
        if known is None:
            async with self._asking:
                known = self._fresh(namespace) or await self._asked(namespace)
        return known

    def _fresh(self, namespace: str) -> Capabilities | None:
        known, until = self._known.get(namespace, (None, 0.0))
        return known if time.monotonic() < until else None

    async def _asked(self, namespace: str) -> Capabilities:
        known, _ = self._known.get(namespace, (Capabilities(), 0.0))
        try:
            response: DescribeNamespaceResponse = await self._temporal.call(
                "describe_namespace", DescribeNamespaceRequest(namespace=namespace), retry=False
            )
            said = response.namespace_info.capabilities
            known = Capabilities(pause=said.workflow_pause, update=said.sync_update)
        except TidelineError:
            pass
        self._known[namespace] = (known, time.monotonic() + _ASKED_AGAIN_AFTER)
        return known
