"""The data folder: what the embedded servers keep between two starts, and who is using it now."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.errors import ConfigurationError

ORPHAN_GRACE = 5.0
"""Seconds that a process left over from a start that was killed gets to end."""
CLOCK_TOLERANCE = 3.0
"""Seconds by which the system's word for a process's start may differ from ours."""


@dataclass(frozen=True)
class Folder:
    """An existing, absolute data folder."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Create the folder where there is none. Raises ConfigurationError when that cannot be."""
        folder = cls(path.expanduser().absolute())
        try:
            for each in (folder.path, folder.logs, folder.pids):
                each.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"The data folder {folder.path} cannot be made: {error.strerror}. Choose another with --data-dir."
            ) from None
        return folder

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def pids(self) -> Path:
        return self.path / "pids"

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def temporal(self) -> Path:
        """The database file of the embedded Temporal."""
        return self.path / "temporal.db"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def rotate_logs(self) -> None:
        """Keep the logs of this start and of the one before."""
        for each in self.logs.glob("*.log"):
            each.replace(each.with_suffix(".log.1"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process. Raises ConfigurationError naming the process that holds it."""
        with (self.path / "lock").open("a+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise ConfigurationError(
                    f"The data folder {self.path} is in use by process {lock.read().strip() or '(unknown)'}; "
                    "end that one first or choose another folder with --data-dir."
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def remember(self, name: str, pid: int, started: float, mark: str) -> None:
        """Note a process that must not outlive this one: `mark` is a part of its command line."""
        record = {"pid": pid, "started": started, "mark": mark}
        (self.pids / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")

    def forget(self, name: str) -> None:
        (self.pids / f"{name}.json").unlink(missing_ok=True)

    def end_orphans(self) -> None:
        """End what an earlier start left running because it was killed. The folder must be locked."""
        records = [json.loads(each.read_text(encoding="utf-8") or "{}") for each in self.pids.glob("*.json")]
        if records:
            _end(records)
        for each in self.pids.glob("*.json"):
            each.unlink()


def _end(records: list[dict[str, object]]) -> None:
    """End the processes that `records` name, where they are still the ones that were noted."""
    import psutil  # noqa: PLC0415 - after a kill only

    found = []
    for record in records:
        try:
            process = psutil.Process(int(str(record["pid"])))
            same = abs(process.create_time() - float(str(record["started"]))) < CLOCK_TOLERANCE
            if same and any(str(record["mark"]) in word for word in process.cmdline()):
                process.terminate()
                found.append(process)
        except (psutil.NoSuchProcess, KeyError):
            continue
    for process in psutil.wait_procs(found, timeout=ORPHAN_GRACE)[1]:
        process.kill()
    psutil.wait_procs(found, timeout=ORPHAN_GRACE)
