"""What mutations of runs share: the run as it is now, and what the caller is told of it."""

from __future__ import annotations

from app.errors import Refusal, TidelineError
from app.gateway.acting.consistency import token_of
from app.gateway.acting.intent import Done, Intent, Told
from app.gateway.acting.once import Once
from app.gateway.caller import Caller, Outcome, Refused
from app.gateway.reading.reading import Reading
from app.log import logger
from app.model import Execution, ExecutionRef, Json
from app.temporal import reads
from app.temporal.connection import Temporal

log = logger(__name__)

MARGIN = 2.0
"""Seconds beyond the deadline of a call to Temporal after which it surely has no effect any more."""


class Outcomes:
    def __init__(self, temporal: Temporal, once: Once, reading: Reading) -> None:
        self._temporal = temporal
        self._once = once
        self._reading = reading

    @property
    def lease(self) -> float:
        """Seconds that an act on a run can take effect within."""
        return self._temporal.timeout + MARGIN

    async def outcome(self, caller: Caller, intent: Intent) -> Outcome:
        """Do it once, and tell of the run that it is about."""
        try:
            told = await self.perform(caller, intent)
        except Refused as refused:
            return Outcome(refusals=refused.refusals)
        return await self.shown(caller, told)

    async def perform(self, caller: Caller, intent: Intent) -> Told:
        return await self._once.perform(caller, intent)

    async def shown(self, caller: Caller, told: Told) -> Outcome:
        execution = await self._execution(caller, told)
        if execution is None:
            what = f"The run of workflow {told.kept.get('workflowId')!r} that this key stands for"
            gone = Refusal("NOT_FOUND", f"{what} has been forgotten. It was done; the key does nothing again.")
            return Outcome(refusals=(gone,))
        return Outcome(execution, told.created, token=token_of(execution))

    async def _execution(self, caller: Caller, told: Told) -> Execution | None:
        if told.done is not None and told.done.rows:
            return told.done.rows[0]
        ref = ref_of(told.kept)
        try:
            return await self._reading.run(caller.identity, ref)
        except TidelineError as error:
            message = f"It was done, but workflow {ref.workflow_id!r} cannot be read now: {error.message}"
            failed = type(error)(message, path=error.path)
            failed.may_have_happened = True
            raise failed from error

    async def visible(self, caller: Caller, namespace: str | None, workflow_id: str, run_id: str | None) -> Execution:
        """The run that a caller means; Refusal where there is none that it may see."""
        execution = await self._reading.execution(caller.identity, namespace, workflow_id, run_id)
        if execution is None:
            raise unknown(workflow_id)
        return execution

    async def run(self, caller: Caller, ref: ExecutionRef) -> Execution:
        """A run by its name in Temporal; Refusal where the caller may not see it."""
        execution = await self._reading.run(caller.identity, ref)
        if execution is None:
            raise unknown(ref.workflow_id)
        return execution

    async def done(self, ref: ExecutionRef, *, created: bool = True, **kept: Json) -> Done:
        """An act that has happened to a run, with the run as it is now. That it cannot be read undoes nothing."""
        names = names_of(ref)
        try:
            now = (await reads.describe(self._temporal, ref.namespace, ref.workflow_id, ref.run_id)).execution
        except TidelineError as error:
            log.warning("a changed run cannot be read", workflow_id=ref.workflow_id, reason=error.message)
            return Done({**names, **kept}, created=created)
        return Done({**names, **kept}, (now,), created)


def names_of(ref: ExecutionRef) -> dict[str, Json]:
    """How a plan or an outcome names a run."""
    return {"namespace": ref.namespace, "workflowId": ref.workflow_id, "runId": ref.run_id}


def ref_of(names: object) -> ExecutionRef:
    """The run that a plan or an outcome names."""
    assert isinstance(names, dict)
    return ExecutionRef(names["namespace"], names["workflowId"], names["runId"])


def unknown(workflow_id: str) -> Refusal:
    """Also for what belongs to somebody else, in the same words."""
    return Refusal("NOT_FOUND", f"There is no workflow {workflow_id!r}.", path=("workflowId",))
