"""The parts that the rim stands on, and their joining when a process starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime

from app.access import Gatekeeper, Identity
from app.api.admission import Admission
from app.api.engine import Engine
from app.api.texts import Texts
from app.api.trusted import TrustedDocuments
from app.bounds import Bounds
from app.budgets import budgets
from app.bus import Bus
from app.errors import ConfigurationError, DatabaseUnavailable, Forbidden
from app.gateway.health import Health
from app.indexer.hints import RUNS
from app.indexer.writer import CHANGES
from app.log import logger
from app.registry.file import configured_registry
from app.settings import Settings
from app.store.database import Database
from app.store.migrations import SchemaState, current, verify_roles
from app.temporal.configured import temporal_of
from app.web import door
from app.web.assembly import assemble, tenant_book
from app.web.checks import checks
from app.web.warden import KEYS, Warden

log = logger(__name__)


async def _nothing() -> None:
    """Nothing to let go of."""


async def _no_session(_: Identity) -> tuple[str, datetime]:
    raise Forbidden("Cookies are not given out here.")


@dataclass(frozen=True)
class Parts:
    """What the sockets need. `leave` is called when a shutdown begins, so that whoever waits is answered; `close` lets
    everything go at the end."""

    engine: Engine
    gatekeeper: Gatekeeper
    health: Health = field(default_factory=lambda: Health({}))
    session: Callable[[Identity], Awaitable[tuple[str, datetime]]] = _no_session
    """The content of a cookie for event streams, and until when it is good."""
    close: Callable[[], Awaitable[None]] = _nothing
    leave: Callable[[], None] = lambda: None


async def join(settings: Settings) -> Parts:
    """Make the parts of one process. Postgres and Temporal may be away: each part heals by itself.

    Raises ConfigurationError for settings that can never work.
    """
    door.verify(settings)
    if settings.database_url is None:
        raise ConfigurationError("DATABASE_URL is not set: the gateway answers from Postgres.")
    url = str(settings.database_url)
    registry = configured_registry(settings.workflows)
    await _verify(url, is_open=door.is_open(settings))
    async with AsyncExitStack() as stack:
        temporal = temporal_of(settings)
        stack.push_async_callback(temporal.close)
        await temporal.verify_namespaces()
        database = Database(url, pool_size=settings.database_pool, application_name="tideline gateway")
        await database.connect()
        stack.push_async_callback(database.close)
        bus = await stack.enter_async_context(Bus(str(settings.bus_url or url), (CHANGES, RUNS, KEYS)))
        health = Health(checks(database, temporal, bus))
        sealer, tickets = door.sealing(settings, database)
        tenants = tenant_book(database)
        gateway = assemble(stack, temporal, database, bus, health, settings, registry, sealer, tenants)
        bounds = Bounds.of(settings.limits)
        spending = budgets(str(settings.bus_url) if settings.bus_url else None, bounds.refill, bounds.budget)
        stack.push_async_callback(spending.close)
        engine = Engine(
            gateway,
            timeout=settings.request_timeout,
            admission=Admission(bounds, spending),
            texts=Texts(TrustedDocuments(settings.documents) if settings.documents else None),
            introspection=settings.introspection,
            suggestions=settings.suggestions,
            compiled=settings.compiled,
        )
        stack.push_async_callback(engine.close)
        readers = door.readers(stack, settings, database, sealer, tickets, tenants)
        gatekeeper = door.gatekeeper(settings, readers)
        Warden(gatekeeper, readers, bus, settings.policy).start(stack)
        close, leave = stack.pop_all().aclose, gateway.polling.leave
        return Parts(engine, gatekeeper, health, gateway.minting.session, close, leave)


async def _verify(url: str, *, is_open: bool) -> None:
    try:
        state = await current(url)
        is_walled = state is not SchemaState.CURRENT or await verify_roles(url)
    except DatabaseUnavailable as error:
        log.warning("postgres is not there yet", reason=error.message)
        return
    if state is SchemaState.AHEAD:
        raise ConfigurationError(
            "The database was migrated by a newer version of Tideline. Run that version, or name another DATABASE_URL."
        )
    if state is SchemaState.BEHIND:
        log.warning("the database is behind this version: run `tideline migrate`")
    if not is_walled and not is_open:
        log.warning(
            "the role of DATABASE_URL could take down the wall between tenants in Postgres: give `tideline migrate` a"
            " TIDELINE_MIGRATION_URL, and `tideline serve` a role that owns nothing"
        )
