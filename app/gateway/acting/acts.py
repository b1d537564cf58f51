"""One act on one run: who may, whether the run can take it, do it once, record it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from app.access import Action, Target, refuse
from app.errors import NotFound, Refusal
from app.gateway.acting.intent import Attempt, Done, Intent, Plan, Told
from app.gateway.acting.outcomes import Outcomes, ref_of, unknown
from app.gateway.caller import Caller, Outcome, Refused
from app.gateway.naming import Name
from app.gateway.quotas import Place, Quotas
from app.model import ExecutionRef, Json
from app.temporal import actions, reads
from app.temporal.connection import Temporal

_LOOKS = 3
"""A run that is named without its run id may be continued by another one while it is acted on."""
_DONE_ALREADY = {"ALREADY_CLOSED", "NOT_PAUSED", "NOT_FOUND"}
"""What a run says to an act that an earlier try has done, and to others."""


@dataclass(frozen=True)
class Act:
    """What is to be done to a run. `mutation` is its name in the audit, `input` all that makes it another act.

    `work` tells Temporal. `stands` says what is there of an earlier try, of which nobody heard how it ended, where
    Temporal refuses the next one. Without `repeatable` Temporal takes two tries for two acts, so that they must not
    be at the same time. Unless it is done `to_closed` runs as well, they are refused.
    """

    mutation: str
    action: Action
    input: object
    work: Callable[[ExecutionRef, Attempt], Awaitable[Done]]
    stands: Callable[[ExecutionRef, Attempt], Awaitable[Done | None]] | None = None
    detail: Mapping[str, Json] = field(default_factory=dict)
    repeatable: bool = False
    to_closed: bool = False
    reopens: bool = False
    """It makes a new run of a closed one, for which its tenant must have a place."""
    takes: float = 0.0
    """Seconds that Temporal may take beyond its usual time."""
    signal: str | None = None
    update: str | None = None
    """What is sent, by name."""
    problem: Refusal | Refused | None = None
    """Why the request cannot be meant: told to who may do this, in place of doing it."""


class Acts:
    """Raises Refused for what the caller can mend, and for an outage as its parts do: then it may have happened."""

    def __init__(self, temporal: Temporal, outcomes: Outcomes, quotas: Quotas) -> None:
        self._temporal = temporal
        self._outcomes = outcomes
        self._quotas = quotas

    async def outcome(self, caller: Caller, name: Name, act: Act, key: str | None) -> Outcome:
        """Do it once, and tell of the run that it is about."""
        try:
            told = await self.perform(caller, name, act, key)
        except Refused as refused:
            return Outcome(refusals=refused.refusals)
        return await self.shown(caller, told)

    async def perform(self, caller: Caller, name: Name, act: Act, key: str | None) -> Told:
        async with self._quotas.place() as place:
            return await self._outcomes.perform(caller, self._intent(caller, name, act, key, place))

    def _intent(self, caller: Caller, name: Name, act: Act, key: str | None, place: Place) -> Intent:
        async def prepare(_: str) -> Plan:
            if act.problem is not None:
                raise act.problem
            run = await self._outcomes.visible(caller, *name)
            refuse(caller.identity, act.action, Target(run=run, signal=act.signal, update=act.update))
            if run.status.is_closed and not act.to_closed:
                # Temporal takes a cancel of a closed run without a word; its caller should hear.
                raise actions.already_closed(run.ref)
            if run.status.is_closed and act.reopens:
                await place.take(run.tenant)
            return {
                "namespace": run.namespace,
                "workflowId": run.workflow_id,
                "runId": run.run_id,
                "status": run.status.value,
            }

        async def work(attempt: Attempt) -> Done:
            return await self._done(caller, name, act, attempt)

        return Intent(
            action=act.action,
            mutation=act.mutation,
            input={"name": name, "act": act.input},
            prepare=prepare,
            act=work,
            key=key,
            namespace=name.namespace or None,
            workflow_id=name.workflow_id or None,
            run_id=name.run_id,
            detail=act.detail,
            lease=0.0 if act.repeatable else self._outcomes.lease + act.takes,
        )

    async def shown(self, caller: Caller, told: Told) -> Outcome:
        return await self._outcomes.shown(caller, told)

    async def _done(self, caller: Caller, name: Name, act: Act, attempt: Attempt) -> Done:
        ref = ref_of(attempt.plan)
        for look in range(1, _LOOKS + 1):
            try:
                if attempt.is_again and not act.to_closed:
                    await self._require_open(ref)
                return await act.work(ref, attempt)
            except Refusal as refusal:
                if attempt.is_again and refusal.reason in _DONE_ALREADY and act.stands is not None:
                    done = await act.stands(ref, attempt)
                    if done is not None:
                        return done
                if refusal.reason != "ALREADY_CLOSED" or name.run_id or look == _LOOKS:
                    raise
                latest = await self._outcomes.visible(caller, *name)
                if latest.ref == ref or latest.status.is_closed:
                    raise
                ref = latest.ref
        raise AssertionError("the last look returns or raises")

    async def _require_open(self, ref: ExecutionRef) -> None:
        """Of another try it was never asked whether the run is open: that may have been long ago."""
        try:
            now = await reads.describe(self._temporal, ref.namespace, ref.workflow_id, ref.run_id)
        except NotFound as error:
            raise unknown(ref.workflow_id) from error
        if now.execution.status.is_closed:
            raise actions.already_closed(ref)

    async def done(self, ref: ExecutionRef, **kept: Json) -> Done:
        """What has happened to a run, with the run as it is now."""
        return await self._outcomes.done(ref, **kept)

    async def closed_as(self, ref: ExecutionRef, *statuses: str) -> bool:
        """Whether the run has come to its end in one of these ways."""
        now = await reads.describe(self._temporal, ref.namespace, ref.workflow_id, ref.run_id)
        return now.execution.status.value in statuses
