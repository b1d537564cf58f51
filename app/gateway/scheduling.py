"""Scheduling: making, changing and driving schedules, each checked first and recorded before and after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from app.access import Action, tenant_for
from app.cluster import OverlapPolicy, ScheduleDetail
from app.cluster.schedule_change import ScheduleChange
from app.errors import BadUserInput, Refusal
from app.gateway.caller import Caller, Refused
from app.gateway.intent import Attempt, Done, Intent, Plan
from app.gateway.once import Once
from app.gateway.operating import Operating
from app.gateway.quotas import Quotas, wrong_place
from app.gateway.scheduled import after, completed, wrong_creation, wrong_update
from app.gateway.timetable import invalid, wrong_bounds
from app.gateway.wanted import RESERVED_MEMO, tenant_of
from app.model import Json
from app.registry import Registry
from app.temporal import schedule_changes
from app.temporal.connection import Temporal


@dataclass(frozen=True, slots=True)
class ScheduleName:
    schedule_id: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleOutcome:
    """The schedule as it is now; None where refusals say why nothing was done, and for one that is deleted."""

    schedule: ScheduleDetail | None = None
    refusals: tuple[Refusal, ...] = ()


Work = Callable[[str, str], Awaitable[None]]
"""Done in a namespace under a request id."""


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
    ) -> None:
        """`lease` is how many seconds an act can take effect within."""
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

        async def make(namespace: str, request: str) -> None:
            if not name.schedule_id:
                raise invalid("scheduleId cannot be empty.", "scheduleId")
            await self._create(caller, namespace, name.schedule_id, change, trigger, request)

        return await self._act(
            caller, "createSchedule", name, {"change": change, "trigger": trigger}, make, key, exists=False
        )

    async def _create(
        self, caller: Caller, namespace: str, schedule_id: str, change: ScheduleChange, trigger: bool, request_id: str
    ) -> None:
        definition = self._registry.find(change.action.get("workflow_type", ""))
        if refusals := [*wrong_creation(change, definition)]:
            raise Refused(*refusals)
        tenant, environment = tenant_for(caller.identity, *tenant_of(definition, change.action.get("input", ())))
        found = await self._quotas.tenant(tenant)
        if found is not None and (refusal := wrong_place(found, environment)):
            raise refusal
        memo, attributes = await self._ownership(caller, tenant, environment)
        action = completed(change.action, definition, workflow_id=schedule_id)
        action["memo"] = {**action.get("memo", {}), **memo}
        action["search_attributes"] = {**action.get("search_attributes", {}), **attributes}
        whole = replace(
            change,
            action=action,
            memo={**(change.memo or {}), **memo},
            search_attributes={**(change.search_attributes or {}), **attributes},
        )
        try:
            with self._quotas.place() as place:
                if trigger:
                    await place.take(tenant)
                await schedule_changes.create(
                    self._temporal,
                    namespace,
                    schedule_id,
                    whole,
                    trigger=trigger,
                    identity=caller.name,
                    request_id=request_id,
                )
        except BadUserInput as error:
            raise _located(error, change) from error

    async def update(
        self, caller: Caller, name: ScheduleName, change: ScheduleChange, key: str | None = None
    ) -> ScheduleOutcome:
        """Change what is given, whoever else changes the rest meanwhile."""

        async def change_it(namespace: str, request: str) -> None:
            known = await self._visible(caller, name)
            merged = after(known.action, change.action, await self._input(known))
            definition = self._registry.find(merged.get("workflow_type", ""))
            if refusals := [*wrong_update(known.schedule, change, definition, merged)]:
                raise Refused(*refusals)
            whole = replace(change, action=completed(change.action, definition))
            try:
                await schedule_changes.update(
                    self._temporal, namespace, name.schedule_id, whole, RESERVED_MEMO,
                    identity=caller.name, request_id=request,
                )  # fmt: skip
            except BadUserInput as error:
                raise _located(error, change) from error

        return await self._act(caller, "updateSchedule", name, change, change_it, key)

    async def pause(
        self, caller: Caller, name: ScheduleName, notes: str | None, key: str | None = None
    ) -> ScheduleOutcome:
        """Start nothing more until it is unpaused. `notes` say why."""

        async def do(namespace: str, request: str) -> None:
            said = notes or f"Paused by {caller.name}"
            await schedule_changes.pause(
                self._temporal, namespace, name.schedule_id, said, identity=caller.name, request_id=request
            )

        return await self._act(caller, "pauseSchedule", name, {"notes": notes}, do, key)

    async def unpause(
        self, caller: Caller, name: ScheduleName, notes: str | None, key: str | None = None
    ) -> ScheduleOutcome:
        async def do(namespace: str, request: str) -> None:
            said = notes or f"Unpaused by {caller.name}"
            await schedule_changes.unpause(
                self._temporal, namespace, name.schedule_id, said, identity=caller.name, request_id=request
            )

        return await self._act(caller, "unpauseSchedule", name, {"notes": notes}, do, key)

    async def trigger(
        self, caller: Caller, name: ScheduleName, overlap: OverlapPolicy | None, key: str | None = None
    ) -> ScheduleOutcome:
        """Start a run now, also of a paused schedule."""

        async def do(namespace: str, request: str) -> None:
            async with self._place(caller, name):
                await schedule_changes.trigger(
                    self._temporal, namespace, name.schedule_id, overlap, identity=caller.name, request_id=request
                )

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

        async def do(namespace: str, request: str) -> None:
            if refusals := [*wrong_bounds(start, end, ("endTime",))]:
                raise Refused(*refusals)
            async with self._place(caller, name):
                await schedule_changes.backfill(
                    self._temporal, namespace, name.schedule_id, start, end, overlap,
                    identity=caller.name, request_id=request,
                )  # fmt: skip

        given = {"start": start, "end": end, "overlap": overlap}
        return await self._act(caller, "backfillSchedule", name, given, do, key)

    async def delete(self, caller: Caller, name: ScheduleName, key: str | None = None) -> ScheduleOutcome:
        """Its runs go on."""

        async def do(namespace: str, _: str) -> None:
            await schedule_changes.delete(self._temporal, namespace, name.schedule_id, identity=caller.name)

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
        exists: bool = True,
        remains: bool = True,
    ) -> ScheduleOutcome:
        """`exists`: it must be there already, and the caller's to see. Unless it `remains`, it is gone afterwards."""

        async def prepare(_: str) -> Plan:
            (namespace,) = self._operating.namespaces_of(name.namespace or self._temporal.default_namespace)
            if exists:
                await self._visible(caller, name)
            return {"namespace": namespace, "scheduleId": name.schedule_id}

        async def act(attempt: Attempt) -> Done:
            try:
                await work(str(attempt.plan["namespace"]), attempt.request_id)
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
            await self._once.perform(caller, intent)
        except Refused as refused:
            return ScheduleOutcome(refusals=refused.refusals)
        if not remains:
            return ScheduleOutcome()
        found = await self._operating.schedule(caller.identity, name.namespace, name.schedule_id)
        return ScheduleOutcome(found)

    @asynccontextmanager
    async def _place(self, caller: Caller, name: ScheduleName) -> AsyncIterator[None]:
        """For a run that the schedule starts at the caller's word; its tenant must have one."""
        tenant = (await self._visible(caller, name)).schedule.tenant
        with self._quotas.place() as place:
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


def _located(error: BadUserInput, change: ScheduleChange) -> Refusal:
    """The server's refusal at the field that it speaks of, as far as its words tell."""
    _, is_spec, said = error.message.partition("Invalid schedule spec: ")
    cron = change.spec.get("cron", ())
    if not is_spec:
        return invalid(error.message)
    if not cron:
        return invalid(f"spec: {said}", "spec")
    return invalid(f"spec.cron: {said}", "spec", "cron", *([0] if len(cron) == 1 else []))
