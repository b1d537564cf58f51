"""`tideline migrate`: the database's schema, and the search attributes that name a run's tenant."""

from __future__ import annotations

import asyncio
import time

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
    ListSearchAttributesResponse,
)

from app.errors import (
    ConfigurationError,
    Conflict,
    DeadlineExceeded,
    NotFound,
    TemporalUnavailable,
    TidelineError,
)
from app.log import logger
from app.settings import Settings, temporal_connection
from app.store.migrations import admit, migrate
from app.temporal.connection import NotSupported, Temporal

log = logger(__name__)

SEARCH_ATTRIBUTES = ("TenantId", "EnvironmentId")
_KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
_TEMPORAL_WAIT_SECONDS = 30.0


async def run(settings: Settings, *, temporal_wait: float = _TEMPORAL_WAIT_SECONDS) -> None:
    """Bring the database and Temporal to what this version needs; what is there already is left alone.

    Raises ConfigurationError for settings that cannot work, for a namespace that does not exist, and where
    Temporal cannot be reached within `temporal_wait` seconds; DatabaseUnavailable where Postgres does not
    answer.
    """
    if settings.database_url is None:
        raise ConfigurationError("DATABASE_URL is not set: say which database to migrate.")
    url = str(settings.database_url)
    owner = str(settings.migration_url or url)
    applied = await migrate(owner)
    await admit(url, owner)
    log.info("database is up to date", applied=applied)
    temporal = Temporal(temporal_connection(), settings.namespaces, timeout=settings.temporal_timeout)
    try:
        await _reach(temporal, temporal_wait)
        await temporal.verify_namespaces()
        for namespace in temporal.namespaces:
            await _add_search_attributes(temporal, namespace)
    finally:
        await temporal.close()


async def _reach(temporal: Temporal, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            await temporal.check()
        except (TemporalUnavailable, DeadlineExceeded) as error:
            if time.monotonic() > deadline:
                raise ConfigurationError(f"{error.message} Waited {wait:g} s.") from error
            await asyncio.sleep(0.5)
        except NotFound:
            return
        else:
            return


async def _add_search_attributes(temporal: Temporal, namespace: str) -> None:
    """Without them tenants are read from the memo: a server that refuses is no reason to stop."""
    try:
        present = await _present(temporal, namespace)
        missing = [name for name in SEARCH_ATTRIBUTES if name not in present]
        if missing:
            await _add(temporal, namespace, missing)
    except TidelineError as error:
        log.warning(
            "search attributes not added: tenant and environment of a run are read from its memo",
            namespace=namespace,
            attributes=list(SEARCH_ATTRIBUTES),
            reason=error.message,
        )
        return
    for name in SEARCH_ATTRIBUTES:
        if present.get(name, _KEYWORD) != _KEYWORD:
            log.warning(
                "search attribute is not of type Keyword: runs that set it may be refused",
                namespace=namespace,
                attribute=name,
            )
    log.info("search attributes are there", namespace=namespace, added=missing)


async def _add(temporal: Temporal, namespace: str, names: list[str]) -> None:
    request = AddSearchAttributesRequest(namespace=namespace, search_attributes=dict.fromkeys(names, _KEYWORD))
    try:
        await temporal.operate("add_search_attributes", request)
    except NotSupported:
        raise
    except Conflict:
        return  # another process was quicker


async def _present(temporal: Temporal, namespace: str) -> dict[str, int]:
    """Custom search attribute -> its type."""
    response: ListSearchAttributesResponse = await temporal.operate(
        "list_search_attributes", ListSearchAttributesRequest(namespace=namespace)
    )
    return dict(response.custom_attributes)
