"""The audits of graphql-http, from npm, at a real gateway: `npm install` in this folder first."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.conftest import TemporalServer
from tests.integration.serving import serving

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules").is_dir(), reason="needs Node and `npm install` here"
)


async def test_every_audit_passes(database: str, temporal: TemporalServer) -> None:
    async with serving(database, temporal.address) as served:
        audit = await asyncio.create_subprocess_exec(
            *("node", str(HERE / "audit.mjs"), served.url), stdout=asyncio.subprocess.PIPE, cwd=HERE
        )
        said, _ = await audit.communicate()
    assert audit.returncode == 0, said.decode()
    assert b"61 of 61 audits passed" in said
