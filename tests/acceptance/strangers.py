"""A workflow that knows nothing of Tideline."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy


@activity.defn
async def greet(name: str) -> str:
    if activity.info().attempt == 1:
        raise RuntimeError("still asleep")
    return f"Hello, {name}!"


@activity.defn
async def wave() -> None:
    return None


@workflow.defn
class Greeting:
    def __init__(self) -> None:
        self._said: str | None = None

    @workflow.signal
    def go(self, said: str) -> None:
        self._said = said

    @workflow.run
    async def run(self, name: str) -> str:
        greeting = await workflow.execute_activity(
            greet,
            name,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50)),
        )
        await workflow.wait_condition(lambda: self._said is not None)
        await workflow.execute_activity(wave, start_to_close_timeout=timedelta(seconds=10))
        return f"{greeting} {self._said}"
