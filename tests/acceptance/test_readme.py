"""The README's tour, run as it stands."""

from __future__ import annotations

import asyncio
import json
import os
import re
from typing import Any
from urllib.parse import urlsplit

from tests.acceptance.process import ROOT, Tideline
from tests.waiting import eventually

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)


def commands(section: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return _BLOCK.findall(text.split(f"## {section}\n")[1].split("\n## ")[0])


async def ask_of(section: str, tideline: Tideline) -> list[str]:
    """What the commands of a section say, with `ask` of the tour."""
    return [await run(commands("Tour")[0] + each, tideline) for each in commands(section)]


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


async def test_the_schedules(tideline: Tideline) -> None:
    created, updated, driven = await ask_of("Schedules", tideline)
    made = json.loads(created)["data"]["createSchedule"]
    assert made["userErrors"] == []
    assert (made["schedule"]["tenant"], made["schedule"]["action"]["taskQueue"]) == ("default", "price-sync")
    assert len(made["schedule"]["nextTimes"]) == 10

    changed = json.loads(updated)["data"]["updateSchedule"]
    assert changed["schedule"]["spec"] == {
        "jitterSeconds": 0,
        "timeZone": "Europe/Berlin",
        "calendars": [{"text": "02:30 on Mon-Fri"}],
    }

    paused, triggered, deleted = (json.loads(each)["data"] for each in driven.splitlines() if each)
    assert paused["pauseSchedule"]["schedule"]["paused"] is True
    assert triggered == {"triggerSchedule": {"userErrors": []}}
    assert deleted == {"deleteSchedule": {"deleted": True, "userErrors": []}}


async def test_the_graphs(tideline: Tideline) -> None:
    started, watched, checked = await ask_of("Graphs of nodes", tideline)
    execution = json.loads(started)["data"]["startDagExecution"]["execution"]
    assert execution["status"] == "COMPLETED"
    assert execution["result"]["nodes"]["cheap"]["status"] == "skipped"
    assert execution["result"]["outputs"]["report"]["dearest"][0].startswith("plan-pro-meter-20-")

    assert '"message":"5 of 5 nodes; 1 skipped"' in watched
    assert json.loads(watched.strip().split("\n")[-1])["data"]["workflow"]["query"]["percent"] == 100

    verdict = json.loads(checked)["data"]["startDagValidation"]["execution"]["result"]
    assert [each["path"] for each in verdict["issues"]] == [["nodes", 1, "type"], ["nodes", 0, "data", "condition"]]


async def test_the_test_cycle(tideline: Tideline) -> None:
    start, look, approve, read = commands("Test cycles")
    ask = commands("Tour")[0]
    assert json.loads(await run(ask + start, tideline))["data"]["startTestCycle"]["created"]

    async def stands() -> Any:
        return json.loads(await run(ask + look, tideline)).get("data", {}).get("workflow")

    def is_waiting(found: Any) -> bool:
        return bool(found and found["query"] and found["query"]["waiting"] == ["scoping"])

    found = await eventually(stands, is_waiting, within=40)
    assert {"name": "planning", "status": "SKIPPED"} in found["phases"]

    approved, _, watched = (await run(ask + approve, tideline)).partition("\n")
    assert json.loads(approved)["data"]["signalWorkflow"]["userErrors"] == []
    assert '"status":"COMPLETED","progress":{"percent":100,"step":"done"' in watched.replace("100.0", "100")

    result = json.loads(await run(ask + read, tideline))["data"]["workflow"]
    assert result["result"]["status"] == "completed"
    assert [each["tests"] for each in result["result"]["reports"]] == [100, 75, 50]
    assert result["compensations"] == []


async def test_the_tenants(tideline: Tideline) -> None:
    started, looked, taken = await ask_of("Tenants", tideline)
    execution = json.loads(started)["data"]["startTenantProvisioning"]["execution"]
    assert (execution["status"], execution["result"]["tenant_id"]) == ("COMPLETED", "wonka-industries")
    found = json.loads(looked)["data"]
    assert found["workflow"]["query"]["progress"] == 100
    assert (found["tenant"]["status"], found["tenant"]["quotas"]["openWorkflows"]) == ("ACTIVE", 50)
    assert json.loads(taken)["data"]["viewer"] == {
        "subject": "key:ada@wonka.example",
        "tenant": "wonka-industries",
        "environment": "production",
        "roles": ["ADMIN"],
    }


async def test_the_catalog(tideline: Tideline) -> None:
    for said in await ask_of("The catalog", tideline):
        *started, read = [json.loads(each)["data"] for each in said.splitlines() if each]
        assert [next(iter(each.values())) for each in started] == [{"created": True, "userErrors": []}] * len(started)
        assert read["workflow"]["status"] in {"RUNNING", "COMPLETED"}
