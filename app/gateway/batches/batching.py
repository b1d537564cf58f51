"""Batches: one act on every run that a filter finds, done by a durable workflow at a chosen rate.

It acts on what matched when it began and still matches at its turn. Temporal's own batch jobs are not used: they know
neither our filters nor who asked, act on at most 1,000 runs a job, and do not tell which runs failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.access import Action, may
from app.cluster import Batch
from app.errors import NotFound, Refusal, TidelineError
from app.gateway.acting.consistency import token_of
from app.gateway.acting.intent import Attempt, Done, Intent, Plan
from app.gateway.acting.outcomes import Outcomes
from app.gateway.acting.rows import Rows
from app.gateway.batches.many import MAX_MANY, too_many
from app.gateway.batches.mass import MassAct
from app.gateway.caller import Caller, Refused
from app.gateway.naming import Name
from app.gateway.reading.batch_reading import BatchReading, workflow_id_of
from app.gateway.reading.reading import Reading
from app.model import Execution, ExecutionRef, WorkflowStatus
from app.model.options import IdReusePolicy
from app.store.batches import MAX_BATCH, Batches, Order, TooMany, told
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
        self,
        temporal: Temporal,
        outcomes: Outcomes,
        reading: Reading,
        rows: Rows,
        batches: Batches,
        shown: BatchReading,
    ) -> None:
        self._temporal = temporal
        self._outcomes = outcomes
        self._reading = reading
        self._rows = rows
        self._batches = batches
        self._shown = shown

    async def matched(self, caller: Caller, act: MassAct, filter_: Filter, rate: float | None) -> Matched:
        """What a batch would act on if it began now. Nothing is done, and nothing is recorded."""
        try:
            if refusal := _refused(caller, act, rate):
                raise refusal
            seen = self._seen(caller, act, filter_)
        except Refusal as refusal:
            return Matched(refusals=(refusal,))
        await self._rows.settled(caller.identity.scope)
        page = await self._reading.lists.page(caller.identity, Listing(seen, limit=SAMPLE))
        return Matched(await self._batches.count(seen), page.items)

    async def matched_by_name(self, caller: Caller, act: MassAct, names: Sequence[Name]) -> Matched:
        """Those of the runs that are there and that the act can be done to."""
        if refusal := _refused(caller, act, None):
            return Matched(refusals=(refusal,))
        if len(names) > MAX_MANY:
            return Matched(refusals=(too_many(names),))
        asked = [Name(self._reading.namespace(each.namespace), *each[1:]) for each in names]
        natural = _NATURAL.get(act.mutation, tuple(WorkflowStatus))
        found = await self._reading.named(caller.identity, asked)
        runs = [each for each in found if isinstance(each, Execution) and each.status in natural]
        return Matched(len(runs), runs[:SAMPLE])

    async def begin(
        self, caller: Caller, act: MassAct, filter_: Filter, rate: float | None, key: str | None = None
    ) -> Begun:
        """Take down what matches, and start the workflow that does it."""

        async def prepare(request_id: str) -> Plan:
            self._seen(caller, act, filter_)
            return {"workflowId": workflow_id_of(request_id), "batch": request_id}

        async def work(attempt: Attempt) -> Done:
            await self._rows.settled(caller.identity.scope)
            order = self._order(caller, act, filter_, rate, attempt.request_id)
            try:
                await self._batches.begin(order)
            except TooMany:
                message = f"The filter has more than {MAX_BATCH} runs, the most of a batch. Narrow it."
                raise Refusal("TOO_MANY", message, path=("filter",)) from None
            try:
                return await self._started(caller, order)
            except TidelineError as error:
                if key is None:
                    # Nobody can ask for this one again: it must not look as if it went on.
                    await self._batches.close(order.job_id, "FAILED", f"It could not be started: {error.message}")
                raise

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
                    detail={**act.detail, "filter": told(filter_)},
                    lease=self._outcomes.lease,
                    problem=_problem(act, rate),
                ),
            )
        except Refused as refused:
            return Begun(refusals=refused.refusals)
        job_id = str(done.kept["batch"])
        run = done.done.rows[0] if done.done and done.done.rows else None
        token = token_of(run) if run else None
        return Begun(await self._shown.one(caller.identity, job_id), token=token)

    async def stop(self, caller: Caller, job_id: str, reason: str, key: str | None = None) -> Begun:
        """Begin no further run of a batch. What it has acted on stays so."""
        found = await self._shown.found(caller.identity, job_id)
        namespace = found.order.namespace if found else self._temporal.default_namespace
        ref = ExecutionRef(namespace, workflow_id_of(job_id), "")

        async def prepare(_: str) -> Plan:
            if found is None:
                raise Refusal("NOT_FOUND", f"There is no batch operation {job_id!r}.", path=("jobId",))
            if found.is_closed:
                raise Refusal("ALREADY_CLOSED", f"Batch operation {job_id!r} has ended already.", path=("jobId",))
            return {"namespace": ref.namespace, "workflowId": ref.workflow_id, "batch": job_id}

        async def work(attempt: Attempt) -> Done:
            try:
                await actions.cancel(self._temporal, ref, reason, identity=caller.name, request_id=attempt.request_id)
            except (NotFound, Refusal):
                # No workflow does it (any more): then nobody else closes it.
                await self._batches.close(job_id, "CANCELED")
            return Done(attempt.plan)

        intent = Intent(
            action=MassAct(found.order.mutation, {}).action if found else Action.CANCEL,
            mutation="stopBatchOperation",
            input={"jobId": job_id, "reason": reason},
            prepare=prepare,
            act=work,
            key=key,
            namespace=ref.namespace,
            workflow_id=ref.workflow_id,
            detail={"reason": reason},
        )
        try:
            await self._outcomes.perform(caller, intent)
        except Refused as refused:
            return Begun(refusals=refused.refusals)
        return Begun(await self._shown.one(caller.identity, job_id))

    def _seen(self, caller: Caller, act: MassAct, filter_: Filter) -> Filter:
        """The runs of the filter that the caller may see and that the act can be done to."""
        if filter_ == Filter():
            message = "The filter is empty: name at least one condition, since a batch acts on all that it finds."
            raise Refusal("INVALID_INPUT", message, path=("filter",))
        return _possible(act, self._reading.lists.seen(caller.identity, filter_))

    def _order(self, caller: Caller, act: MassAct, filter_: Filter, rate: float | None, job_id: str) -> Order:
        identity = caller.identity
        return Order(
            job_id=job_id,
            tenant=identity.scope.tenant,
            environment=identity.scope.environment,
            namespace=self._temporal.default_namespace,
            mutation=act.mutation,
            arguments=act.arguments,
            filter=self._seen(caller, act, filter_),
            understood=told(_possible(act, self._reading.lists.understood(identity, filter_))),
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
            return Done({"batch": order.job_id}, created=False)
        return replace(await self._outcomes.done(started.ref, batch=order.job_id), created=started.created)


def _refused(caller: Caller, act: MassAct, rate: float | None) -> Refusal | None:
    """Why it would not even begin, whatever the runs are."""
    if not may(caller.identity, act.action):
        return Refusal("NOT_ALLOWED", f"{caller.identity.subject} may not {act.action.phrase}.")
    return _problem(act, rate)


def _problem(act: MassAct, rate: float | None) -> Refusal | None:
    if rate is not None and not FEWEST_A_SECOND <= rate <= MOST_A_SECOND:
        message = f"ratePerSecond must be {FEWEST_A_SECOND:g} to {MOST_A_SECOND:g}; it is {rate:g}."
        return Refusal("INVALID_INPUT", message, path=("ratePerSecond",))
    return act.problem


def _possible(act: MassAct, filter_: Filter) -> Filter:
    """The filter within the runs that the act can be done to."""
    natural = _NATURAL.get(act.mutation)
    return replace(filter_, every=(*filter_.every, Filter(statuses=natural))) if natural else filter_
