"""Small workflows whose runs continue, wait, pause and grow long."""

from __future__ import annotations

from temporalio import workflow


@workflow.defn
class Chain:
    """Continues as new until `left` is 0."""

    @workflow.run
    async def run(self, left: int) -> str:
        if left:
            workflow.continue_as_new(left - 1)
        return "done"


@workflow.defn
class Waiting:
    """Counts its signals and ends at `finish`."""

    def __init__(self) -> None:
        self._count = 0
        self._finished = False

    @workflow.signal
    def add(self) -> None:
        self._count += 1
        workflow.upsert_memo({"progress": {"completed": self._count, "total": 10, "step": f"step {self._count}"}})

    @workflow.signal
    def finish(self) -> None:
        self._finished = True

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._finished)
        return self._count
