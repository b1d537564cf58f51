"""The process tree: start children, restart those that die, and end them all in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from app.dev import console
from app.dev.child import Child, Program
from app.dev.folder import Folder
from app.errors import ConfigurationError, TidelineError

T = TypeVar("T")

FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0
"""Seconds before a restart; each restart soon after another doubles it."""
SETTLED = 30.0
"""Seconds of running after which a child's next death counts as its first."""
CLIENT_GRACE, SERVER_GRACE = 6.5, 3.0
"""Seconds to end after the signal, for what uses Postgres and Temporal, and then for these two."""


class StartError(TidelineError):
    """A child ended, or was not ready in time, before everything was up."""


class Tree:
    """The children of this process. One task at a time may use it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._children: list[Child] = []

    async def start(self, program: Program) -> Child:
        """Start a child that is to run until `stop`."""
        child = Child(program, self._folder)
        try:
            await child.start()
        except OSError as error:
            raise StartError(f"{program.name} cannot be run as {program.argv[0]}: {error.strerror}.") from None
        self._children.append(child)
        return child

    async def complete(self, program: Program, deadline: float) -> None:
        """Run a child to its end. Raises as `unless_one_dies` does, also when its exit code is not 0."""
        child = await self.start(program)
        await self.unless_one_dies(child.wait(), deadline, program.name, apart_from=child)
        if child.exit.result() != 0:
            raise _failure(child)
        self._children.remove(child)

    async def unless_one_dies(
        self, work: Coroutine[Any, Any, T], deadline: float, what: str, apart_from: Child | None = None
    ) -> T:
        """The result of `work`, which waits for `what`.

        Raises StartError after `deadline` seconds. When a child dies meanwhile, shows the end of its log and
        raises ConfigurationError if its exit code says so and StartError otherwise.
        """
        task = asyncio.create_task(work)
        watched = [child for child in self._children if child is not apart_from]
        try:
            await asyncio.wait(
                {task, *(child.exit for child in watched)},
                timeout=deadline,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if task.done():
                return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for child in watched:
            if child.exit.done():
                raise _failure(child)
        raise StartError(f"{what} was not ready within {deadline:g} seconds; the logs are in {self._folder.logs}.")

    async def keep(self) -> None:
        """Restart every child that ends, for ever."""
        async with asyncio.TaskGroup() as group:
            for child in self._children:
                group.create_task(_keep(child))

    async def stop(self) -> None:
        """End all children: first those that use Postgres and Temporal, then these two."""
        clients = [child for child in self._children if not child.program.is_server]
        servers = [child for child in self._children if child.program.is_server]
        await asyncio.gather(*(child.stop(CLIENT_GRACE) for child in clients))
        await asyncio.gather(*(child.stop(SERVER_GRACE) for child in servers))

    def kill(self) -> None:
        """End all children at once."""
        for child in self._children:
            child.signal(signal.SIGKILL)


async def _keep(child: Child) -> None:
    loop, delay = asyncio.get_running_loop(), FIRST_DELAY
    while True:
        started = loop.time()
        await child.wait()
        if loop.time() - started > SETTLED:
            delay = FIRST_DELAY
        console.warn(
            f"{child.program.name} ended unexpectedly ({child.ending()}) and starts again in {delay:g} s; "
            f"its log is {child.log}."
        )
        await asyncio.sleep(delay)
        delay = min(delay * 2, LONGEST_DELAY)
        try:
            await child.start()
        except OSError as error:
            console.warn(f"{child.program.name} cannot be run: {error.strerror}.")  # and so it is again


def _failure(child: Child) -> TidelineError:
    """The error for a child that ended too early; the end of its log goes to the terminal."""
    for line in child.last_lines():
        console.say(f"{child.program.name}: {line}")
    sentence = f"{child.program.name} could not start ({child.ending()}); its log is {child.log}."
    return ConfigurationError(sentence) if child.exit.result() == 2 else StartError(sentence)
