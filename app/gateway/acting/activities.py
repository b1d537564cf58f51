"""Acting on open activities of runs. As with runs, every method answers with what changed or with refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from app.access import Action
from app.errors import Refusal, TidelineError
from app.gateway.acting.acts import Act, Acts
from app.gateway.acting.intent import Attempt, Done
from app.gateway.caller import Caller, Refused
from app.gateway.names import wrong_name
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
_TIMEOUTS = (
    "schedule_to_close_timeout",
    "schedule_to_start_timeout",
    "start_to_close_timeout",
    "heartbeat_timeout",
)
_INTERVALS = ("initial_interval", "maximum_interval")
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
            await activities.unpause(self._temporal, which, jitter, identity=caller.name)

        wrong = [*_wrong_span(jitter, "jitterSeconds")]
        return await self._outcome(caller, "unpauseActivity", name, {"jitter": jitter}, work, key, wrong=wrong)

    async def reset(
        self, caller: Caller, name: ActivityName, wanted: ResetActivityWanted, key: str | None = None
    ) -> ActivityOutcome:
        """Begin at the first attempt again."""

        async def work(which: ActivityRef, _: str) -> None:
            await activities.reset(
                self._temporal,
                which,
                reset_heartbeat=wanted.reset_heartbeat,
                keep_paused=wanted.keep_paused,
                restore_original_options=wanted.restore_original_options,
                jitter=wanted.jitter,
                identity=caller.name,
            )

        wrong = [*_wrong_span(wanted.jitter, "jitterSeconds")]
        return await self._outcome(caller, "resetActivity", name, wanted, work, key, wrong=wrong)

    async def update_options(
        self, caller: Caller, name: ActivityName, options: ActivityOptions, key: str | None = None
    ) -> ActivityOutcome:
        """Change its options."""

        async def work(which: ActivityRef, _: str) -> None:
            await activities.update_options(self._temporal, which, options, identity=caller.name)

        wrong = [*wrong_options(options)]
        return await self._outcome(caller, "updateActivityOptions", name, options, work, key, wrong=wrong)

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
        wrong: Sequence[Refusal] = (),
    ) -> ActivityOutcome:
        """`is_done` tells by the activity whether an earlier try, of which nobody heard, has done it. `wrong` is what
        can be said against what is given."""
        problem: Refusal | Refused | None = Refused(*wrong) if wrong else None
        try:
            run, activity_id, token = _resolved(name)
        except Refusal as refusal:
            # It is recorded as well, like everything that is refused.
            problem, activity_id, token = Refused(refusal, *wrong), name.activity_id or "", None
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


def wrong_options(options: ActivityOptions) -> Iterator[Refusal]:
    """Everything that is wrong with a change of an activity's options, before Temporal hears of it."""
    if options.restore_original and options != ActivityOptions(restore_original=True):
        message = "restoreOriginal takes everything back: give no other option with it."
        yield _invalid(message, "restoreOriginal")
    if options == ActivityOptions():
        yield _invalid("Nothing to change is given: name an option, or restoreOriginal.")
    if options.task_queue is not None and (refusal := wrong_name(options.task_queue, "taskQueue")):
        yield refusal
    for name in _TIMEOUTS:
        yield from _wrong_span(getattr(options, name), f"{camel(name)}Seconds")
    for name in _INTERVALS:
        yield from _wrong_span(getattr(options, name), "retryPolicy", f"{camel(name)}Seconds")
    backoff, attempts, priority = options.backoff_coefficient, options.maximum_attempts, options.priority
    if backoff is not None and not 1 <= backoff <= LONGEST_SPAN:
        message = f"backoffCoefficient must be 1 to {LONGEST_SPAN:.0f}; it is {backoff:g}."
        yield _invalid(message, "retryPolicy", "backoffCoefficient")
    if attempts is not None and attempts < 0:
        message = f"maximumAttempts must be 0, for no bound, or more; it is {attempts}."
        yield _invalid(message, "retryPolicy", "maximumAttempts")
    if priority is not None and priority < 0:
        yield _invalid(f"priority must be 0, for the usual one, or more; it is {priority}.", "priority")


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(map(str.title, tail))


def _wrong_span(value: float | None, *path: str) -> Iterator[Refusal]:
    if value is not None and not 0 <= value <= LONGEST_SPAN:
        yield _invalid(f"{path[-1]} must be 0 to {LONGEST_SPAN:.0f}; it is {value:g}.", *path)


def _invalid(message: str, *path: str) -> Refusal:
    return Refusal("INVALID_INPUT", message, path=path)
