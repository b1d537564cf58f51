"""The indexer: one leader that follows, the others that stand by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import timedelta
from pathlib import Path

from app import metrics
from app.alerting import Rule, rules_of
from app.bus import Bus
from app.errors import ConfigurationError, DatabaseUnavailable
from app.indexer import hints
from app.indexer.alerter import EVERY_SECONDS as ALERT_SECONDS
from app.indexer.alerter import Alerter
from app.indexer.archiver import Archiver
from app.indexer.follower import PAGE_SIZE, Follower
from app.indexer.origins import Origins
from app.indexer.profiler import PROFILE_SECONDS, STATISTICS_SECONDS, Profiler
from app.indexer.pruner import PRUNE_SECONDS, Pruner
from app.indexer.supervision import backoff, repeat
from app.indexer.writer import CHANGES, Publish, Writer
from app.log import logger
from app.settings import Settings
from app.store import Archive, Changes, Database, Executions, Watermarks
from app.store.alerts import Alerts
from app.store.batches import Batches
from app.store.hand_overs import HandOvers
from app.store.idempotency import Idempotency
from app.store.lock import SessionLock
from app.store.profiles import Profiles
from app.store.retention import Retention
from app.store.sources import Sources
from app.store.sums import Sums
from app.temporal.configured import temporal_of
from app.temporal.connection import Temporal

log = logger(__name__)

_LOCK = 0x7469_6465_0000_0001
TICK_SECONDS = 0.5
SWEEP_SECONDS = 4.0
LOOK_BACK_SECONDS = 10.0
_CUT_SECONDS = 600.0
CHANGES_KEPT = timedelta(days=7)
"""How long a client may be away and still resume the log of the lists."""


async def run(settings: Settings) -> None:
    """Index until cancelled. Waits for Postgres and Temporal as long as they are away.

    Raises ConfigurationError for settings that cannot work, such as a namespace that does not exist.
    """
    if settings.database_url is None:
        raise ConfigurationError("DATABASE_URL is not set: the index lives in Postgres.")
    rules = _rules(settings.alerts)
    url = str(settings.database_url)
    database = Database(url, pool_size=settings.database_pool, application_name="tideline indexer")
    temporal = temporal_of(settings)
    await database.connect()
    try:
        await temporal.verify_namespaces()
        async with Bus(str(settings.bus_url or url), (CHANGES, hints.RUNS)) as bus:
            indexer = Indexer(
                url,
                database,
                temporal,
                bus.publish,
                lambda: bus.listen(hints.RUNS),
                kept_days=settings.archive_retention_days,
                key_days=settings.idempotency_days,
                rules=rules,
                accepted=settings.accept_namespaces,
            )
            await indexer.run()
    finally:
        await temporal.close()
        await database.close()


def _rules(path: Path | None) -> tuple[Rule, ...]:
    """The rules of alerts; none without a file. Raises ConfigurationError for a file that cannot be read or meant."""
    if path is None:
        return ()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"TIDELINE_ALERTS: {path} cannot be read: {error}.") from None
    return rules_of(text, str(path))


class Indexer:
    """Follows every namespace of `temporal` while it holds the lock in the database at `url`.

    `publish` sends hints; `listen` begins to hear the hints that name runs. `kept_days` is how long closed runs
    are kept where their tenant does not say; None is for ever. `key_days` is for idempotency keys. `accepted` is as
    `Origins` has it.
    """

    def __init__(
        self,
        url: str,
        database: Database,
        temporal: Temporal,
        publish: Publish,
        listen: Callable[[], AsyncIterator[str]],
        *,
        page_size: int = PAGE_SIZE,
        kept_days: float | None = None,
        key_days: float = 7.0,
        rules: Sequence[Rule] = (),
        accepted: Sequence[str] = (),
    ) -> None:
        executions = Executions(database)
        self._changes = Changes(database)
        self._lock = SessionLock(url, _LOCK, application_name="tideline indexer lock")
        self._namespaces = temporal.namespaces
        self._listen = listen
        origins = Origins(temporal, Sources(database), accepted)
        self._writer = Writer(executions, temporal, origins, publish)
        self._make_follower: Callable[[str], Follower] = lambda namespace: Follower(
            namespace, temporal, executions, Watermarks(database), self._writer, origins, page_size=page_size
        )
        self._archiver = Archiver(self._namespaces, temporal, executions, Archive(database), self._writer)
        self._pruner = Pruner(
            Retention(database),
            Idempotency(database),
            Batches(database),
            HandOvers(database),
            self._writer,
            kept_days,
            key_days,
        )
        self._profiler = Profiler(Profiles(database), Sums(database))
        self._alerter = Alerter(rules, temporal, Alerts(database), Watermarks(database), publish)
        self._followers: list[Follower] = []

    @property
    def is_leader(self) -> bool:
        return bool(self._followers)

    @property
    def lag(self) -> float | None:
        """Seconds since the last successful tick, of the namespace that is furthest behind; None on
        standby."""
        return max((each.lag for each in self._followers), default=None)

    async def run(self) -> None:
        """Wait for the lock and follow; when the lock is lost, wait for it again. Ends only by
        cancellation."""
        failures = 0
        while True:
            try:
                await self._lock.hold(self._lead)
            except DatabaseUnavailable as error:
                failures += 1
                if failures == 1:
                    log.warning("indexer cannot lead", reason=error.message)
            except Exception:
                failures += 1
                log.exception("indexer stopped leading")
            await asyncio.sleep(backoff(failures, longest=2.0))

    async def _lead(self) -> None:
        self._followers = [self._make_follower(namespace) for namespace in self._namespaces]
        metrics.INDEXER_LEADER.set(1)
        log.info("indexer leads", namespaces=list(self._namespaces))
        try:
            async with asyncio.TaskGroup() as group:
                for loop in self._loops():
                    group.create_task(loop)
        finally:
            metrics.INDEXER_LEADER.set(0)
            self._followers = []
            log.info("indexer no longer leads")

    def _loops(self) -> list[Coroutine[None, None, None]]:
        loops = [
            repeat("archive", self._archiver.step, 0.0),
            repeat("prune", self._pruner.step, PRUNE_SECONDS),
            repeat("profiles", self._profiler.renew_profiles, PROFILE_SECONDS),
            repeat("statistics", self._profiler.sum_up_days, STATISTICS_SECONDS),
            repeat("alerts", self._alerter.step, ALERT_SECONDS),
            repeat("cut changes", self._cut_changes, _CUT_SECONDS),
            repeat("hints", self._follow_hints, 1.0),
        ]
        for each in self._followers:
            name = each.namespace
            loops += [
                repeat(f"tick {name}", each.tick, TICK_SECONDS),
                repeat(f"sweep {name}", each.sweep, SWEEP_SECONDS),
                repeat(f"look back {name}", each.look_back, LOOK_BACK_SECONDS),
                repeat(f"catch up {name}", each.catch_up, 0.0, until=each.is_caught_up),
            ]
        return loops

    async def _follow_hints(self) -> None:
        await hints.follow(self._listen(), self._namespaces, self._writer)

    async def _cut_changes(self) -> None:
        await self._changes.cut(CHANGES_KEPT)
