"""What the probes find."""

from __future__ import annotations

import asyncio

from app.errors import DatabaseUnavailable
from app.gateway.health import Finding, find


async def test_finding_is_passed_on() -> None:
    async def check() -> Finding:
        return Finding(True, "Well.", {"lagSeconds": 0.5})

    assert await find("indexer", check) == Finding(True, "Well.", {"lagSeconds": 0.5})


async def test_silence_is_a_finding() -> None:
    async def check() -> Finding:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    assert await find("temporal", check, deadline=0.01) == Finding(False, "No answer within 0.01 s.")


async def test_known_failure_tells_its_sentence() -> None:
    async def check() -> Finding:
        raise DatabaseUnavailable("Postgres does not answer.")

    assert await find("postgres", check) == Finding(False, "Postgres does not answer.")


async def test_unknown_failure_tells_strangers_nothing() -> None:
    async def check() -> Finding:
        raise RuntimeError("password=hunter2")

    finding = await find("postgres", check)
    assert not finding.ok
    assert "hunter2" not in (finding.reason or "")
