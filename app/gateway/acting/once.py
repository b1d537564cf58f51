"""Once: a mutation that carries an idempotency key is done once, however often and wherever it is sent.

An act has three steps. `prepare` checks, and plans what must stay the same when Temporal is told again; it changes
nothing. The key is then claimed in Postgres, with a request id and the plan, in one statement with the audit's
REQUESTED. `act` tells Temporal, under that request id. The outcome goes to the key and the audit in one statement;
the answer waits for that, but not for the index. Whoever finds a key claimed and without an outcome acts again with
the stored request id and plan.

| it ends                                 | what is left                  | what the same request then finds          |
|-----------------------------------------|-------------------------------|-------------------------------------------|
| in `prepare`, or before                 | nothing                       | a fresh key                               |
| Postgres away at the claim              | nothing, or the claim, if the | a fresh key, or one without outcome of    |
|                                         | commit was not answered       | which nobody has told Temporal            |
| crash between the claim and Temporal    | a claim                       | acts with the same request id: first time |
| Temporal away, or its deadline          | a claim, let go of            | acts with the same request id; what reached|
|                                         |                               | Temporal before is found there            |
| Temporal refuses                        | nothing, unless another try   | a fresh key                               |
|                                         | is in doubt                   |                                           |
| crash between Temporal and the outcome  | a claim, its lease passing    | acts with the same request id: Temporal, or|
|                                         |                               | the look for the earlier try, finds it    |
| Postgres away at the outcome            | the same; the outcome follows | the outcome, or the same as above         |
|                                         | if the process lives          |                                           |
| crash between the outcome and the answer| the outcome; the indexer finds| the outcome                               |
|                                         | what the index does not have  |                                           |
| the connection to the client is lost    | all goes on to the outcome    | the outcome, or waits for it              |

Two requests with one key at once, on any gateways: where Temporal itself takes the act twice for one, both tell it
and the first outcome is kept. Where it does not quite (`lease`), the second waits until the first has an outcome or
its lease has passed, which is longer than a call to Temporal can still take effect.

Temporal knows the request id of a start only while the run is the newest of its workflow id. So an act that finds
`is_again` looks first for what an earlier try may have done; a start marks its run's memo with the request id.

Without Postgres nothing happens at all.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from app.access import refuse
from app.errors import DeadlineExceeded, RateLimited, Refusal, TidelineError
from app.gateway.acting.intent import Attempt, Done, Intent, Plan, Told
from app.gateway.acting.recording import Recording, outcome_of, refusals_of
from app.gateway.caller import Caller, Refused
from app.model import Execution
from app.store.audit import AuditEntry
from app.store.idempotency import Claim, Idempotency, Key, Standing

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25
_END_SECONDS = 8.0

NOT_DONE = "Nothing was done: repeat it."
SAFE = "It may have been done. Repeating it with the same idempotencyKey is safe."
UNSAFE = "It may have been done. It has no idempotencyKey: repeating it may do it twice."


@dataclass(frozen=True, slots=True)
class _Try:
    """One request on its way. `mine` is its own among those with the same key."""

    intent: Intent
    entry: AuditEntry
    key: Key | None
    mine: str
    claim: Claim


class Once:
    def __init__(
        self, keys: Idempotency, recording: Recording, put: Callable[[Sequence[Execution]], Awaitable[None]]
    ) -> None:
        """`put` has runs written to the index."""
        self._keys = keys
        self._recording = recording
        self._put = put
        self._open: set[asyncio.Task[Any]] = set()

    async def perform(self, caller: Caller, intent: Intent) -> Told:
        """Do it, or tell what came of it before. Raises Refused, or an error that says whether it may have happened.

        A caller who goes away does not stop it: what has begun is brought to its outcome.
        """
        return await asyncio.shield(self._kept(self._performed(caller, intent)))

    async def close(self) -> None:
        """Let what has begun come to its end, for a while."""
        if self._open:
            await asyncio.wait(self._open, timeout=_END_SECONDS)
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _kept(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._open.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._open.discard(task)
        if not task.cancelled():
            task.exception()  # Whoever asked may be gone; what matters of it is in the audit.

    async def _performed(self, caller: Caller, intent: Intent) -> Told:
        entry = self._recording.entry(
            caller, intent.mutation, intent.namespace, intent.workflow_id, intent.detail, intent.run_id, intent.key
        )
        mine = str(uuid.uuid4())
        key: Key | None = None
        plan: Plan = {}
        refused: Exception | None = None
        try:
            _permit(caller, intent)
            key = intent.key_of(caller)
            if intent.problem is not None:
                raise intent.problem
            plan = await intent.prepare(mine)
        except Exception as error:
            # What can no longer be asked for may have been done with this key already.
            if error is intent.problem or not await self._is_used(key, error):
                raise await self._failed(entry, error) from error
            refused = error
        try:
            claim = await self._claim(intent, _about(entry, plan), key, mine, plan)
        except TidelineError as error:
            raise _worded(error, NOT_DONE, happened=False) from error
        return await self._told(_Try(intent, _about(entry, claim.plan), key, mine, claim), refused)

    async def _is_used(self, key: Key | None, error: Exception) -> bool:
        if key is None or not isinstance(error, TidelineError | Refused):
            return False
        try:
            return await self._keys.find(key)
        except TidelineError as away:
            raise _worded(away, NOT_DONE, happened=False) from away

    async def _claim(self, intent: Intent, entry: AuditEntry, key: Key | None, mine: str, plan: Plan) -> Claim:
        """How the key stands once nobody else works on it; without a key, there is only the audit to write to."""
        clock = asyncio.get_running_loop()
        position, pause, until = None, _FIRST_PAUSE, clock.time() + intent.lease + 1
        starts = (entry.namespace or "", entry.workflow_id) if intent.starts and entry.workflow_id else None
        while True:
            claim = await self._keys.claim(
                key, entry, request_id=mine, plan=plan, lease=intent.lease, starts=starts, position=position
            )
            if claim.standing is not Standing.BUSY:
                return claim
            if clock.time() > until:
                raise DeadlineExceeded("Another request with this idempotencyKey is still being worked on.")
            position = claim.position
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _told(self, this: _Try, refused: Exception | None) -> Told:
        match this.claim.standing:
            case Standing.MISMATCH:
                raise await self._failed(this.entry, _mismatch(this.intent), this.claim.position)
            case Standing.DONE:
                await self._conclude(this, "REPEATED", None)
                return Told(this.claim.outcome or {})
        if refused is not None and not this.claim.is_again:
            # It was let go of since we looked, and there is nothing to act with.
            await self._let_go(this, untouched=True)
            raise await self._failed(this.entry, refused, this.claim.position)
        attempt = Attempt(this.claim.request_id, this.claim.plan, this.claim.is_again)
        try:
            done = await this.intent.act(attempt)
        except Exception as error:
            raise await self._undone(this, error) from error
        credited = await self._conclude(this, "OK", done)
        await self._put(done.rows)
        return Told(done.kept, done, done.created if credited is None else credited)

    async def _conclude(self, this: _Try, outcome: str, done: Done | None) -> bool | None:
        """Whether the caller is told that this created something; None where the outcome is not written yet."""
        entry = replace(this.entry, outcome=outcome)
        if done is not None:
            entry = _about(entry, done.kept)
        return await self._recording.written(
            entry.action,
            lambda: self._keys.conclude(
                this.key,
                this.claim.request_id,
                done.kept if done else None,
                entry,
                this.claim.position,
                created=done is not None and done.created,
            ),
        )

    async def _undone(self, this: _Try, error: Exception) -> Exception:
        """What to raise for an act that failed. The next try with its key does not wait for this one."""
        refusals = refusals_of(error)
        untouched = refusals is not None or isinstance(error, RateLimited)
        await self._let_go(this, untouched=untouched)
        entry = replace(this.entry, outcome=outcome_of(error))
        await self._recording.written(entry.action, lambda: self._recording.record(entry, this.claim.position))
        if refusals is not None:
            return Refused(*refusals)
        if not isinstance(error, TidelineError):
            return error
        if untouched:
            return _worded(error, NOT_DONE, happened=False)
        return _worded(error, SAFE if this.key else UNSAFE, happened=True)

    async def _let_go(self, this: _Try, *, untouched: bool) -> None:
        if this.key is not None:
            key = this.key
            await self._recording.written(
                this.entry.action, lambda: self._keys.let_go(key, this.mine, untouched=untouched)
            )

    async def _failed(self, entry: AuditEntry, error: Exception, position: int | None = None) -> Exception:
        """What to raise for what was not even begun, once it is written down."""
        try:
            await self._recording.refused(entry, outcome_of(error), position)
        except TidelineError as unwritten:
            error = unwritten
        if refusals := refusals_of(error):
            return Refused(*refusals)
        return _worded(error, NOT_DONE, happened=False) if isinstance(error, TidelineError) else error


def _permit(caller: Caller, intent: Intent) -> None:
    """What of it can be said before it is known what it is done to."""
    refuse(caller.identity, intent.action, intent.target)


def _mismatch(intent: Intent) -> Refusal:
    return Refusal(
        "IDEMPOTENCY_MISMATCH",
        f"idempotencyKey {intent.key!r} was used for another request: another mutation, or another input. Send that"
        " again as it was, or take a new key.",
        path=("idempotencyKey",),
    )


def _about(entry: AuditEntry, what: Plan) -> AuditEntry:
    """The entry with the run and the batch that the plan or outcome names."""
    workflow_id, run_id, batch = what.get("workflowId"), what.get("runId"), what.get("batch")
    return replace(
        entry,
        workflow_id=workflow_id if isinstance(workflow_id, str) else entry.workflow_id,
        run_id=run_id if isinstance(run_id, str) else entry.run_id,
        detail={**entry.detail, "batch": batch} if isinstance(batch, str) else entry.detail,
    )


def _worded(error: TidelineError, words: str, *, happened: bool) -> TidelineError:
    """The error with what its caller must know before a repetition."""
    told = type(error)(f"{error.message} {words}", path=error.path)
    told.may_have_happened = happened
    return told
