"""The data folder of `tideline dev`: one user at a time, and nothing left of a start that was killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.dev.folder import Folder
from app.errors import ConfigurationError

SLEEP = "import sys; print('up', flush=True); sys.stdin.read()"


def start_sleeper(mark: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEP, mark], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def test_orphan_is_ended_and_forgotten(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path / "data")
    with start_sleeper("ours") as orphan:
        folder.remember("orphan", orphan.pid, time.time(), "ours")
        folder.end_orphans()
        assert not psutil.pid_exists(orphan.pid)
        assert list(folder.pids.iterdir()) == []


@pytest.mark.parametrize(("age", "mark"), [(3600.0, "ours"), (0.0, "theirs")])
def test_process_that_took_the_number_of_an_orphan_is_left_alone(tmp_path: Path, age: float, mark: str) -> None:
    folder = Folder.open(tmp_path / "data")
    with start_sleeper("ours") as stranger:
        folder.remember("orphan", stranger.pid, time.time() - age, mark)
        folder.end_orphans()
        stranger.communicate("", timeout=5)
        assert stranger.returncode == 0, "it ended as it wanted to"


def test_orphan_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path / "data")
    with start_sleeper("ours") as gone:
        gone.communicate("", timeout=5)
    folder.remember("orphan", gone.pid, time.time(), "ours")
    (folder.pids / "cut.json").touch()
    folder.end_orphans()
    assert list(folder.pids.iterdir()) == []


def test_folder_is_free_again_after_use(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path / "data")
    with folder.locked(), pytest.raises(ConfigurationError, match="in use by process"), folder.locked():
        pass
    with folder.locked():
        pass


def test_folder_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be made: Not a directory"):
        Folder.open(tmp_path / "file" / "data")


def test_logs_of_two_starts_are_kept(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path / "data")
    for text in ("first", "second", "third"):
        folder.rotate_logs()
        folder.log("gateway").write_text(text)
    kept = {each.name: each.read_text() for each in folder.logs.iterdir()}
    assert kept == {"gateway.log": "third", "gateway.log.1": "second"}
