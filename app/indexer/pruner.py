"""Closed runs, keys of requests, batches, and API keys that nobody took, that are older than kept -> forgotten."""

from __future__ import annotations

from collections import Counter

from app import metrics
from app.indexer.writer import Writer
from app.log import logger
from app.store.batches import Batches
from app.store.hand_overs import HandOvers
from app.store.idempotency import Idempotency
from app.store.retention import Retention

log = logger(__name__)

PRUNE_SECONDS = 60.0


class Pruner:
    """Works in small batches, so that no statement is long and nobody waits for a lock. `days` is for tenants
    that have none of their own; None is for ever. `key_days` is for idempotency keys and batches."""

    def __init__(
        self,
        retention: Retention,
        keys: Idempotency,
        batches: Batches,
        hand_overs: HandOvers,
        writer: Writer,
        days: float | None,
        key_days: float,
    ) -> None:
        self._retention = retention
        self._keys = keys
        self._batches = batches
        self._hand_overs = hand_overs
        self._writer = writer
        self._days = days
        self._key_days = key_days

    async def step(self) -> None:
        """Forget everything that is due."""
        total = 0
        while gone := await self._retention.prune(self._days):
            total += len(gone)
            for namespace, count in Counter(ref.namespace for ref in gone).items():
                metrics.PRUNED.labels(namespace).inc(count)
            self._writer.overlook(gone)
            await self._writer.tell()
        if total:
            log.info("closed runs forgotten", runs=total)
        keys = 0
        while count := await self._keys.prune(self._key_days):
            keys += count
        if keys:
            log.info("idempotency keys forgotten", keys=keys)
        while count := await self._batches.prune(self._key_days):
            log.info("batches forgotten", batches=count)
        if count := await self._hand_overs.prune():
            log.info("API keys revoked that nobody took", keys=count)
