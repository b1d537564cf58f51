"""Starting runs: alone, with a signal, or with an update; each once, and waited for where the caller wants that."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.access import Action, Target, refuse, visible
from app.errors import NotFound, Refusal, TidelineError
from app.gateway.acting.consistency import token_of
from app.gateway.acting.intent import Attempt, Done, Intent, Plan, Told
from app.gateway.acting.orders import empty, updated
from app.gateway.acting.outcomes import MARGIN, Outcomes, names_of, ref_of
from app.gateway.acting.rows import Rows
from app.gateway.caller import Caller, Outcome, Refused
from app.gateway.names import wrong_name
from app.gateway.quotas import Place, Quotas
from app.gateway.starting.planning import Planning
from app.gateway.starting.wanted import StartWanted
from app.log import logger
from app.model import ExecutionRef, Json
from app.model.options import IdConflictPolicy
from app.store.executions import Executions
from app.temporal import closing, earlier, reads, starts
from app.temporal.connection import Temporal
from app.temporal.earlier import REQUEST_MEMO
from app.temporal.rows import execution_at_start
from app.temporal.starts import AlreadyStarted, Start, Started
from app.temporal.update_starts import update_with_start
from app.temporal.updates import Update, rejection, stands

log = logger(__name__)

LONGEST_WAIT = 60.0
"""Seconds that a start may wait for its result."""
UPDATE_SECONDS = 15.0
"""How long a worker has to carry out an update that starts its run."""

Send = Callable[[Start], Awaitable[tuple[Started, Mapping[str, Json]]]]
"""Tells Temporal; what it tells besides the run is kept for later requests with the key."""


@dataclass(frozen=True)
class Beginning:
    """One of the ways to start a run. `input` is what it takes besides the start; `joins` where an open run of the
    workflow id is used instead; `takes` is the time that Temporal may take."""

    mutation: str
    send: Send
    takes: float
    input: Mapping[str, Json]
    joins: bool = False
    wait: float | None = None


class Starting:
    """Every method answers with an Outcome, and raises for an outage: then the run may have been started."""

    def __init__(
        self,
        temporal: Temporal,
        executions: Executions,
        outcomes: Outcomes,
        planning: Planning,
        quotas: Quotas,
        rows: Rows,
    ) -> None:
        self._temporal = temporal
        self._executions = executions
        self._outcomes = outcomes
        self._planning = planning
        self._quotas = quotas
        self._rows = rows

    async def start(
        self, caller: Caller, wanted: StartWanted, key: str | None = None, wait: float | None = None
    ) -> Outcome:
        """Start a run of a type that the registry knows, or of any other on a named task queue; and wait some
        seconds for it to close."""

        async def send(start: Start) -> tuple[Started, Mapping[str, Json]]:
            return await starts.start(self._temporal, start), {}

        joins = wanted.id_conflict_policy is not IdConflictPolicy.FAIL
        begin = Beginning("startWorkflow", send, self._temporal.timeout, {}, joins, wait)
        outcome = await self._begun(caller, wanted, key, begin)
        return await self._waited(caller, outcome, wait)

    async def signal_with_start(
        self,
        caller: Caller,
        wanted: StartWanted,
        name: str,
        args: Sequence[Json],
        key: str | None = None,
        wait: float | None = None,
    ) -> Outcome:
        """Signal the open run of the workflow id, which is started where there is none."""

        async def send(start: Start) -> tuple[Started, Mapping[str, Json]]:
            return await starts.signal_with_start(self._temporal, start, name, args), {}

        input_ = {"signal": name, "args": list(args)}
        begin = Beginning("signalWithStartWorkflow", send, self._temporal.timeout, input_, True, wait)
        outcome = await self._begun(caller, wanted, key, begin)
        return await self._waited(caller, outcome, wait)

    async def update_with_start(
        self, caller: Caller, wanted: StartWanted, name: str, args: Sequence[Json], key: str | None = None
    ) -> tuple[Outcome, Update | None]:
        """Update the open run of the workflow id, which is started where there is none, and wait for the outcome of
        the update. Refusal UPDATE_REJECTED comes with the run, which has been started all the same."""
        sent: list[Update] = []

        async def send(start: Start) -> tuple[Started, Mapping[str, Json]]:
            started, update = await update_with_start(self._temporal, start, name, args, timeout=UPDATE_SECONDS)
            sent.append(update)
            kept: dict[str, Json] = {"updateId": update.update_id}
            if update.failure is not None and await rejection(self._temporal, name, update) is not None:
                kept["rejected"] = update.failure.message
            return started, kept

        input_ = {"update": name, "args": list(args)}
        begin = Beginning("updateWithStartWorkflow", send, UPDATE_SECONDS, input_, True)
        try:
            told = await self.perform(caller, wanted, key, begin)
        except Refused as refused:
            return Outcome(refusals=refused.refusals), None
        outcome = await self._outcomes.shown(caller, told)
        if (rejected := told.kept.get("rejected")) is not None:
            refusal = Refusal("UPDATE_REJECTED", f"Update {name!r} was rejected: {rejected}", path=("updateName",))
            return replace(outcome, refusals=(*outcome.refusals, refusal)), None
        if told.done is not None and sent:
            return outcome, sent[-1]
        update_id = str(told.kept["updateId"])
        return updated(outcome, update_id, await stands(self._temporal, ref_of(told.kept), update_id, wait=1.0))

    async def _begun(self, caller: Caller, wanted: StartWanted, key: str | None, begin: Beginning) -> Outcome:
        try:
            told = await self.perform(caller, wanted, key, begin)
        except Refused as refused:
            return Outcome(refusals=refused.refusals)
        return await self._outcomes.shown(caller, told)

    async def perform(self, caller: Caller, wanted: StartWanted, key: str | None, begin: Beginning) -> Told:
        async with self._quotas.place() as place:
            return await self._outcomes.perform(caller, self._intent(caller, wanted, key, begin, place))

    def _intent(self, caller: Caller, wanted: StartWanted, key: str | None, begin: Beginning, place: Place) -> Intent:
        made_up = wanted.workflow_id is None
        planned: dict[str, Start] = {}
        before: list[ExecutionRef] = []

        async def prepare(request_id: str) -> Plan:
            _allow(caller, wanted, begin)
            start = planned[request_id] = await self._start(caller, wanted, key, request_id)
            if begin.joins and not made_up:
                before.extend(await self._open(caller, start))
            if not before:
                await place.take(str(start.memo["tenant"]))
            return {"namespace": start.namespace, "workflowId": start.workflow_id}

        async def act(attempt: Attempt) -> Done:
            if attempt.is_again and (found := await self._earlier(attempt, begin)):
                told = {"updateId": attempt.request_id} if "update" in begin.input else {}
                return await self._outcomes.done(found, created=False, **told)
            id_ = attempt.request_id
            start = planned.get(id_) or await self._start(caller, wanted, key, id_)
            start = replace(start, workflow_id=str(attempt.plan["workflowId"]))
            try:
                started, kept = await begin.send(start)
            except AlreadyStarted as refusal:
                raise await self._named(caller, start, refusal) from refusal
            done = await self._done(begin, start, started, kept)
            if wanted.id_conflict_policy is IdConflictPolicy.TERMINATE_EXISTING and done.rows:
                closed = [await self._outcomes.done(ref) for ref in before if ref != started.ref]
                return replace(done, rows=(*done.rows, *(row for each in closed for row in each.rows)))
            return done

        return Intent(
            action=Action.START,
            mutation=begin.mutation,
            input={"start": wanted, **begin.input},
            prepare=prepare,
            act=act,
            key=key,
            namespace=wanted.namespace,
            workflow_id=wanted.workflow_id,
            detail={
                "workflowType": wanted.workflow_type,
                **{name: told for name, told in begin.input.items() if isinstance(told, str)},
            },
            # An id that nobody else can have is never used for a second run.
            lease=0.0 if made_up else begin.takes + MARGIN,
            starts=True,
            target=Target(is_run=True, workflow_type=wanted.workflow_type),
            problem=_problem(wanted, begin),
        )

    async def _done(self, begin: Beginning, start: Start, started: Started, kept: Mapping[str, Json]) -> Done:
        """A start that has happened, with its run: as it was started, unless it was told something besides."""
        row = None
        if started.created and "update" not in begin.input:
            row = execution_at_start(start, started.ref.run_id, self._temporal.tenancy)
        if row is None:
            return await self._outcomes.done(started.ref, created=started.created, **kept)
        return Done({**names_of(started.ref), **kept}, (row,))

    async def _start(self, caller: Caller, wanted: StartWanted, key: str | None, request_id: str) -> Start:
        start = await self._planning.start(caller, wanted, request_id)
        return replace(start, memo={**start.memo, REQUEST_MEMO: request_id}) if key is not None else start

    async def _earlier(self, attempt: Attempt, begin: Beginning) -> ExecutionRef | None:
        """The run that an earlier try has started, or told something: from the index, which remembers longest, and
        from Temporal, which knows at once."""
        namespace, workflow_id = str(attempt.plan["namespace"]), str(attempt.plan["workflowId"])
        indexed = await self._executions.noted(namespace, workflow_id, REQUEST_MEMO, attempt.request_id)
        if indexed is not None:
            return earlier.first_of(indexed)
        found = await earlier.started(self._temporal, namespace, workflow_id, attempt.request_id)
        if found is None and begin.input:
            found = await earlier.told(self._temporal, namespace, workflow_id, attempt.request_id)
        return found

    async def _open(self, caller: Caller, start: Start) -> list[ExecutionRef]:
        """The open run to use or to close, if there is one, which the caller must be able to see."""
        try:
            latest = (await reads.describe(self._temporal, start.namespace, start.workflow_id)).execution
        except NotFound:
            return []
        if latest.status.is_closed:
            return []
        if not visible(caller.identity, latest):
            raise starts.already_started(start, is_open=True)
        return [latest.ref]

    async def _named(self, caller: Caller, start: Start, refusal: AlreadyStarted) -> Refusal:
        """The refusal with the run that is in the way, if the caller may see that."""
        if refusal.run_id is None:
            return refusal
        try:
            found = await self._outcomes.run(caller, ExecutionRef(start.namespace, start.workflow_id, refusal.run_id))
        except TidelineError:
            return refusal
        return Refusal(refusal.reason, f"{refusal.message} It is run {found.run_id}.", path=refusal.path)

    async def _waited(self, caller: Caller, outcome: Outcome, seconds: float | None) -> Outcome:
        """The last run of the chain as it stands when it has closed, or when the time is over."""
        if outcome.execution is None or not seconds:
            return outcome
        try:
            last = await closing.last_run(self._temporal, outcome.execution.ref, seconds)
            now = await self._outcomes.run(caller, last)
        except TidelineError as error:
            log.warning("a started run cannot be waited for", reason=error.message)
            return outcome
        await self._rows.put([now])
        return replace(outcome, execution=now, token=token_of(now))


def _allow(caller: Caller, wanted: StartWanted, begin: Beginning) -> None:
    """What a start may need besides the permission to start."""
    needed = []
    if begin.input:
        needed.append(Action.UPDATE if "update" in begin.input else Action.SIGNAL)
    if wanted.id_conflict_policy is IdConflictPolicy.TERMINATE_EXISTING:
        needed.append(Action.TERMINATE)
    for action in needed:
        refuse(caller.identity, action, Target(is_run=True, workflow_type=wanted.workflow_type))


def _problem(wanted: StartWanted, begin: Beginning) -> Refusal | None:
    """What is wrong with the way to start it."""
    if "signal" in begin.input and (refusal := wrong_name(str(begin.input["signal"]), "signalName")):
        return refusal
    if begin.input.get("update") == "":
        return empty("updateName")
    if begin.wait is not None and not (math.isfinite(begin.wait) and 0 <= begin.wait <= LONGEST_WAIT):
        message = f"waitForResultSeconds is 0 to {LONGEST_WAIT:g}; it is {begin.wait:g}."
        return Refusal("INVALID_INPUT", message, path=("waitForResultSeconds",))
    if "update" in begin.input and wanted.start_delay is not None:
        message = "A run that is started with an update cannot wait before its first task: leave startDelaySeconds out."
        return Refusal("INVALID_INPUT", message, path=("startDelaySeconds",))
    return None
