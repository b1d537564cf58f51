"""How the parts are that a gateway stands on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from app import log
from app.errors import TidelineError
from app.model import Json

DEADLINE = 2.0
"""Seconds that a check may take; all are asked at once."""

_logger = log.logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `reason` is a sentence for the operator; `detail` adds facts: `lagSeconds`."""

    ok: bool
    reason: str | None = None
    detail: Mapping[str, Json] = field(default_factory=dict)


Check = Callable[[], Awaitable[Finding]]


async def find(name: str, check: Check, deadline: float = DEADLINE) -> Finding:
    """Ask the check. One that fails or does not answer in time has found that its part is not well."""
    try:
        async with asyncio.timeout(deadline):
            return await check()
    except TimeoutError:
        return Finding(False, f"No answer within {deadline:g} s.")
    except TidelineError as error:
        return Finding(False, error.message)
    except Exception:
        _logger.exception("health check failed", check=name)
        return Finding(False, "The check itself failed; the log says why.")


@dataclass(frozen=True)
class Health:
    """The checks by name."""

    checks: Mapping[str, Check]

    async def report(self) -> dict[str, Finding]:
        """What every check finds; all are asked at once, and none takes longer than its deadline."""
        findings = await asyncio.gather(*(find(name, check) for name, check in self.checks.items()))
        return dict(zip(self.checks, findings, strict=True))
