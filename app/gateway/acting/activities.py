"""Acting on open activities of runs. As with runs, every method answers with what changed or with refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, fields

from app.access import Action
from app.errors import Refusal, TidelineError
from app.gateway.acting.acts import Act, Acts
from app.gateway.acting.intent import Attempt, Done
from app.gateway.caller import Caller, Refused
from app.gateway.naming import Name
from app.gateway.reading.reading import Reading
from app.log import logger
from app.model import Activity, ActivityStatus, Execution, ExecutionRef, Json
from app.temporal import activities
from app.temporal.activities import ActivityOptions, ActivityRef, Beat, Failed
from app.temporal.connection import Temporal
from app.temporal.tokens import task_token

log = logger(__name__)

LONGEST_SPAN = 315_360_000.0
"""Ten years, in seconds."""
Work = Callable[[ActivityRef, str], Awaitable[Beat | None]]


@dataclass(frozen=True, slots=True)
class ActivityName:
    """What a caller calls an activity: by its run and id, or by a task token in base64."""

    workflow_id: str | None = None
    activity_id: str | None = None
    run_id: str | None = None
    task_token: str | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class ResetActivityWanted:
    """How an activity begins again. `jitter` is in seconds."""

    reset_heartbeat: bool = False
    keep_paused: bool = False
    restore_original_options: bool = False
    jitter: float | None = None


@dataclass(frozen=True, slots=True)
class ActivityOutcome:
    """The run and its activity as they are now; `beat` is the answer to a heartbeat."""

    execution: Execution | None = None
    activity: Activity | None = None
    beat: Beat | None = None
    refusals: tuple[Refusal, ...] = ()
    token: str | None = None


class Activities:
    def __init__(self, temporal: Temporal, acts: Acts, reading: Reading) -> None:
        self._temporal = temporal
        self._acts = acts
        self._reading = reading

    async def pause(self, caller: Caller, name: ActivityName, reason: str, key: str | None = None) -> ActivityOutcome:
        """Begin no further attempt."""

        async def work(which: ActivityRef, request: str) -> None:
            await activities.pause(self._temporal, which, reason, identity=caller.name, request_id=request)

        return await self._outcome(caller, "pauseActivity", name, {"reason": reason}, work, key)

    async def unpause(
        self, caller: Caller, name: ActivityName, jitter: float | None, key: str | None = None
    ) -> ActivityOutcome:
        """Begin attempts again; Temporal takes it for one that is not paused as well."""

        async def work(which: ActivityRef, _: str) -> None:
            _check_span("jitterSeconds", jitter)
            await activities.unpause(self._temporal, which, jitter, identity=caller.name)

        return await self._outcome(caller, "unpauseActivity", name, {"jitter": jitter}, work, key)

    async def reset(
        self, caller: Caller, name: ActivityName, wanted: ResetActivityWanted, key: str | None = None
    ) -> ActivityOutcome:
        """Begin at the first attempt again."""

        async def work(which: ActivityRef, _: str) -> None:
            _check_span("jitterSeconds", wanted.jitter)
            await activities.reset(
                self._temporal,
                which,
                reset_heartbeat=wanted.reset_heartbeat,
                keep_paused=wanted.keep_paused,
                restore_original_options=wanted.restore_original_options,
                jitter=wanted.jitter,
                identity=caller.name,
            )

        return await self._outcome(caller, "resetActivity", name, wanted, work, key)

    async def update_options(
        self, caller: Caller, name: ActivityName, options: ActivityOptions, key: str | None = None
    ) -> ActivityOutcome:
        """Change its options."""

        async def work(which: ActivityRef, _: str) -> None:
            _check_options(options)
            await activities.update_options(self._temporal, which, options, identity=caller.name)

        return await self._outcome(caller, "updateActivityOptions", name, options, work, key)

    async def complete(
        self, caller: Caller, name: ActivityName, result: Sequence[Json], key: str | None = None
    ) -> ActivityOutcome:
        """End it with a result, in its worker's stead."""

        async def work(which: ActivityRef, _: str) -> None:
            await activities.complete(self._temporal, which, result, identity=caller.name)

        def completed(found: Activity) -> bool:
            return found.status is ActivityStatus.COMPLETED

        return await self._outcome(caller, "completeActivity", name, {"result": list(result)}, work, key, completed)

    async def fail(self, caller: Caller, name: ActivityName, failed: Failed, key: str | None = None) -> ActivityOutcome:
        """End its attempt with a failure, in its worker's stead."""

        async def work(which: ActivityRef, _: str) -> None:
            await activities.fail(self._temporal, which, failed, identity=caller.name)

        def failing(found: Activity) -> bool:
            return failed.message in {each.message for each in (found.failure, found.last_failure) if each}

        return await self._outcome(caller, "failActivity", name, failed, work, key, failing)

    async def heartbeat(
        self, caller: Caller, name: ActivityName, details: Sequence[Json], key: str | None = None
    ) -> ActivityOutcome:
        """Say that its running attempt is alive."""

        async def work(which: ActivityRef, _: str) -> Beat:
            return await activities.heartbeat(self._temporal, which, details, identity=caller.name)

        return await self._outcome(caller, "heartbeatActivity", name, {"details": list(details)}, work, key)

    async def _outcome(
        self,
        caller: Caller,
        mutation: str,
        name: ActivityName,
        given: object,
        work: Work,
        key: str | None,
        is_done: Callable[[Activity], bool] | None = None,
    ) -> ActivityOutcome:
        """`is_done` tells by the activity whether an earlier try, of which nobody heard, has done it."""
        problem: Refusal | None = None
        try:
            run, activity_id, token = _resolved(name)
        except Refusal as refusal:
            # It is recorded as well, like everything that is refused.
            problem, activity_id, token = refusal, name.activity_id or "", None
            run = Name(name.namespace or "", name.workflow_id or "", name.run_id)

        async def act(ref: ExecutionRef, attempt: Attempt) -> Done:
            beat = await work(ActivityRef(ref, activity_id, token), attempt.request_id)
            return await self._acts.done(ref, **({"beat": asdict(beat)} if beat else {}))

        async def stands(ref: ExecutionRef, _: Attempt) -> Done | None:
            done = await self._acts.done(ref)
            found = await self._activity(done.rows[0], activity_id) if done.rows else None
            return done if found is not None and is_done is not None and is_done(found) else None

        told_of = {"activityId": activity_id, "taskToken": name.task_token, "given": given}
        wanted = Act(
            mutation,
            Action.ACT_ON_ACTIVITIES,
            told_of,
            act,
            stands,
            {"activityId": activity_id},
            problem=problem,
        )
        try:
            told = await self._acts.perform(caller, run, wanted, key)
        except Refused as refused:
            return ActivityOutcome(refusals=refused.refusals)
        outcome = await self._acts.shown(caller, told)
        beat = Beat(**told.kept["beat"]) if "beat" in told.kept else None
        found = await self._activity(outcome.execution, activity_id) if outcome.execution else None
        return ActivityOutcome(outcome.execution, found, beat, outcome.refusals, outcome.token)

    async def _activity(self, execution: Execution, activity_id: str) -> Activity | None:
        """The one that was scheduled last under this id; None where the run cannot be read: it is acted on already."""
        try:
            view = await self._reading.now(execution)
        except TidelineError as error:
            log.warning("an activity that was acted on cannot be read", activity_id=activity_id, reason=error.message)
            return None
        found = [each for each in view.projection.activities if each.activity_id == activity_id and not each.is_local]
        return found[-1] if found else None


def _resolved(name: ActivityName) -> tuple[Name, str, bytes | None]:
    """The run, the activity's id and the token that are meant; Refusal where that is not clear."""
    if name.task_token is not None:
        if name.workflow_id is not None or name.run_id is not None or name.activity_id is not None:
            raise Refusal(
                "INVALID_INPUT",
                "Name the activity either by taskToken or by workflowId and activityId.",
                path=("taskToken",),
            )
        token = task_token(name.task_token)
        return Name(name.namespace or "", token.workflow_id, token.run_id), token.activity_id, token.token
    if not name.workflow_id or not name.activity_id:
        missing = "activityId" if name.workflow_id else "workflowId"
        raise Refusal(
            "INVALID_INPUT", f"{missing} is missing: name the activity, or give its taskToken.", path=(missing,)
        )
    return Name(name.namespace or "", name.workflow_id, name.run_id), name.activity_id, None


def _check_options(options: ActivityOptions) -> None:
    if options.restore_original and options != ActivityOptions(restore_original=True):
        raise Refusal(
            "INVALID_INPUT",
            "restoreOriginal takes everything back: give no other option with it.",
            path=("restoreOriginal",),
        )
    if options == ActivityOptions():
        raise Refusal("INVALID_INPUT", "Nothing to change is given: name an option, or restoreOriginal.")
    for each in fields(options):
        value = getattr(options, each.name)
        if isinstance(value, float):
            _check_span(f"{camel(each.name)}Seconds" if each.name != "backoff_coefficient" else camel(each.name), value)


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(map(str.title, tail))


def _check_span(argument: str, value: float | None) -> None:
    if value is not None and not 0 <= value <= LONGEST_SPAN:
        message = f"{argument} must be 0 to {LONGEST_SPAN:.0f}; it is {value:g}."
        raise Refusal("INVALID_INPUT", message, path=(argument,))
