"""`tideline dev`: one command starts everything, one signal ends everything."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import uuid
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from temporalio.client import Client

from tests.acceptance.process import Start, Tideline, launch, leftovers, until_nothing_left
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(180)


async def _ended(tideline: Tideline) -> tuple[int, str]:
    """The exit code and standard error of one that ends by itself."""
    async with asyncio.timeout(60):
        output, _ = await tideline.process.communicate()
    assert output == b""
    return tideline.process.returncode or 0, tideline.errors


async def _is_ready(tideline: Tideline) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        try:
            return (await client.get(f"{tideline.origin}/health/ready")).is_success
        except httpx.TransportError:
            return False


async def test_ready_line_is_last_and_true(tideline: Tideline) -> None:
    assert tideline.http.startswith("http://127.0.0.1:")
    assert tideline.ws == tideline.http.replace("http:", "ws:")
    assert "no authentication" in tideline.place("open to")
    assert await _is_ready(tideline)
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(tideline.place("Temporal UI"))).status_code == 200


async def test_children_are_direct_and_in_sessions_of_their_own(tideline: Tideline) -> None:
    children = tideline.children()
    assert set(children) == {"postgres", "temporal", "serve", "index", "worker"}
    assert all(os.getsid(child.pid) == child.pid for child in children.values())


async def test_data_survive_a_restart(tmp_path: Path, start_dev: Start) -> None:
    data = tmp_path / ("a folder with spaces and a name too long for a socket" + "_" * 60)
    workflow_id = str(uuid.uuid4())
    async with start_dev(data, "--no-worker") as tideline:
        connection = await asyncpg.connect(tideline.database_url)
        await connection.execute("create table kept as select 42 as answer")
        await connection.close()
        client = await Client.connect(tideline.temporal)
        await client.start_workflow("Anything", id=workflow_id, task_queue="nobody")
        assert await tideline.stop() == 0
        assert leftovers(data) == []
    async with start_dev(data, "--no-worker") as tideline:
        connection = await asyncpg.connect(tideline.database_url)
        assert await connection.fetchval("select answer from kept") == 42
        await connection.close()
        client = await Client.connect(tideline.temporal)
        described = await client.get_workflow_handle(workflow_id).describe()
        assert described.workflow_type == "Anything"


async def test_ctrl_c_ends_everything(tmp_path: Path, start_dev: Start) -> None:
    async with start_dev(tmp_path / "data") as tideline:
        assert await tideline.stop(signal.SIGINT) == 0
        assert leftovers(tideline.data) == []
        assert tideline.errors == ""


async def test_child_that_hangs_is_killed(tmp_path: Path, start_dev: Start) -> None:
    async with start_dev(tmp_path / "data", "--no-worker") as tideline:
        tideline.children()["serve"].suspend()
        async with asyncio.timeout(10):
            assert await tideline.stop() == 0
        assert leftovers(tideline.data) == []
        assert "tideline: gateway did not end within 6.5 seconds and is killed.\n" in tideline.errors


async def test_second_ctrl_c_does_not_wait(tmp_path: Path, start_dev: Start) -> None:
    async with start_dev(tmp_path / "data", "--no-worker") as tideline:
        tideline.children()["serve"].suspend()
        tideline.process.send_signal(signal.SIGINT)

        async def others_ended() -> bool:
            return "index" not in tideline.children()

        await eventually(others_ended)
        async with asyncio.timeout(2):
            assert await tideline.stop(signal.SIGINT) == 0
        await until_nothing_left(tideline.data, deadline=2)


async def test_nothing_outlives_a_killed_parent(tmp_path: Path, start_dev: Start) -> None:
    data = tmp_path / "data"
    async with start_dev(data) as tideline:
        assert await tideline.stop(signal.SIGKILL) == -signal.SIGKILL
        if sys.platform == "linux":
            await until_nothing_left(data)
    async with start_dev(data, "--no-worker"):
        pass  # and the folder is good for another start


@pytest.mark.parametrize("victim", ["postgres", "temporal", "serve", "index"])
async def test_child_that_dies_is_restarted(tmp_path: Path, start_dev: Start, victim: str) -> None:
    name = {"serve": "gateway", "index": "indexer"}.get(victim, victim)
    async with start_dev(tmp_path / "data", "--no-worker") as tideline:
        killed = tideline.children()[victim]
        killed.kill()
        await tideline.until_said(f"tideline: {name} ended unexpectedly (signal SIGKILL)")

        async def back() -> bool:
            successor = tideline.children().get(victim, killed)
            return successor.pid != killed.pid and await _is_ready(tideline)

        await eventually(back, within=30, every=0.1)


@pytest.mark.parametrize("option", ["--port", "--temporal-port", "--temporal-ui-port"])
async def test_port_in_use_is_one_clear_line(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, errors = await _ended(await launch(tmp_path / "data", option, str(port)))
    assert code == 2
    assert errors == f"tideline: port {port} is in use on 127.0.0.1; choose another with {option}.\n"
    assert leftovers(tmp_path / "data") == []


async def test_folder_of_another_dev_is_refused(tideline: Tideline, tmp_path: Path) -> None:
    link = tmp_path / "data"
    link.symlink_to(tideline.data)
    code, errors = await _ended(await launch(link))
    assert code == 2
    assert f"is in use by process {tideline.process.pid};" in errors
    assert errors.count("\n") == 1
    assert psutil.Process(tideline.process.pid).is_running()


async def test_failed_start_names_the_reason_and_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    wrong = "postgresql://tideline:opensesame@127.0.0.1:1/tideline"
    code, errors = await _ended(await launch(data, DATABASE_URL=wrong))
    assert code in {1, 2}
    assert errors.splitlines()[-1].startswith("tideline: migrate could not start (exit code ")
    assert "Traceback" not in errors
    assert "opensesame" not in errors
    assert leftovers(data) == []


async def test_signal_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    tideline = await launch(data)

    async def postgres_started() -> bool:
        return (data / "postgres" / "postmaster.pid").exists()

    await eventually(postgres_started, within=30)
    assert await tideline.stop() == 0
    assert (await _ended(tideline)) == (0, "")
    assert leftovers(data) == []
