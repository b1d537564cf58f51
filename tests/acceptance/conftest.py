"""The real thing: `tideline dev` with its own Postgres and Temporal, on free ports."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.acceptance.process import Start, Tideline, running


@pytest.fixture(scope="session")
async def tideline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tideline]:
    """One `tideline dev` for all tests that only use it."""
    async with running(tmp_path_factory.mktemp("dev") / "data") as started:
        yield started


@pytest.fixture(scope="session")
def start_dev() -> Start:
    """`async with start_dev(data, *options, **environment)` for a test that needs one of its own."""
    return running
