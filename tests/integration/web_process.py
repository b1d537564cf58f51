"""A gateway process over the scripted engine, told what to do by the environment: `python -m` this module."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from typing import cast

from app import log
from app.api.engine import Answer, Engine, Operation
from app.errors import ConfigurationError, TidelineError
from app.gateway import Caller
from app.settings import Settings
from app.web import server
from app.web.parts import Parts
from tests.integration.web_host import Door, Script


def tell(text: str) -> None:
    print(f"told: {text} {os.getpid()}", file=sys.stderr, flush=True)


class Telling(Script):
    """Says when a stream has ended."""

    async def stream(
        self, operation: Operation, caller: Caller, *, read_only: bool = False
    ) -> AsyncGenerator[Answer, None]:
        try:
            async for each in super().stream(operation, caller, read_only=read_only):
                yield each
        finally:
            tell(f"ended {operation.query}")


async def close() -> None:
    tell("closed")


async def join(settings: Settings) -> Parts:
    if settings.default_tenant == "impossible":
        raise ConfigurationError("TIDELINE_DEFAULT_TENANT cannot be 'impossible'.")
    if settings.default_tenant == "crash":
        raise RuntimeError("a bug")
    tell("joined")
    door = Door(default_tenant=settings.default_tenant, default_environment="e")
    return Parts(cast(Engine, Telling()), door, close=close)


def main() -> int:
    settings = Settings.load()
    log.configure(settings.log_format, settings.log_level)
    try:
        server.run(settings, join)
    except TidelineError as error:
        print(f"tideline: {error.message}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
