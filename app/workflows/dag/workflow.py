"""The workflows of graphs: one that runs a graph, and one that only says what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from app.workflows.dag.model import (
        DELAY,
        DagChange,
        DagInput,
        DagIssue,
        DagNode,
        DagResult,
        DagStatus,
        DagVerdict,
        NodeState,
    )
    from app.workflows.dag.node import perform, told
    from app.workflows.dag.order import ENDED, next_step
    from app.workflows.dag.problems import Problem, change_problems, problems
    from app.workflows.dag.references import scope_of
    from app.workflows.dag.standing import (
        LARGEST_CARRIED,
        continued,
        progress_of,
        restored,
        result_of,
        size_of,
        status_of,
    )
    from app.workflows.entry import Entry

TASK_QUEUE = "dag"
PHASES = ("validate", "execute")


# An input that does not fit the dataclass is its caller's: it fails the run instead of retrying its task.
@workflow.defn(name="DagExecutionWorkflow", failure_exception_types=[TypeError])
class DagExecutionWorkflow:
    """Runs a workflow that is given as a graph: each node when those before it have ended, side by side where the
    edges allow it.

    Fails with ApplicationError of type ValidationError for a graph that cannot be run, and NodeFailedError for one
    of whose nodes failed by the policy `fail`; the nodes under way are then cancelled.
    """

    @workflow.init
    def __init__(self, request: DagInput) -> None:
        continues = workflow.info().continued_run_id is not None
        carried = (request.carried or {}) if continues else {}
        self._request = replace(request, carried=None)
        self._states = restored(request.nodes, carried)
        self._cancel_reason: str | None = None
        self._started = datetime.fromisoformat(carried.get("started") or workflow.info().start_time.isoformat())
        self._status = "running"
        self._failed: str | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended_here = 0
        self._leaving = False
        self._woken = False
        self._published: dict[str, Any] = {}

    @workflow.run
    async def run(self, request: DagInput) -> DagResult:
        if request.carried is None or workflow.info().continued_run_id is None:
            with _phase("validate"):
                _refuse(problems(replace(self._request, carried=request.carried)))
        with _phase("execute"):
            await self._execute()
            if self._failed is not None:
                raise self._failure(self._failed)
        self._status = "completed" if self._cancel_reason is None else "cancelled"
        duration = (workflow.now() - self._started).total_seconds()
        return result_of(self._request, self._states, duration, self._cancel_reason)

    @workflow.query
    def get_status(self) -> DagStatus:
        """Where the run is, and the status of each node."""
        return status_of(self._status, self._states, self._cancel_reason)

    @workflow.query
    def get_output(self, node_id: str) -> Any:
        """What a node answered; null where it has not, or the output is no longer kept."""
        if (state := self._states.get(node_id)) is None:
            raise ApplicationError(f"There is no node {node_id!r}.", type="NotFoundError")
        return state.output

    @workflow.signal
    def cancel_workflow(self, reason: str = "") -> None:
        """Let the nodes under way end, but no other begin; delays end at once. The run completes, as cancelled."""
        if self._cancel_reason is None:
            self._cancel_reason = reason
            self._status = "cancelling"
            self._woken = True

    @workflow.update
    def change_graph(self, change: DagChange) -> DagStatus:
        """Put another graph in the place of this one; what has begun must stand in it as it was."""
        self._request = replace(self._request, nodes=change.nodes, edges=change.edges)
        self._states = {node.id: self._states.get(node.id) or NodeState() for node in change.nodes}
        self._woken = True
        return self.get_status()

    @change_graph.validator
    def _check_change(self, change: DagChange) -> None:
        if self._status != "running" or self._failed is not None:
            raise ApplicationError("The run is ending: its graph can no longer be changed.", type="ValidationError")
        begun = [name for name, state in self._states.items() if state.status != "pending" or state.due is not None]
        dropped = [name for name, state in self._states.items() if state.dropped]
        _refuse(change_problems(self._request, change, begun, dropped))

    async def _execute(self) -> None:
        """Until every node has ended, one has failed the run, or it is cancelled."""
        try:
            while not (self._advance() and not self._tasks):
                if self._leaving and not self._tasks:
                    await self._continue_as_new()
                await workflow.wait_condition(lambda: self._woken)
        except asyncio.CancelledError:
            for task in (tasks := list(self._tasks.values())):
                task.cancel()
            if tasks:
                await workflow.wait(tasks)
            self._status = "cancelled"
            self._close()
            raise
        self._close()

    def _advance(self) -> bool:
        """Start what may start; whether nothing more will."""
        self._woken = False
        ending = self._failed is not None or self._cancel_reason is not None
        step = next_step(self._request.nodes, self._request.edges, self._states)
        for name, because in () if ending else step.skipped.items():
            self._states[name] = NodeState("skipped", because=because)
        over = ending or all(state.status in ENDED for state in self._states.values())
        if not over and self._long_enough():
            self._leaving = True
        if over or self._leaving:
            self._interrupt(every=self._failed is not None)
        else:
            for node in step.ready[: max(0, self._request.max_parallel - len(self._tasks))]:
                self._states[node.id].status = "running"
                self._tasks[node.id] = asyncio.create_task(self._run_node(node))
        self._publish()
        return over

    async def _run_node(self, node: DagNode) -> None:
        state = self._states[node.id]
        began = workflow.now()
        try:
            scope = scope_of(node, self._request.edges, self._states, self._request.parameters)
            outcome = await perform(node, state, scope)
            state.status, state.output, state.attempts = "completed", outcome.output, outcome.attempts
        except (FailureError, asyncio.CancelledError) as error:
            if is_cancelled_exception(error):
                # A delay that is interrupted since the run continues as new goes on in the next one.
                state.status = "pending" if self._leaving else "cancelled"
            elif isinstance(error, FailureError):
                state.status, state.error = "failed", told(error)
                if node.on_failure == "fail":
                    self._failed = node.id
        # Not in a `finally`, which also runs where the worker lets go of a run that is still under way.
        state.seconds = round((workflow.now() - began).total_seconds(), 3)
        self._ended_here += state.status in ENDED
        self._tasks.pop(node.id, None)
        self._woken = True

    def _interrupt(self, every: bool) -> None:
        """Cancel the delays, which nobody waits for any more, or every node under way."""
        delays = {node.id for node in self._request.nodes if node.type == DELAY}
        for name, task in list(self._tasks.items()):
            if every or name in delays:
                task.cancel()

    def _close(self) -> None:
        """What has not ended by now never will."""
        for state in self._states.values():
            if state.status not in ENDED:
                state.status = "cancelled"
        self._publish()

    def _long_enough(self) -> bool:
        return self._ended_here >= self._request.nodes_per_run or workflow.info().is_continue_as_new_suggested()

    async def _continue_as_new(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        following = continued(self._request, self._states, started=self._started.isoformat())
        if (size := size_of(following.carried)) > LARGEST_CARRIED:
            self._close()
            raise ApplicationError(
                f"The outputs that later nodes refer to have {size} bytes together; {LARGEST_CARRIED} is the most. "
                "Narrow them with transforms.",
                type="OutputTooLargeError",
                non_retryable=True,
            )
        workflow.continue_as_new(following)

    def _failure(self, name: str) -> ApplicationError:
        error = self._states[name].error or {}
        self._status = "failed"
        return ApplicationError(
            f"Node {name} failed: {error.get('message')}",
            {"node": name, "error": error, "nodes": self.get_status().nodes},
            type="NodeFailedError",
            non_retryable=error.get("retry_state") == "non_retryable_failure",
        )

    def _publish(self) -> None:
        progress = progress_of(self._states)
        if progress != self._published:
            self._published = progress
            workflow.upsert_memo({"progress": progress})
            workflow.set_current_details(f"Phase **execute**: {progress['message']}")


@workflow.defn(name="DagValidationWorkflow", failure_exception_types=[TypeError])
class DagValidationWorkflow:
    """Says what is wrong with a graph, and runs nothing of it."""

    @workflow.run
    async def run(self, request: DagInput) -> DagVerdict:
        issues = [DagIssue(list(path), message) for path, message in problems(request)]
        return DagVerdict(valid=not issues, issues=issues)


def _refuse(found: list[Problem]) -> None:
    if found:
        raise ApplicationError(
            "The graph is wrong: " + " ".join(message for _, message in found),
            [{"path": list(path), "message": message} for path, message in found],
            type="ValidationError",
            non_retryable=True,
        )


@contextmanager
def _phase(name: str) -> Iterator[None]:
    workflow.upsert_memo({"phase": {"name": name, "status": "started"}})
    try:
        yield
    except (FailureError, asyncio.CancelledError):
        workflow.upsert_memo({"phase": {"name": name, "status": "failed"}})
        raise
    workflow.upsert_memo({"phase": {"name": name, "status": "completed"}})


WORKFLOWS = (
    Entry(
        workflow=DagExecutionWorkflow,
        task_queue=TASK_QUEUE,
        activities="app.workflows.dag.activities:activities",
        check=problems,
        phases=PHASES,
    ),
    Entry(workflow=DagValidationWorkflow, task_queue=TASK_QUEUE),
)
