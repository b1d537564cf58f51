"""Records real histories for the tests of the projection: `python -m tests.record_histories`.

Plays `scenarios` against a development server and writes what `temporal workflow show --output json`
exports into `tests/histories/<scenario>.json`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from socket import gethostname

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from tests.dag_scenarios import dag_histories
from tests.scenarios import SCENARIOS, Stage, worker

HISTORIES = Path(__file__).parent / "histories"
TEMPORAL = str(Path(sys.executable).parent / "temporal")


async def export(client: Client, handle: WorkflowHandle) -> bytes:  # type: ignore[type-arg]
    """What Temporal's command line exports of a run."""
    process = await asyncio.create_subprocess_exec(
        *(TEMPORAL, "workflow", "show", "--output", "json", "--disable-config-file"),
        *("--address", client.service_client.config.target_host, "--namespace", client.namespace),
        *("--workflow-id", handle.id, "--run-id", handle.run_id or ""),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, f"temporal workflow show ended with {process.returncode}"
    return portable(output)


def portable(output: bytes) -> bytes:
    """Without the names of the machine that recorded it."""
    for local, common in (
        (str(HISTORIES.parents[1]), "/app"),
        (sys.prefix, "/venv"),
        (gethostname(), "host"),
    ):
        output = output.replace(local.encode(), common.encode())
    return output


async def main() -> None:
    HISTORIES.mkdir(exist_ok=True)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=TEMPORAL,
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowPauseEnabled=true"],
    ) as environment:
        client = environment.client
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace,
                search_attributes={"TenantId": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD},
            )
        )
        stage = Stage(client, "recorded")
        async with worker(client, stage.queue):
            wanted = set(sys.argv[1:])
            chosen = [each for each in SCENARIOS if not wanted or each.__name__ in wanted]
            played = await asyncio.gather(*(each(stage) for each in chosen))
        if not wanted or "dag" in wanted:
            played.append(await dag_histories(client))
        for runs in played:
            for name, handle in runs.items():
                (HISTORIES / f"{name}.json").write_bytes(await export(client, handle))
                print(name)
    await asyncio.sleep(0.5)  # cancelling a call and leaving at once can hang the interpreter


if __name__ == "__main__":
    asyncio.run(main())
