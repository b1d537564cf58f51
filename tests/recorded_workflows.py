"""Workflows that make Temporal write every kind of event that a Python worker can cause."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import nexusrpc
from temporalio import nexus, workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, FailureError

from tests.recorded_activities import fetch, hang, undo, write

TENANT = SearchAttributeKey.for_keyword("TenantId")
SHORT = timedelta(seconds=10)
SOON = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=3)
ONCE = RetryPolicy(maximum_attempts=1)


@workflow.defn
class Sync:
    """The happy way: phases, progress, retries, a timer, a local activity, a patch."""

    @workflow.run
    async def run(self, source: str) -> dict[str, int]:
        publish({"name": "extract", "status": "started"}, {"percent": 0, "step": "extract"})
        workflow.patched("faster-extract")
        rows = await workflow.execute_activity(
            fetch, source, start_to_close_timeout=SHORT, retry_policy=SOON, summary="Fetch the price list"
        )
        checked = await workflow.execute_local_activity(write, rows, start_to_close_timeout=SHORT)
        publish({"name": "extract", "status": "completed"}, {"completed": 1, "total": 3})
        publish([
            {"name": "load-eu", "status": "started", "parallelGroup": "load"},
            {"name": "load-us", "status": "started", "parallelGroup": "load"},
        ])  # fmt: skip
        await asyncio.gather(*(
            workflow.execute_activity(write, rows, start_to_close_timeout=SHORT, activity_id=f"load-{area}")
            for area in ("eu", "us")
        ))  # fmt: skip
        publish([
            {"name": "load-eu", "status": "completed", "parallelGroup": "load"},
            {"name": "load-us", "status": "completed", "parallelGroup": "load"},
            {"name": "verify", "status": "skipped"},
        ], {"completed": 2, "total": 3})  # fmt: skip
        await workflow.sleep(0.05, summary="Let caches settle")
        workflow.upsert_search_attributes([TENANT.value_set("acme")])
        publish(None, {"percent": 100, "message": "done"})
        return {"rows": checked}


def publish(phase: object = None, progress: object = None) -> None:
    memo: dict[str, object] = {}
    if phase is not None:
        memo["phase"] = phase
    if progress is not None:
        memo["progress"] = progress
    workflow.upsert_memo(memo)


@workflow.defn
class Compensated:
    @workflow.run
    async def run(self) -> None:
        publish({"name": "load", "status": "started"})
        await workflow.execute_activity(write, [1], start_to_close_timeout=SHORT)
        try:
            await workflow.execute_activity(fetch, "broken", start_to_close_timeout=SHORT)
        except ActivityError:
            await workflow.execute_activity(undo, "write", start_to_close_timeout=SHORT, summary="Compensate write")
            raise


@workflow.defn
class Timeouts:
    @workflow.run
    async def run(self) -> list[str]:
        seen = []
        for options in (
            {"start_to_close_timeout": timedelta(milliseconds=300)},
            {"start_to_close_timeout": SHORT, "heartbeat_timeout": timedelta(milliseconds=300)},
            {"schedule_to_start_timeout": timedelta(milliseconds=300), "start_to_close_timeout": SHORT,
             "task_queue": "nobody-polls-this"},
        ):  # fmt: skip
            try:
                await workflow.execute_activity(hang, False, retry_policy=ONCE, **options)
            except ActivityError as error:
                seen.append(str(error.cause))
        await workflow.sleep(60)
        return seen


@workflow.defn
class Locals:
    @workflow.run
    async def run(self) -> int:
        rows = await workflow.execute_local_activity(
            fetch, "flaky", start_to_close_timeout=SHORT, retry_policy=SOON, activity_id="patient"
        )
        with suppress(FailureError):
            await workflow.execute_local_activity(fetch, "broken", start_to_close_timeout=SHORT)
        # A backoff longer than the local retry threshold is waited for with a timer.
        await workflow.execute_local_activity(
            fetch,
            "flaky",
            start_to_close_timeout=SHORT,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_attempts=3),
            local_retry_threshold=timedelta(milliseconds=50),
        )
        return len(rows)


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, text: str) -> str:
        if text == "fail":
            raise ApplicationError("told to fail", type="Told")
        if text == "wait":
            await workflow.wait_condition(lambda: False)
        return text


@workflow.defn
class Parent:
    @workflow.run
    async def run(self) -> str:
        me = workflow.info().workflow_id
        answer = await workflow.execute_child_workflow(Echo.run, "hello", id=f"{me}-ok", static_summary="Greet")
        for name, text in (("bad", "fail"), ("ok-wait", "wait")):
            try:
                if text == "wait":
                    first = await workflow.start_child_workflow(Echo.run, text, id=f"{me}-{name}")
                    try:  # the same id again cannot start
                        await workflow.start_child_workflow(Echo.run, text, id=f"{me}-{name}")
                    except FailureError:
                        first.cancel()
                    await first
                else:
                    await workflow.execute_child_workflow(Echo.run, text, id=f"{me}-{name}")
            except ChildWorkflowError:
                pass
        return answer


@workflow.defn
class Pages:
    @workflow.run
    async def run(self, page: int) -> int:
        await workflow.execute_activity(write, [page], start_to_close_timeout=SHORT)
        if page < 2:
            workflow.continue_as_new(page + 1)
        return page


@workflow.defn
class Inbox:
    """Lives by messages: a signal `close` ends it."""

    def __init__(self) -> None:
        self.closed = False
        self.notes: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.execute_activity(write, [1], start_to_close_timeout=SHORT)
        await workflow.wait_condition(lambda: self.closed and workflow.all_handlers_finished())
        return self.notes

    @workflow.signal
    def note(self, text: str) -> None:
        self.notes.append(text)

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.update
    async def add(self, text: str) -> int:
        if text == "explode":
            raise ApplicationError("update failed", type="Told")
        self.notes.append(text)
        await workflow.sleep(0.02)
        return len(self.notes)

    @add.validator
    def check_add(self, text: str) -> None:
        if not text:
            raise ValueError("empty text")


@workflow.defn
class Sender:
    @workflow.run
    async def run(self, target: str) -> None:
        await workflow.get_external_workflow_handle(target).signal("note", "from outside")
        await workflow.get_external_workflow_handle(target).cancel()
        with suppress(FailureError):
            await workflow.get_external_workflow_handle("nobody-is-called-this").signal("note", "lost")
        with suppress(FailureError):
            await workflow.get_external_workflow_handle("nobody-is-called-this").cancel()


@workflow.defn
class Cancelable:
    @workflow.run
    async def run(self) -> None:
        quick = asyncio.create_task(workflow.sleep(60, summary="Never fires"))
        await workflow.wait([quick], timeout=0.02)
        quick.cancel()
        await workflow.execute_activity(
            hang,
            True,
            start_to_close_timeout=SHORT,
            heartbeat_timeout=timedelta(seconds=2),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )


@workflow.defn
class Stumbling:
    """Its first workflow tasks fail, as with a bug that is mended later."""

    broken = True

    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(0.01)
        if Stumbling.broken:
            raise RuntimeError("a bug in the workflow")
        return "mended"


@workflow.defn
class Retried:
    @workflow.run
    async def run(self) -> str:
        if workflow.info().attempt < 2:
            raise ApplicationError("first run fails", type="Told")
        return "second run"


@nexusrpc.service
class Greeter:
    greet: nexusrpc.Operation[str, str]
    echo: nexusrpc.Operation[str, str]


@nexusrpc.handler.service_handler(service=Greeter)
class GreeterHandler:
    @nexusrpc.handler.sync_operation
    async def greet(self, _context: nexusrpc.handler.StartOperationContext, name: str) -> str:
        if name == "nobody":
            raise nexusrpc.OperationError("nobody is there", state=nexusrpc.OperationErrorState.FAILED)
        return f"hello {name}"

    @nexus.workflow_run_operation
    async def echo(self, context: nexus.WorkflowRunOperationContext, text: str) -> nexus.WorkflowHandle[str]:
        return await context.start_workflow(Echo.run, text, id=f"echo-{context.request_id}")


@workflow.defn
class Caller:
    @workflow.run
    async def run(self, endpoint: str) -> str:
        client = workflow.create_nexus_client(service=Greeter, endpoint=endpoint)
        answer = await client.execute_operation(Greeter.greet, "you")
        await client.execute_operation(Greeter.echo, "through a workflow")
        with suppress(FailureError):
            await client.execute_operation(Greeter.greet, "nobody")
        return answer


WORKFLOWS = [
    Sync, Compensated, Timeouts, Locals, Echo, Parent, Pages, Inbox, Sender, Cancelable, Stumbling, Retried,
    Caller,
]  # fmt: skip
