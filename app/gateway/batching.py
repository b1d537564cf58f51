"""Batches: one act on every run that a filter finds, done by a durable workflow at a chosen rate.

It acts on what matched when it began and still matches at its turn. Temporal's own batch jobs are not used: they know
neither our filters nor who asked, act on at most 1,000 runs a job, and do not tell which runs failed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.access import Identity, may, oversees
from app.cluster import Batch, BatchState
from app.errors import NotFound, Refusal
from app.gateway.caller import Caller, Refused
from app.gateway.consistency import token_of
from app.gateway.intent import Attempt, Done, Intent, Plan
from app.gateway.mass import MassAct
from app.gateway.outcomes import Outcomes
from app.gateway.reading import Name, Reading
from app.model import Execution, ExecutionRef, WorkflowStatus
from app.model.options import IdReusePolicy
from app.store.batches import MAX_BATCH, Batches, FailedItem, Order, StoredBatch, TooMany, told
from app.store.executions import Executions
from app.store.listing import Filter, Listing
from app.temporal import actions, starts
from app.temporal.connection import Temporal
from app.temporal.starts import AlreadyStarted
from app.workflows.batches.workflow import NAME, TASK_QUEUE

FEWEST_A_SECOND, MOST_A_SECOND = 0.01, 500.0
USUAL_RATE = 50.0
SAMPLE = 20

_OPEN = (WorkflowStatus.RUNNING, WorkflowStatus.PAUSED)
_NATURAL: Mapping[str, tuple[WorkflowStatus, ...]] = {
    "signalWorkflows": _OPEN,
    "cancelWorkflows": _OPEN,
    "terminateWorkflows": _OPEN,
    "pauseWorkflows": (WorkflowStatus.RUNNING,),
    "unpauseWorkflows": (WorkflowStatus.PAUSED,),
}
"""The runs that an act can be done to; the others can be in any state."""
_OPERATIONS = {
    mutation: f"{mutation.removesuffix('Workflows').upper()}_WORKFLOW"
    for mutation in (*_NATURAL, "resetWorkflows", "deleteWorkflows")
}


@dataclass(frozen=True, slots=True)
class Matched:
    """How many runs match now, at most one more than a batch may have, and the first of them."""

    count: int = 0
    first: Sequence[Execution] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """A batch that was asked for, or is stopped."""

    batch: Batch | None = None
    refusals: tuple[Refusal, ...] = ()
    token: str | None = None


class Batching:
    def __init__(
        self, temporal: Temporal, outcomes: Outcomes, reading: Reading, batches: Batches, executions: Executions
    ) -> None:
        self._temporal = temporal
        self._outcomes = outcomes
        self._reading = reading
        self._batches = batches
        self._executions = executions

    async def matched(self, caller: Caller, act: MassAct, filter_: Filter) -> Matched:
        """What a batch would act on if it began now. Nothing is done, and nothing is recorded."""
        try:
            if not may(caller.identity, act.action):
                raise Refusal("NOT_ALLOWED", f"{caller.identity.subject} may not {act.action.phrase}.")
            seen = self._seen(caller, act, filter_)
        except Refusal as refusal:
            return Matched(refusals=(refusal,))
        page = await self._reading.lists.page(caller.identity, Listing(seen, limit=SAMPLE))
        return Matched(await self._batches.count(seen), page.items)

    async def matched_by_name(self, caller: Caller, act: MassAct, names: Sequence[Name]) -> Matched:
        """Those of the runs that are there and that the act can be done to."""
        if not may(caller.identity, act.action):
            refusal = Refusal("NOT_ALLOWED", f"{caller.identity.subject} may not {act.action.phrase}.")
            return Matched(refusals=(refusal,))
        asked = [Name(self._reading.namespace(each.namespace), *each[1:]) for each in names]
        natural = _NATURAL.get(act.mutation, tuple(WorkflowStatus))
        found = await self._reading.named(caller.identity, asked)
        runs = [each for each in found if isinstance(each, Execution) and each.status in natural]
        return Matched(len(runs), runs[:SAMPLE])

    async def begin(
        self, caller: Caller, act: MassAct, filter_: Filter, rate: float | None, key: str | None = None
    ) -> Begun:
        """Take down what matches, and start the workflow that does it."""

        async def prepare(_: str) -> Plan:
            if rate is not None and not FEWEST_A_SECOND <= rate <= MOST_A_SECOND:
                message = f"ratePerSecond must be {FEWEST_A_SECOND:g} to {MOST_A_SECOND:g}; it is {rate:g}."
                raise Refusal("INVALID_INPUT", message, path=("ratePerSecond",))
            self._seen(caller, act, filter_)
            return {}

        async def work(attempt: Attempt) -> Done:
            order = self._order(caller, act, self._seen(caller, act, filter_), rate, attempt.request_id)
            try:
                await self._batches.begin(order)
            except TooMany:
                message = f"The filter has more than {MAX_BATCH} runs, the most of a batch. Narrow it."
                raise Refusal("TOO_MANY", message, path=("filter",)) from None
            return await self._started(caller, order)

        try:
            done = await self._outcomes.perform(
                caller,
                Intent(
                    action=act.action,
                    mutation=act.mutation,
                    input={"filter": filter_, "arguments": act.arguments, "rate": rate},
                    prepare=prepare,
                    act=work,
                    key=key,
                    namespace=self._temporal.default_namespace,
                    detail={"filter": told(filter_), **act.arguments},
                    lease=self._outcomes.lease,
                ),
            )
        except Refused as refused:
            return Begun(refusals=refused.refusals)
        job_id = str(done.kept["jobId"])
        run = done.done.rows[0] if done.done and done.done.rows else None
        token = token_of(run, is_indexed=done.is_written) if run else None
        return Begun(await self.one(caller.identity, job_id), token=token)

    async def stop(self, caller: Caller, job_id: str, reason: str, key: str | None = None) -> Begun:
        """Begin no further run of a batch. What it has acted on stays so."""
        found = await self._visible(caller.identity, job_id)
        if found is None:
            refusal = Refusal("NOT_FOUND", f"There is no batch operation {job_id!r}.", path=("jobId",))
            return Begun(refusals=(refusal,))
        ref = ExecutionRef(found.order.namespace, workflow_id_of(job_id), "")

        async def prepare(_: str) -> Plan:
            if found.is_closed:
                raise Refusal("ALREADY_CLOSED", f"Batch operation {job_id!r} has ended already.", path=("jobId",))
            return {"namespace": ref.namespace, "workflowId": ref.workflow_id, "jobId": job_id}

        async def work(attempt: Attempt) -> Done:
            try:
                await actions.cancel(self._temporal, ref, reason, identity=caller.name, request_id=attempt.request_id)
            except (NotFound, Refusal):
                # No workflow does it (any more): then nobody else closes it.
                await self._batches.close(job_id, "CANCELED")
            return Done(attempt.plan)

        act = MassAct(found.order.mutation, found.order.arguments)
        intent = Intent(
            action=act.action,
            mutation="stopBatchOperation",
            input={"jobId": job_id, "reason": reason},
            prepare=prepare,
            act=work,
            key=key,
            namespace=ref.namespace,
            workflow_id=ref.workflow_id,
            detail={"batch": job_id, "reason": reason},
        )
        try:
            await self._outcomes.perform(caller, intent)
        except Refused as refused:
            return Begun(refusals=refused.refusals)
        return Begun(await self.one(caller.identity, job_id))

    async def one(self, identity: Identity, job_id: str) -> Batch | None:
        """None where there is none that the caller may see."""
        found = await self._visible(identity, job_id)
        return (await self._shown([found]))[0] if found else None

    async def page(self, identity: Identity, limit: int, after: tuple[datetime, str] | None = None) -> list[Batch]:
        """Newest first, behind a start and a job id."""
        scope = identity.scope
        if not oversees(identity) and scope.tenant is None:
            return []
        return await self._shown(await self._batches.page(scope.tenant, scope.environment, limit, after))

    async def failures(self, job_id: str) -> Sequence[FailedItem]:
        """The first runs on which a batch failed; the caller may see it already."""
        return await self._batches.failures(job_id)

    async def _visible(self, identity: Identity, job_id: str) -> StoredBatch | None:
        try:
            found = await self._batches.get(str(uuid.UUID(job_id)))
        except ValueError:
            return None  # Temporal's jobs may have any name.
        if found is None:
            return None
        scope, order = identity.scope, found.order
        own = scope.tenant == order.tenant and scope.environment in {None, order.environment}
        return found if oversees(identity) or (scope.tenant is not None and own) else None

    async def _shown(self, found: Sequence[StoredBatch]) -> list[Batch]:
        """As they stand; one whose workflow has ended without a word, such as by a termination, has ended too."""
        going = [(each.order.namespace, workflow_id_of(each.order.job_id)) for each in found if not each.is_closed]
        runs = await self._executions.newest(going)
        shown = []
        for each in found:
            batch = shown_of(each)
            run = runs.get((batch.namespace, workflow_id_of(batch.job_id)))
            if run is not None and run.status.is_closed and run.status is not WorkflowStatus.CONTINUED_AS_NEW:
                state = BatchState.COMPLETED if run.status is WorkflowStatus.COMPLETED else BatchState.FAILED
                state = BatchState.CANCELED if run.status is WorkflowStatus.CANCELED else state
                batch = replace(batch, state=state, close_time=run.close_time)
            shown.append(batch)
        return shown

    def _seen(self, caller: Caller, act: MassAct, filter_: Filter) -> Filter:
        """The runs of the filter that the caller may see and that the act can be done to."""
        if filter_ == Filter():
            message = "The filter is empty: name at least one condition, since a batch acts on all that it finds."
            raise Refusal("INVALID_INPUT", message, path=("filter",))
        seen = self._reading.lists.seen(caller.identity, filter_)
        natural = _NATURAL.get(act.mutation)
        return replace(seen, every=(*seen.every, Filter(statuses=natural))) if natural else seen

    def _order(self, caller: Caller, act: MassAct, filter_: Filter, rate: float | None, job_id: str) -> Order:
        identity = caller.identity
        return Order(
            job_id=job_id,
            tenant=identity.scope.tenant,
            environment=identity.scope.environment,
            namespace=self._temporal.default_namespace,
            mutation=act.mutation,
            arguments=act.arguments,
            filter=filter_,
            requester={
                "subject": identity.subject,
                "tenant": identity.tenant,
                "environment": identity.environment,
                "roles": sorted(identity.roles),
                "requestId": caller.request_id,
                "address": caller.address,
            },
            rate=rate or USUAL_RATE,
        )

    async def _started(self, caller: Caller, order: Order) -> Done:
        identity = caller.identity
        start = starts.Start(
            namespace=order.namespace,
            workflow_id=workflow_id_of(order.job_id),
            workflow_type=NAME,
            task_queue=TASK_QUEUE,
            input=[{"job_id": order.job_id}],
            memo={
                "createdBy": identity.subject,
                "tenant": identity.tenant,
                "environment": identity.environment,
                "metadata": {"batch": order.job_id, "mutation": order.mutation},
            },
            summary=order.mutation,
            id_reuse_policy=IdReusePolicy.REJECT_DUPLICATE,
            identity=caller.name,
            request_id=order.job_id,
        )
        try:
            started = await starts.start(self._temporal, start)
        except AlreadyStarted:
            return Done({"jobId": order.job_id}, created=False)
        return replace(await self._outcomes.done(started.ref, jobId=order.job_id), created=started.created)


def workflow_id_of(job_id: str) -> str:
    return f"batch-{job_id}"


def shown_of(found: StoredBatch) -> Batch:
    order = found.order
    return Batch(
        namespace=order.namespace,
        job_id=order.job_id,
        state=BatchState(found.state),
        operation=_OPERATIONS[order.mutation],
        start_time=found.started_at,
        close_time=found.closed_at,
        identity=str(order.requester["subject"]),
        reason=str(order.arguments.get("reason") or "") or None,
        total=found.total,
        completed=found.completed,
        failed=found.failed,
        skipped=found.skipped,
        problem=found.problem,
        filter=told(order.filter),
        workflow_id=workflow_id_of(order.job_id),
    )
