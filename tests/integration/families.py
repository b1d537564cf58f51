"""A workflow with a child, which continues as a new run with another child."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow


@activity.defn
async def secretive(_: str) -> dict[str, str]:
    activity.heartbeat({"completed": 1, "total": 2, "note": "heartbeat-secret"})
    return {"answer": "activity-result-secret"}


@workflow.defn
class Child:
    def __init__(self) -> None:
        self._finished = False

    @workflow.signal
    def finish(self) -> None:
        self._finished = True

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self._finished)
        return "done"


@workflow.defn
class Parent:
    def __init__(self) -> None:
        self._next = False
        self._approved = 0

    @workflow.signal
    def move_on(self) -> None:
        self._next = True

    @workflow.signal
    def approve(self) -> None:
        self._approved += 1

    @workflow.query
    def approved(self) -> int:
        return self._approved

    @workflow.run
    async def run(self, left: int) -> str:
        kid = f"{workflow.info().workflow_id}-kid-{left}"
        memo = {"tenant": "acme", "environment": "prod"}
        await workflow.start_child_workflow(
            Child.run, id=kid, memo=memo, parent_close_policy=workflow.ParentClosePolicy.ABANDON
        )
        await workflow.wait_condition(lambda: self._next)
        if left:
            workflow.continue_as_new(left - 1)
        return "done"


@workflow.defn
class Payroll:
    """Has something to hide in every part."""

    @workflow.query
    def state(self) -> str:
        return "query-secret"

    @workflow.run
    async def run(self, given: dict[str, str]) -> dict[str, str]:
        await workflow.execute_activity(
            secretive,
            "activity-input-secret",
            start_to_close_timeout=timedelta(seconds=10),
            heartbeat_timeout=timedelta(seconds=5),
        )
        workflow.upsert_memo({"note": "memo-secret"})
        return {"total": "result-secret"}


@workflow.defn
class Fails:
    @workflow.run
    async def run(self) -> None:
        from temporalio.exceptions import ApplicationError  # noqa: PLC0415

        raise ApplicationError("failure-secret", "details-secret", type="Broke", non_retryable=True)
