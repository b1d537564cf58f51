"""Scheduling: making, changing and driving schedules, each checked first and recorded before and after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from app.access import Action, tenant_for
from app.access.workflow_ids import SHARED, WorkflowIds
from app.cluster import OverlapPolicy, ScheduleDetail
from app.cluster.schedule_change import ScheduleChange
from app.errors import BadUserInput, Refusal
from app.gateway.acting.intent import Attempt, Done, Intent, Plan
from app.gateway.acting.once import Once
from app.gateway.caller import Caller, Refused
from app.gateway.quotas import Quotas, wrong_place
from app.gateway.reading.operating import Operating
from app.gateway.schedules.schedule_names import Known, ScheduleName, ScheduleOutcome, known_of
from app.gateway.schedules.scheduled import after, completed, located, wrong_creation, wrong_update
from app.gateway.schedules.timetable import invalid, wrong_bounds
from app.gateway.starting.wanted import RESERVED_MEMO, tenant_of
from app.model import Json
from app.registry import Registry
from app.temporal import schedule_changes
from app.temporal.connection import Temporal

Work = Callable[[Known, str], Awaitable[None]]
"""Done to a schedule under a request id."""
Called = Callable[[], str]
"""What Temporal will call a schedule that is yet to be made; raises a refusal where it cannot be."""


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
        self._ids = ids
        self._temporal = temporal
        self._operating = operating
        self._once = once
        self._lease = lease
        self._registry = registry
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

        def called() -> str:
            owner = self._owner(caller, name, change)
            return self._ids.new(caller.identity, *owner, name.schedule_id)

        async def make(known: Known, request: str) -> None:
            await self._create(caller, name, known, change, trigger, request)

        return await self._act(
            caller, "createSchedule", name, {"change": change, "trigger": trigger}, make, key, called=called
        )

    def _owner(self, caller: Caller, name: ScheduleName, change: ScheduleChange) -> tuple[str, str]:
        """The tenant and environment whose a new schedule becomes, once there is nothing wrong with it."""
        definition = self._registry.find(change.action.get("workflow_type", ""))
        if not name.schedule_id:
            raise invalid("scheduleId cannot be empty.", "scheduleId")
        if refusals := [*wrong_creation(change, definition)]:
            raise Refused(*refusals)
        return tenant_for(caller.identity, *tenant_of(definition, change.action.get("input", ())))

    async def _create(
        self, caller: Caller, name: ScheduleName, known: Known, change: ScheduleChange, trigger: bool, request_id: str
    ) -> None:
        definition = self._registry.find(change.action.get("workflow_type", ""))
        tenant, environment = self._owner(caller, name, change)
        found = await self._quotas.tenant(tenant)
        if found is not None and (refusal := wrong_place(found, environment)):
            raise refusal
        memo, attributes = await self._ownership(caller, tenant, environment)
        action = completed(change.action, definition, workflow_id=name.schedule_id)
        action["workflow_id"] = self._ids.new(
            caller.identity, tenant, environment, action.get("workflow_id") or name.schedule_id
        )
        action["memo"] = {**action.get("memo", {}), **memo}
        action["search_attributes"] = {**action.get("search_attributes", {}), **attributes}
        whole = replace(
            change,
            action=action,
            memo={**(change.memo or {}), **memo},
            search_attributes={**(change.search_attributes or {}), **attributes},
        )
        try:
            async with self._quotas.place() as place:
                if trigger:
                    await place.take(tenant)
                await schedule_changes.create(
                    self._temporal,
                    known.namespace,
                    known.schedule_id,
                    whole,
                    trigger=trigger,
                    identity=caller.name,
                    request_id=request_id,
                )
        except BadUserInput as error:
            raise located(error, change) from error

    async def update(
        self, caller: Caller, name: ScheduleName, change: ScheduleChange, key: str | None = None
    ) -> ScheduleOutcome:
        """Change what is given, whoever else changes the rest meanwhile."""

        async def change_it(which: Known, request: str) -> None:
            known = await self._visible(caller, name)
            merged = after(known.action, change.action, await self._input(known))
            definition = self._registry.find(merged.get("workflow_type", ""))
            if refusals := [*wrong_update(known.schedule, change, definition, merged)]:
                raise Refused(*refusals)
            action = completed(change.action, definition)
            tenant, environment = known.schedule.tenant, known.schedule.environment
            if (called := action.get("workflow_id")) and tenant is not None and environment is not None:
                action["workflow_id"] = self._ids.new(caller.identity, tenant, environment, called)
            whole = replace(change, action=action)
            try:
                await schedule_changes.update(
                    self._temporal, which.namespace, which.schedule_id, whole, RESERVED_MEMO,
                    identity=caller.name, request_id=request,
                )  # fmt: skip
            except BadUserInput as error:
                raise located(error, change) from error

        return await self._act(caller, "updateSchedule", name, change, change_it, key)

    async def pause(
        self, caller: Caller, name: ScheduleName, notes: str | None, key: str | None = None
    ) -> ScheduleOutcome:
        """Start nothing more until it is unpaused. `notes` say why."""

        async def do(known: Known, request: str) -> None:
            said = notes or f"Paused by {caller.name}"
            await schedule_changes.pause(
                self._temporal, known.namespace, known.schedule_id, said, identity=caller.name, request_id=request
            )

        return await self._act(caller, "pauseSchedule", name, {"notes": notes}, do, key)

    async def unpause(
        self, caller: Caller, name: ScheduleName, notes: str | None, key: str | None = None
    ) -> ScheduleOutcome:
        async def do(known: Known, request: str) -> None:
            said = notes or f"Unpaused by {caller.name}"
            await schedule_changes.unpause(
                self._temporal, known.namespace, known.schedule_id, said, identity=caller.name, request_id=request
            )

        return await self._act(caller, "unpauseSchedule", name, {"notes": notes}, do, key)

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
            if refusals := [*wrong_bounds(start, end, ("endTime",))]:
                raise Refused(*refusals)
            async with self._place(caller, name):
                await schedule_changes.backfill(
                    self._temporal, known.namespace, known.schedule_id, start, end, overlap,
                    identity=caller.name, request_id=request,
                )  # fmt: skip

        given = {"start": start, "end": end, "overlap": overlap}
        return await self._act(caller, "backfillSchedule", name, given, do, key)

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
        called: Called | None = None,
        remains: bool = True,
    ) -> ScheduleOutcome:
        """It must be there already, and the caller's to see, unless it is yet to be `called` something. Unless it
        `remains`, it is gone afterwards."""

        async def prepare(_: str) -> Plan:
            (namespace,) = self._operating.namespaces_of(name.namespace or self._temporal.default_namespace)
            schedule_id = called() if called else (await self._visible(caller, name)).schedule.schedule_id
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

    async def _ownership(
        self, caller: Caller, tenant: str, environment: str
    ) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
        """Memo and search attributes that say whose a schedule is, and its runs."""
        memo = {"createdBy": caller.identity.subject, "tenant": tenant, "environment": environment}
        if not await self._temporal.has_tenant_attributes():
            return memo, {}
        return memo, {"TenantId": tenant, "EnvironmentId": environment}

    async def _input(self, known: ScheduleDetail) -> list[Json]:
        return await self._temporal.payloads.values(known.schedule.namespace, known.action.input)
