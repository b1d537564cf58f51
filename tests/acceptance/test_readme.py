"""The README's tour, run as it stands."""

from __future__ import annotations

import asyncio
import json
import os
import re
from urllib.parse import urlsplit

from tests.acceptance.process import ROOT, Tideline

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)


def commands(section: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return _BLOCK.findall(text.split(f"## {section}\n")[1].split("\n## ")[0])


async def run(script: str, tideline: Tideline) -> str:
    script = script.replace("localhost:8000", urlsplit(tideline.http).netloc)
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "TEMPORAL_ADDRESS": tideline.temporal},
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0, script
    return said.decode()


async def test_the_tour(tideline: Tideline) -> None:
    ask, start, watch, find, timeline, cancel, stranger, inspect = commands("Tour")
    assert json.loads(await run(ask + start, tideline))["data"]["startWorkflow"]["created"]

    watched = await run(ask + watch, tideline)
    assert '"status":"COMPLETED"' in watched
    assert watched.rstrip().endswith("event: complete\ndata:")

    listed = json.loads(await run(ask + find, tideline))["data"]["workflows"]
    assert [each["workflowId"] for each in listed["nodes"]] == ["tour-1"]

    run_ = json.loads(await run(ask + timeline, tideline))["data"]["workflow"]
    assert run_["status"] == "COMPLETED"
    assert {item["kind"] for item in run_["timeline"]["nodes"]} == {"PHASE", "ACTIVITY"}

    refused = json.loads(await run(ask + cancel, tideline))["data"]["cancelWorkflow"]
    assert [each["code"] for each in refused["userErrors"]] == ["ALREADY_CLOSED"]

    seen = json.loads((await run(ask + stranger, tideline)).strip().split("\n")[-1])["data"]["workflow"]
    assert (seen["status"], seen["tenant"], seen["taskQueue"]) == ("RUNNING", "acme", "anywhere")

    assert "sync_prices" in await run(ask + inspect, tideline)
