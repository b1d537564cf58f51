"""Watches over the streams that are open: a right that ends, ends them within seconds."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from app.access import Gatekeeper, Readers
from app.bus import Bus
from app.errors import ConfigurationError, TidelineError
from app.log import logger
from app.web.door import read_policy

KEYS = "keys"
"""The channel on which gateways tell each other that an API key or a tenant has changed."""
EVERY_SECONDS = 1.0
KEYS_EVERY = 3
"""Rounds between two looks at the keys: hints may be lost."""

log = logger(__name__)


class Warden:
    """Three loops of one process: for what runs out and the policy's file, for keys and tenants, and for hints."""

    def __init__(self, gatekeeper: Gatekeeper, readers: Readers, bus: Bus, policy: Path | None) -> None:
        self._gatekeeper = gatekeeper
        self._keys = readers.keys
        self._tenants = readers.tenants
        self._bus = bus
        self._policy = policy
        self._seen = _stamp(policy)

    def start(self, stack: AsyncExitStack) -> None:
        """Run until the stack closes. SIGHUP reads the policy at once."""
        listener = self._bus.listen(KEYS)
        for work in (_forever(self._look, EVERY_SECONDS), _forever(self._check_keys, EVERY_SECONDS * KEYS_EVERY)):
            stack.push_async_callback(_ended, asyncio.create_task(work))

        async def hear() -> None:
            async for _ in listener:
                self._keys.forget()
                self._tenants.forget()
                with suppress(TidelineError):  # the next look finds it
                    await self._check_keys()

        stack.push_async_callback(_ended, asyncio.create_task(hear(), name="hints of keys"))
        with suppress(NotImplementedError, RuntimeError, ValueError):  # only a main thread hears signals
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)

    async def _look(self) -> None:
        self._gatekeeper.leases.expire(datetime.now(UTC))
        if (stamp := _stamp(self._policy)) != self._seen:
            self._seen = stamp
            self.reload()

    def reload(self) -> None:
        """Take the policy as its file says now. One that cannot be read changes nothing."""
        try:
            self._gatekeeper.obey(read_policy(self._policy))
        except ConfigurationError as error:
            log.error("the policy stays as it was", reason=error.message)
        else:
            log.info("the policy was read")

    async def _check_keys(self) -> None:
        leases = self._gatekeeper.leases
        leases.revoke(await self._keys.revoked(leases.key_ids))
        leases.shut_out(await self._tenants.shut(leases.tenants))


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    """Changes whenever the file does, also where another is put in its place."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None


async def _forever(step: Callable[[], Awaitable[None]], every: float) -> None:
    """Failures are tried again in the next round."""
    while True:
        try:
            await step()
        except TidelineError as error:
            log.warning("open streams cannot be checked", reason=error.message)
        except Exception:
            log.exception("open streams cannot be checked")
        await asyncio.sleep(every)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
