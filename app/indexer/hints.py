"""Runs that somebody saw start or close: asked for at once, without waiting for the next tick."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container

import orjson

from app.errors import TidelineError
from app.indexer.writer import Writer
from app.log import logger
from app.model import ExecutionRef

log = logger(__name__)

RUNS = "runs"
_AT_ONCE = 8


async def follow(hints: AsyncIterator[str], namespaces: Container[str], writer: Writer) -> None:
    """Refresh each run that a hint names, a few at once. What goes wrong here, the next tick makes good."""
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def refresh(ref: ExecutionRef) -> None:
        try:
            await writer.refresh(ref)
        except TidelineError as error:
            log.debug("hint not followed", run_id=ref.run_id, reason=error.message)
        finally:
            at_once.release()

    async with asyncio.TaskGroup() as group:
        async for hint in hints:
            ref = ref_of_hint(hint)
            if ref is not None and ref.namespace in namespaces:
                await at_once.acquire()
                group.create_task(refresh(ref))


def hint_of(ref: ExecutionRef) -> str:
    return orjson.dumps([ref.namespace, ref.workflow_id, ref.run_id]).decode()


def ref_of_hint(hint: str) -> ExecutionRef | None:
    """The run that a hint names; None for what is no such hint, as the bus's own "look at everything"."""
    try:
        match orjson.loads(hint):
            case [str(namespace), str(workflow_id), str(run_id)]:
                return ExecutionRef(namespace, workflow_id, run_id)
    except orjson.JSONDecodeError:
        pass
    return None
