"""Scheduling: making, changing and driving schedules, each checked first and recorded before and after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

from app.access import Action
from app.access.workflow_ids import SHARED, WorkflowIds
from app.cluster import OverlapPolicy, ScheduleDetail
from app.cluster.schedule_change import ScheduleChange
from app.errors import BadUserInput, Refusal
from app.gateway.acting.intent import Attempt, Done, Intent, Plan
from app.gateway.acting.once import Once
from app.gateway.caller import Caller, Refused
from app.gateway.names import wrong_name
from app.gateway.quotas import Quotas
from app.gateway.reading.operating import Operating
from app.gateway.schedules.planning import Planning
from app.gateway.schedules.schedule_names import Known, ScheduleName, ScheduleOutcome, known_of
from app.gateway.schedules.scheduled import located
from app.gateway.schedules.timetable import wrong_bounds
from app.gateway.starting.wanted import RESERVED_MEMO
from app.registry import Registry
from app.temporal import schedule_changes
from app.temporal.connection import Temporal

Work = Callable[[Known, str], Awaitable[None]]
"""Done to a schedule under a request id."""
Planned = Callable[[str], Awaitable[str]]
"""What Temporal calls a schedule in a namespace, or will call it; raises refusals where the act cannot be done."""


class Scheduling:
    """Every method answers with a ScheduleOutcome, and raises for an outage: then the action may have happened. The
    same key is one act, however often it is sent."""

    def __init__(
        self,
        temporal: Temporal,
        operating: Operating,
        once: Once,
        lease: float,
        registry: Registry,
        quotas: Quotas,
        ids: WorkflowIds = SHARED,
    ) -> None:
        """`lease` is how many seconds an act can take effect within."""
        self._planning = Planning(temporal, registry, quotas, ids)
        self._temporal = temporal
        self._operating = operating
        self._once = once
        self._lease = lease
        self._quotas = quotas

    async def create(
        self,
        caller: Caller,
        name: ScheduleName,
        change: ScheduleChange,
        *,
        trigger: bool = False,
        key: str | None = None,
    ) -> ScheduleOutcome:
        """Make a schedule that belongs to the caller's tenant, and so do its runs. `trigger` starts one at once."""

        async def planned(namespace: str) -> str:
            return (await self._planning.creation(caller, name.schedule_id, change, namespace)).schedule_id

        async def make(known: Known, request: str) -> None:
            new = await self._planning.creation(caller, name.schedule_id, change, known.namespace)
            async with self._quotas.place() as place:
                if trigger:
                    await place.take(new.tenant)
                with _locating(change):
                    await schedule_changes.create(
                        self._temporal, known.namespace, known.schedule_id, new.change,
                        trigger=trigger, identity=caller.name, request_id=request,
                    )  # fmt: skip

        given = {"change": change, "trigger": trigger}
        return await self._act(caller, "createSchedule", name, given, make, key, planned=planned)

    async def update(
        self, caller: Caller, name: ScheduleName, change: ScheduleChange, key: str | None = None
    ) -> ScheduleOutcome:
        """Change what is given, whoever else changes the rest meanwhile."""

        async def planned(_: str) -> str:
            known = await self._visible(caller, name)
            await self._planning.update(caller, known, change)
            return known.schedule.schedule_id

        async def change_it(which: Known, request: str) -> None:
            whole = await self._planning.update(caller, await self._visible(caller, name), change)
            with _locating(change):
                await schedule_changes.update(
                    self._temporal, which.namespace, which.schedule_id, whole, RESERVED_MEMO,
                    identity=caller.name, request_id=request,
                )  # fmt: skip

        return await self._act(caller, "updateSchedule", name, change, change_it, key, planned=planned)

    async def pause(
        self, caller: Caller, name: ScheduleName, notes: str | None, key: str | None = None
    ) -> ScheduleOutcome:
        """Start nothing more until it is unpaused. `notes` say why."""

        async def do(known: Known, request: str) -> None:
            said = notes or f"Paused by {caller.name}"
            await schedule_changes.pause(
                self._temporal, known.namespace, known.schedule_id, said, identity=caller.name, request_id=request
            )

        return await self._act(caller, "pauseSchedule", name, {"notes": notes}, do, key, wrong=_wrong_notes(notes))

    async def unpause(
        self, caller: Caller, name: ScheduleName, notes: str | None, key: str | None = None
    ) -> ScheduleOutcome:
        async def do(known: Known, request: str) -> None:
            said = notes or f"Unpaused by {caller.name}"
            await schedule_changes.unpause(
                self._temporal, known.namespace, known.schedule_id, said, identity=caller.name, request_id=request
            )

        return await self._act(caller, "unpauseSchedule", name, {"notes": notes}, do, key, wrong=_wrong_notes(notes))

    async def trigger(
        self, caller: Caller, name: ScheduleName, overlap: OverlapPolicy | None, key: str | None = None
    ) -> ScheduleOutcome:
        """Start a run now, also of a paused schedule."""

        async def do(known: Known, request: str) -> None:
            async with self._place(caller, name):
                await schedule_changes.trigger(
                    self._temporal, known.namespace, known.schedule_id, overlap,
                    identity=caller.name, request_id=request,
                )  # fmt: skip

        return await self._act(caller, "triggerSchedule", name, {"overlap": overlap}, do, key)

    async def backfill(
        self,
        caller: Caller,
        name: ScheduleName,
        start: datetime,
        end: datetime,
        overlap: OverlapPolicy | None,
        key: str | None = None,
    ) -> ScheduleOutcome:
        """Start the runs that would have been due within a span of time."""

        async def do(known: Known, request: str) -> None:
            async with self._place(caller, name):
                await schedule_changes.backfill(
                    self._temporal, known.namespace, known.schedule_id, start, end, overlap,
                    identity=caller.name, request_id=request,
                )  # fmt: skip

        given = {"start": start, "end": end, "overlap": overlap}
        wrong = [*wrong_bounds(start, end, ("endTime",))]
        return await self._act(caller, "backfillSchedule", name, given, do, key, wrong=wrong)

    async def delete(self, caller: Caller, name: ScheduleName, key: str | None = None) -> ScheduleOutcome:
        """Its runs go on."""

        async def do(known: Known, _: str) -> None:
            await schedule_changes.delete(self._temporal, known.namespace, known.schedule_id, identity=caller.name)

        return await self._act(caller, "deleteSchedule", name, {}, do, key, remains=False)

    async def _act(
        self,
        caller: Caller,
        mutation: str,
        name: ScheduleName,
        given: object,
        work: Work,
        key: str | None,
        *,
        planned: Planned | None = None,
        wrong: Sequence[Refusal] = (),
        remains: bool = True,
    ) -> ScheduleOutcome:
        """It must be there already, and the caller's to see, unless it is `planned` otherwise. `wrong` is what can be
        said against what is given. Unless it `remains`, it is gone afterwards."""

        async def prepare(_: str) -> Plan:
            if wrong:
                raise Refused(*wrong)
            (namespace,) = self._operating.namespaces_of(name.namespace or self._temporal.default_namespace)
            if planned is not None:
                schedule_id = await planned(namespace)
            else:
                schedule_id = (await self._visible(caller, name)).schedule.schedule_id
            return {"namespace": namespace, "scheduleId": schedule_id}

        async def act(attempt: Attempt) -> Done:
            try:
                await work(known_of(attempt.plan), attempt.request_id)
            except Refusal as refusal:
                if remains or not attempt.is_again or refusal.reason != "NOT_FOUND":
                    raise
            return Done(attempt.plan)

        intent = Intent(
            action=Action.SCHEDULE,
            mutation=mutation,
            input={"name": name, "given": given},
            prepare=prepare,
            act=act,
            key=key,
            namespace=name.namespace,
            detail={"scheduleId": name.schedule_id},
            lease=self._lease,
        )
        try:
            told = await self._once.perform(caller, intent)
        except Refused as refused:
            return ScheduleOutcome(refusals=refused.refusals)
        if not remains:
            return ScheduleOutcome()
        known = known_of(told.kept)
        return ScheduleOutcome(await self._operating.schedule_of(caller.identity, known.namespace, known.schedule_id))

    @asynccontextmanager
    async def _place(self, caller: Caller, name: ScheduleName) -> AsyncIterator[None]:
        """For a run that the schedule starts at the caller's word; its tenant must have one."""
        tenant = (await self._visible(caller, name)).schedule.tenant
        async with self._quotas.place() as place:
            if tenant is not None:
                await place.take(tenant)
            yield

    async def _visible(self, caller: Caller, name: ScheduleName) -> ScheduleDetail:
        found = await self._operating.schedule(caller.identity, name.namespace, name.schedule_id)
        if found is None:
            raise schedule_changes.unknown(name.schedule_id)
        return found


def _wrong_notes(notes: str | None) -> Sequence[Refusal]:
    refusal = wrong_name(notes, "notes") if notes else None
    return (refusal,) if refusal else ()


@contextmanager
def _locating(change: ScheduleChange) -> Iterator[None]:
    try:
        yield
    except BadUserInput as error:
        raise located(error, change) from error
