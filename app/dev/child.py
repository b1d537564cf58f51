"""A child process: what to run, and one run of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.dev import console
from app.dev.folder import Folder
from app.dev.parent import die_with_parent
from app.dev.python import python_path
from app.settings import environment_of_child

LONGEST_LINE = 1_048_576
"""Bytes of a log line beyond which it is no longer looked at, only kept."""
SHOWN_LINES = 15


@dataclass(frozen=True)
class Program:
    """What to run and how to end it.

    `mark` is a part of the command line that tells it from a stranger's process. `is_server` marks what the
    others need: it starts before them and ends after them. `is_ours` marks what logs JSON lines, of which
    warnings and worse show on the terminal.
    """

    name: str
    argv: tuple[str, ...]
    mark: str
    stop_signal: signal.Signals = signal.SIGTERM
    is_server: bool = False
    is_ours: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class Child:
    """A program that runs in a session of its own, so that a Ctrl-C reaches the parent alone.

    Everything that it prints goes to its log in the data folder.
    """

    def __init__(self, program: Program, folder: Folder) -> None:
        self.program = program
        self.log = folder.log(program.name)
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Task[int] | None = None
        self._log_start = 0

    async def start(self) -> None:
        """Start it, again where it has ended. Raises OSError when it cannot be run."""
        program, parent = self.program, os.getpid()
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            output, lines = await _pipe() if program.is_ours else (log.fileno(), None)
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *program.argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    env=_environment(program),
                    start_new_session=True,
                    preexec_fn=lambda: die_with_parent(program.stop_signal, parent),
                )
            finally:
                if lines is not None:
                    os.close(output)
        self._folder.remember(program.name, self._process.pid, time.time(), program.mark)
        self._exit = asyncio.create_task(self._watch(self._process, lines), name=program.name)

    async def _watch(self, process: asyncio.subprocess.Process, lines: asyncio.StreamReader | None) -> int:
        keeping = asyncio.create_task(self._keep_log(lines)) if lines is not None else None
        code = await process.wait()
        with contextlib.suppress(ProcessLookupError):  # as it should be
            os.killpg(process.pid, signal.SIGKILL)
        if keeping is not None:
            await asyncio.wait({keeping}, timeout=1)
            keeping.cancel()
        self._folder.forget(self.program.name)
        return code

    async def _keep_log(self, lines: asyncio.StreamReader) -> None:
        """Write what the child prints to its log, and its warnings to the terminal too, until it ends."""
        name, rest = self.program.name, b""
        with self.log.open("ab", buffering=0) as log:
            while chunk := await lines.read(65_536):
                try:
                    log.write(chunk)
                except OSError as error:
                    console.warn(f"the log of {name} cannot be written: {error.strerror}.")
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    if shown := console.warning(line.decode(errors="replace")):
                        console.say(f"{name}: {shown}")
                rest = rest[:LONGEST_LINE]

    @property
    def pid(self) -> int:
        assert self._process is not None, "the child has started"
        return self._process.pid

    @property
    def exit(self) -> asyncio.Task[int]:
        """Its exit code when it has ended; as for `subprocess`, a negative number is a signal."""
        assert self._exit is not None, "the child has started"
        return self._exit

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to it, or with SIGKILL to all of its session."""
        if self.exit.done():
            return
        with contextlib.suppress(ProcessLookupError):  # it ended a moment ago
            if signum == signal.SIGKILL:
                os.killpg(self.pid, signum)
            else:
                os.kill(self.pid, signum)

    async def stop(self, grace: float) -> None:
        """Ask it to end, and kill it after `grace` seconds."""
        self.signal(self.program.stop_signal)
        done, _ = await asyncio.wait({self.exit}, timeout=grace)
        if not done:
            console.warn(f"{self.program.name} did not end within {grace:g} seconds and is killed.")
            self.signal(signal.SIGKILL)
            await asyncio.wait({self.exit})

    async def wait(self) -> int:
        """Its exit code, when it has ended; to cancel this leaves the child alone."""
        await asyncio.wait({self.exit})
        return self.exit.result()

    def ending(self) -> str:
        """How it ended, in words."""
        code = self.exit.result()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def last_lines(self) -> list[str]:
        """The end of what it printed since its start."""
        return _tail(self.log, self._log_start)


async def _pipe() -> tuple[int, asyncio.StreamReader]:
    """The end of a pipe to write to, and a reader of the other.

    Not asyncio's own pipe to a child: some versions wait for its end before they say that the child ended,
    and a grandchild may hold it.
    """
    output, source = os.pipe()[::-1]
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(source, "rb")
    )
    return output, reader


def _environment(program: Program) -> dict[str, str]:
    environment = environment_of_child(program.environment)
    environment["PYTHONPATH"] = python_path(environment.get("PYTHONPATH"))
    return environment


def _tail(log: Path, start: int) -> list[str]:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read()[-LONGEST_LINE:].decode(errors="replace").splitlines()
    return [console.rendered(line) or line for line in lines[-SHOWN_LINES:]]
